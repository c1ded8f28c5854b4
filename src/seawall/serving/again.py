"""A past decision performed again: the same input, artefact and bundle must give the same record.

What was answered then is in the record; what is answered now is packed into a record by the same
code. If they agree in every value they have the same leaf hash, which is what the audit log proves.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from seawall.kernel import (
    Corrupt,
    NotFound,
    Outcome,
    Reason,
    SeawallError,
    Verdict,
    to_builtins,
)
from seawall.serving.bundle import Arm, Bundle
from seawall.serving.decide import Answer, Batch, Decider, Steps, batch_of
from seawall.serving.decision import DecisionRecord, canonical, from_bytes, leaf_hash
from seawall.serving.packing import Packer
from seawall.serving.packing import Said as Context
from seawall.serving.question import FAILED, Said, Unanswered, ask
from seawall.serving.remote import FORMAT
from seawall.serving.route import position, unit_hash
from seawall.serving.signature import Signature

COMPARED = (
    "model", "version_digest", "bundle_digest", "policy_digest", "arm", "arm_probability",
    "output", "score", "probabilities", "threshold", "reasons", "guards", "fallback",
)  # fmt: skip
"""What the gateway decided, of all that a record holds."""
SAME = "the same answer"
BATCH_ULPS = 4.0
"""By so many 32-bit last places a model may answer a batch otherwise than a row."""
_GIVEN = ("override", "override_reason", "reviewer", "notice", "kept_probability", "minimal")
_HIDDEN = re.compile(r"(token|digest:[0-9a-f]{32}):[0-9a-f]{64}")
_SHAPELESS = re.compile(r"\((list|dict)\)")
"""What the log keeps of a value that is neither text nor number (keeping.py)."""


class Difference(msgspec.Struct, frozen=True):
    """A field of the record that is otherwise now; `ulps` of a score, in 32-bit last places."""

    field: str
    recorded: Any
    again: Any
    ulps: float | None = None


class Again(msgspec.Struct, frozen=True):
    """What came of it: the record made again, and where it differs.

    `leaf` is None where values were erased; else whether the leaf hash is the recorded one.
    `not_compared` are fields that were erased; `notes` what else there is to know.
    """

    record: DecisionRecord
    differences: tuple[Difference, ...]
    leaf: bool | None
    not_compared: tuple[str, ...]
    notes: tuple[str, ...]


def withheld(record: DecisionRecord, bundle: Bundle) -> dict[str, str]:
    """The fields of the model's input that the record does not hold as they were sent, and why."""
    others = bundle.privacy.get("*", "plain")
    found: dict[str, str] = {}
    for name in bundle.signature.names:
        rule, kept = bundle.privacy.get(name, others), record.input.get(name)
        if f"input.{name}" in record.erased:
            found[name] = "was erased"
        elif rule == "drop" and name not in record.input:
            found[name] = "is not kept, by the privacy rule"
        elif isinstance(kept, str) and (form := _HIDDEN.fullmatch(kept)):
            found[name] = f"is kept as a {form[1].partition(':')[0]} only"
        elif isinstance(kept, str) and (form := _SHAPELESS.fullmatch(kept)):
            found[name] = f"came as a {form[1]}, of which the log keeps no more"
    return found


def answering(bundle: Bundle) -> tuple[Arm, ...]:
    """The arms whose models an answer may need: those with traffic, and those that are asked."""
    asked = {n for g in bundle.guards if g.disagreement for n in g.disagreement.arms}
    asked |= {"champion", *(bundle.fallback.arms if bundle.fallback else ())}
    return tuple(a for a in bundle.arms if a.weight > 0 or a.name in asked)


def routed_by(record: DecisionRecord, bundle: Bundle) -> str:
    """Which routing key put the unit where it lies."""
    if record.unit is None:
        return "erased"
    own = unit_hash(record.id, bundle.salt).hex() == record.unit
    return "the decision's id" if own else "a key of the caller's"


def perform(
    record: DecisionRecord,
    bundle: Bundle,
    models: Mapping[str, Any],
    request: Sequence[DecisionRecord] = (),
) -> Again:
    """Decide it again, alone or with all rows of its `request`, itself among them.

    `models` are by arm. A local kill switch and a failure of the arm's model are taken from the
    record: they are not in the bundle. What a guard may take in time is not held against it.
    """
    rows = list(request) or [record]
    guards = tuple(msgspec.structs.replace(g, budget_ms=None) for g in bundle.guards)
    decider = Decider(msgspec.structs.replace(bundle, guards=guards))
    first = record.reasons[0] if record.reasons else ""
    killed, failed = first.startswith("switched off"), first.startswith(FAILED)
    positions = [0.0 if r.unit is None else position(bytes.fromhex(r.unit)) for r in rows]
    steps = decider.decide(_batch(decider, rows), positions, record.time, killed=killed)
    failing = record.arm if failed else None
    answers, said = _run(steps, models, failing)
    answer = answers[next(i for i, r in enumerate(rows) if r.id == record.id)]
    made = _record(record, bundle, answer)
    gone = tuple(n for n in COMPARED if n in record.erased)
    found = tuple(_differences(record, made, gone))
    notes: list[str] = []
    if failing:
        now = "fails again" if said is None else "answers now"
        notes.append(
            f"the model failed then, which is taken as given; asked again outside of it, it {now}"
        )
    if killed and not bundle.killed:
        notes.append("the endpoint was switched off at the gateway then, which is taken as given")
    if len(rows) > 1:
        notes.append(f"asked together with the {len(rows) - 1} other rows of its request")
    leaf = leaf_hash(made) == leaf_hash(record) if record.salt else None
    return Again(made, found, leaf, gone, tuple(notes))


def _batch(decider: Decider, rows: Sequence[DecisionRecord]) -> Batch:
    typed = [decider.reader.record(row.input) for row in rows]
    values = [row.values for row in typed if row is not None]
    if len(values) == len(rows):
        return Batch(values, np.array(values, dtype=np.float64))
    return batch_of(decider.validator.records([row.input for row in rows]))


def _run(
    steps: Steps,
    models: Mapping[str, Any],
    failing: str | None,
) -> tuple[list[Answer], Said | None]:
    """The answers with one arm failing, and what that arm says after all."""
    aside: Said | None = None
    try:
        question = next(steps)
        while True:
            try:
                said = ask(models[question.arm], question)
            except Exception:  # noqa: BLE001 -- a model is somebody else's code
                said = None
            if question.arm == failing:
                aside, said = said, None
            question = steps.send(Unanswered() if said is None else said)
    except StopIteration as done:
        return done.value, aside


def _record(record: DecisionRecord, bundle: Bundle, answer: Answer) -> DecisionRecord:
    """What would be logged of this answer, with what was not decided taken from the record."""
    unit = b"" if record.unit is None else bytes.fromhex(record.unit)
    packed = Packer(bundle)(
        answer,
        decision_id=record.id,
        at=record.time,
        unit=unit,
        kept=record.input,
        latency_ms=record.latency_ms or 0.0,
        said=Context(record.caller, record.purpose, record.trace_id, record.subject, record.action),
    )
    given = {name: getattr(record, name) for name in _GIVEN}
    return msgspec.structs.replace(from_bytes(packed), salt=record.salt, **given)


def _differences(
    record: DecisionRecord, made: DecisionRecord, gone: Sequence[str]
) -> Generator[Difference]:
    for name in COMPARED:
        then, now = getattr(record, name), getattr(made, name)
        if name in gone or canonical(then) == canonical(now):
            continue
        yield Difference(name, then, now, _ulps(then, now) if name == "score" else None)


def _ulps(then: Any, now: Any) -> float | None:
    if not isinstance(then, float) or not isinstance(now, float):
        return None
    place = float(np.spacing(np.float32(abs(then))))
    return round(abs(then - now) / place, 3) if math.isfinite(place) else None


def told_again(
    record: DecisionRecord,
    bundle_of: Callable[[str], Bundle],
    models_of: Callable[[Sequence[Arm], Signature], Mapping[str, Any]],
    request_of: Callable[[], Sequence[DecisionRecord]],
) -> tuple[Verdict, dict[str, Any]]:
    """A decision performed again as a verdict and its JSON shape.

    Alone first; where that differs, with the other rows of its request, as a model may answer a
    batch otherwise in the last place. What cannot be had makes it undecided and says why.
    """
    body: dict[str, Any] = {
        "decision": record.id, "time": record.time.isoformat(), "endpoint": record.endpoint,
        "version": record.model, "artefact": record.version_digest,
        "bundle": {"digest": record.bundle_digest, "number": None}, "route": None,
        "recorded": _shown(record), "again": None, "differences": [], "not_compared": [],
        "leaf": None, "notes": [],
    }  # fmt: skip
    try:
        if record.bundle_digest is None:
            raise NotFound("the record names no bundle")
        bundle = bundle_of(record.bundle_digest)
        body["bundle"]["number"] = bundle.number
        body["route"] = _route(record, bundle)
        if missing := _missing(record, bundle):
            raise NotFound(missing)
        arms = answering(bundle)
        if away := [a.version for a in arms if a.format == FORMAT]:
            raise NotFound(f"{away[0]} runs on another server, which may answer otherwise by now")
        models = models_of(arms, bundle.signature)
    except (NotFound, Corrupt) as error:
        return _undecided(error), body
    done = perform(record, bundle, models)
    if done.differences:
        request = request_of()
        whole = len(request) > 1 and not any(_missing(r, bundle) for r in request)
        together = perform(record, bundle, models, request) if whole else done
        if len(together.differences) < len(done.differences):
            done = together
        elif len(request) > 1 and not whole and _nearly(done.differences):
            why = "it differs in the last place, and other rows of its request were not kept"
            return _undecided(NotFound(why)), body
    body |= {
        "again": _shown(done.record),
        "differences": [to_builtins(d) for d in done.differences],
        "not_compared": list(done.not_compared), "leaf": done.leaf, "notes": list(done.notes),
    }  # fmt: skip
    return _verdict(done), body


def _nearly(differences: Sequence[Difference]) -> bool:
    """Whether the score, and what follows from it, is off by what a batch may differ from a row."""
    found = {d.field: d for d in differences}
    if not {"score"} <= found.keys() <= {"score", "output", "probabilities"}:
        return False
    score, output = found["score"], found.get("output")
    labels = None if output is None else (output.recorded.get("label"), output.again.get("label"))
    value = labels == (score.recorded, score.again)  # of a regression the value is its own label
    same = labels is None or value or labels[0] == labels[1]
    return same and score.ulps is not None and score.ulps <= BATCH_ULPS


def _missing(record: DecisionRecord, bundle: Bundle) -> str:
    """Why it cannot be performed; nothing when it can."""
    if hidden := withheld(record, bundle):
        return "; ".join(f"{name} {why}" for name, why in list(hidden.items())[:8])
    if record.minimal:
        return "its inputs were left out by sampling"
    if not record.input:
        return "no input was kept"
    if record.unit is None and len(bundle.weights(record.time)) > 1:
        return "the unit, which says the arm, was erased"
    return ""


def _route(record: DecisionRecord, bundle: Bundle) -> dict[str, Any]:
    """The arm that the keyed hash of the unit gives, before any approval's segment is looked at."""
    found: dict[str, Any] = {"by": routed_by(record, bundle), "arm": None, "position": None}
    if record.unit is not None:
        at = position(bytes.fromhex(record.unit))
        placed = Decider(bundle).arm_at(at, record.time)
        found |= {"arm": placed[0].name if placed else None, "position": at}
    return found


def _shown(record: DecisionRecord) -> dict[str, Any]:
    return to_builtins({name: getattr(record, name) for name in COMPARED})


def _undecided(error: SeawallError) -> Verdict:
    reason = Reason(SAME, f"it cannot be performed again: {error}", Outcome.UNDECIDED)
    return Verdict(Outcome.UNDECIDED, (reason,))


def _verdict(done: Again) -> Verdict:
    if done.differences:
        names = ", ".join(d.field for d in done.differences)
        return Verdict(Outcome.FAIL, (Reason(SAME, f"it differs in {names}", Outcome.FAIL),))
    said = "every value is the same, bit by bit"
    if done.leaf:
        said += ", and so is the leaf hash that the audit log proves"
    if done.not_compared:
        said += f"; not compared, since erased: {', '.join(done.not_compared)}"
    return Verdict(Outcome.PASS, (Reason(SAME, said, Outcome.PASS),))
