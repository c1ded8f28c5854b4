"""The words and marks that several pages share."""

from __future__ import annotations

import re
from collections.abc import Iterable

from seawall.kernel import Outcome, Reason, Rule
from seawall.registry.stage import Stage
from seawall.server.pages import views
from seawall.server.pages.views import Judged, Status

MEASURES = {
    "error_difference": "errors, difference",
    "error_ratio": "errors, ratio",
    "slow_difference": "slow answers, difference",
    "prediction_shift": "score shift",
    "wrong_difference": "wrong answers, difference",
    "label_arrival_difference": "labels arrived, difference",
    "sample_ratio": "share of traffic, departure",
    "error_rate": "errors",
    "slow_rate": "slow answers",
    "wrong_rate": "wrong answers",
}
"""How a rollout's measures are called on pages."""
SHARES = ("prediction_shift", "sample_ratio", "error_rate", "slow_rate", "wrong_rate")
_MEASURE = re.compile("|".join(rf"\b{name}\b" for name in MEASURES))
_BOUND = re.compile(r"^(.+?) (at most|at least|within) (-?[0-9.]+(?:e[-+]?[0-9]+)?)")

STAGES: dict[Stage, Status] = {
    Stage.REGISTERED: Status("none", "registered"),
    Stage.VALIDATED: Status("undecided", "awaits approval"),
    Stage.APPROVED: Status("good", "approved"),
    Stage.SHADOW: Status("undecided", "shadow"),
    Stage.CANARY: Status("undecided", "canary"),
    Stage.PRODUCTION: Status("good", "in production"),
    Stage.ROLLED_BACK: Status("bad", "rolled back"),
    Stage.REJECTED: Status("bad", "rejected"),
    Stage.RETIRED: Status("none", "retired"),
}

ROLLOUTS: dict[str, Status] = {
    "running": Status("undecided", "running"),
    "paused": Status("warning", "waits for a person"),
    "promoted": Status("good", "promoted"),
    "rolled_back": Status("bad", "rolled back"),
    "aborted": Status("none", "aborted"),
}


def unit(measure: str) -> str:
    """How a rollout's measure is written: shares in per cent, differences in points."""
    if measure in SHARES:
        return "%"
    return "pp" if measure.endswith("_difference") else ""


def bounds(rule: Rule) -> tuple[float | None, float | None]:
    """The ends of what a rule tolerates, None where open."""
    if rule.within is not None:
        return -rule.within, rule.within
    return rule.at_least, rule.at_most


def judged(reason: Reason, clause: str = "") -> Judged:
    """A reason of a verdict as a row; the bounds are those that its words name."""
    found = _BOUND.match(reason.message) or _BOUND.match(reason.rule)
    low = high = None
    if found and reason.estimate is not None:
        bound = float(found[3])
        low = bound if found[2] == "at least" else -bound if found[2] == "within" else None
        high = None if found[2] == "at least" else bound
    measured = found is not None and reason.estimate is not None
    name = found[1] if found and reason.rule.startswith(found[1]) else reason.rule
    return Judged(
        name=called(name),
        status=views.status_of(reason.outcome),
        estimate=reason.estimate,
        low=low,
        high=high,
        unit="ms" if name.startswith("latency") else "",
        clause=clause,
        note="" if measured else reason.message,
    )


def called(measure: str) -> str:
    """A measure as people say it: `ROC AUC`, `equal opportunity difference, SEX`."""
    name, _, by = measure.partition("[")
    known = MEASURES | {"roc_auc": "ROC AUC", "ece_debiased": "calibration error", "f1": "F1"}
    said = known.get(name, name.replace("_", " "))
    return f"{said}, {by.rstrip(']')}" if by else said


def plain(text: str) -> str:
    """A sentence of the rollout with its measures as people say them."""
    return _MEASURE.sub(lambda found: MEASURES[found[0]], text)


def share(value: float) -> str:
    """A share in words, without decimals it does not need."""
    return f"{100 * value:.3g} %"


def listed(names: Iterable[str], most: int = 3) -> str:
    """`a, b and c`; beyond `most` only their number."""
    every = list(names)
    shown = every[:most]
    if len(every) > most:
        shown = [*shown, f"{len(every) - most} more"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def plural(count: int, one: str, many: str = "") -> str:
    """`1 model`, `2 models`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def sentence(text: str) -> str:
    """The text with a capital letter and a full stop."""
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def number(version: str) -> str:
    """The number in a version's name: `3` of `income@3`."""
    return version.partition("@")[2]


OUTCOMES = {Outcome.PASS: "passes", Outcome.FAIL: "fails", Outcome.UNDECIDED: "is undecided"}
