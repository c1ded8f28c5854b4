"""What callers tell of decisions later: outcomes, actions, overrides, business events.

One in a body or a list of them. Each is taken or rejected by itself, so that one wrong row of a
thousand costs one. What is taken is on the disk before the reply. Told again it changes nothing:
neither with the time it happened (an event with its own id) nor, without one, straight after.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import msgspec

from seawall.adapters.decisions import DecisionLog, check_told
from seawall.gateway.request import decode
from seawall.kernel import BadInput
from seawall.serving.followup import ActionTaken, BusinessEvent, FollowUp, Override
from seawall.serving.outcome import SHOWN, Outcome, OutcomeReport, Rejected, Told, checked

Kind = Literal["outcomes", "actions", "overrides", "events"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""Each is a route, and a scope of tokens."""
_FOLLOW_UPS: dict[Kind, type[FollowUp]] = {
    "actions": ActionTaken,
    "overrides": Override,
    "events": BusinessEvent,
}
_rows = msgspec.json.Decoder(list[dict[str, Any]] | dict[str, Any])


def learn(log: DecisionLog, kind: Kind, body: bytes) -> OutcomeReport:
    """Keep durably what a body tells, and say what was received and what was not, and why.

    Raises `BadInput` for a body that is neither an object nor a list of them, and `Unavailable`
    when the disk does not take it: then nothing was kept.
    """
    given = decode(_rows, body)
    told, rejected = list[Outcome | FollowUp](), list[Rejected]()
    for row in given if isinstance(given, list) else [given]:
        try:
            one = msgspec.convert(row, _FOLLOW_UPS.get(kind, Told))
            if isinstance(one, Told):
                outcomes, wrong = checked([one])
                told += outcomes
                rejected += wrong
            else:
                check_told(one)
                told.append(one)
        except (BadInput, msgspec.ValidationError) as error:
            rejected.append(Rejected(str(row.get("decision_id", ""))[:SHOWN], str(error)))
    log.append_told(told)
    return OutcomeReport(received=len(told), rejected=tuple(rejected))
