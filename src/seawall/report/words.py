"""How a value is written for people: the same digits in a table, a page and a terminal."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from seawall.kernel import Estimate, Outcome, Reason, Verdict
from seawall.report.document import Cell

MARKS: dict[Outcome, str] = {Outcome.PASS: "✓", Outcome.FAIL: "✗", Outcome.UNDECIDED: "○"}
"""A shape for each outcome, beside its word: never colour alone."""
NAMES = {
    "accuracy": "accuracy",
    "roc_auc": "ROC AUC",
    "average_precision": "average precision",
    "log_loss": "log loss",
    "brier": "Brier score",
    "ece": "calibration error",
    "ece_debiased": "calibration error, debiased",
    "f1": "F1",
    "mae": "MAE",
    "rmse": "RMSE",
    "mape": "MAPE",
    "r2": "R²",
}
"""What measures are called where their name is not enough."""


def cell_text(value: Cell) -> str:
    """A cell as text: three significant digits, intervals in brackets, "–" for nothing."""
    if value is None:
        return "–"
    if isinstance(value, Outcome):
        return f"{MARKS[value]} {value.value}"
    if isinstance(value, Estimate):
        return f"{number(value.value)} [{number(value.low)}, {number(value.high)}]"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return number(value)
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    return value


def by_urgency(verdict: Verdict) -> list[Reason]:
    """The reasons, failing first, then undecided, then passing."""
    order = (Outcome.FAIL, Outcome.UNDECIDED, Outcome.PASS)
    return sorted(verdict.reasons, key=lambda r: order.index(r.outcome))


def reason_text(reason: Reason) -> str:
    """The rule and its message, the rule once."""
    told = reason.message.startswith(reason.rule)
    return reason.message if told else f"{reason.rule}: {reason.message}"


def number(value: float) -> str:
    """Three significant digits: 0.0123, 4.57, 12,300; "–" when undefined, "∞" when infinite."""
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    size = math.floor(math.log10(abs(value)))
    if not -4 <= size < 9:
        return f"{value:.2e}"
    return f"{round(value, 2 - size):,.{max(0, 2 - size)}f}"


def count(number_: int, one: str, many: str = "") -> str:
    """A number with its noun: "1 rule", "3 rules", "no rules"."""
    noun = one if number_ == 1 else many or f"{one}s"
    return f"{number_:,} {noun}" if number_ else f"no {noun}"


def listed(names: list[str], most: int = 3) -> str:
    """Names in a sentence: "a", "a and b", "a, b and 4 more"."""
    if len(names) > most:
        shown = names[: most - 1]
        return f"{', '.join(shown)} and {len(names) - len(shown)} more"
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else "none"
