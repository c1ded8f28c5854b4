"""How a value is written for people: the same digits in a table, a page and a terminal."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

import msgspec

from seawall.kernel import Estimate, Outcome, Reason, Verdict
from seawall.report.document import Cell

MARKS: dict[Outcome, str] = {Outcome.PASS: "✓", Outcome.FAIL: "✗", Outcome.UNDECIDED: "○"}
"""A shape for each outcome, beside its word: never colour alone."""
NAMES = {
    "roc_auc": "ROC AUC",
    "brier": "Brier score",
    "ece": "calibration error",
    "ece_debiased": "calibration error, debiased",
    "ece_equal_width": "calibration error, equal width",
    "ece_smooth": "calibration error, smooth",
    "theil_index": "Theil index",
    "mae_rise": "rise in mean absolute error",
    "error_rate_change": "errors added",
    "error_rate_excess": "error rate above that elsewhere",
    "share_change": "change of the share of rows",
    "f1": "F1",
    "macro_f1": "macro F1",
    "weighted_f1": "weighted F1",
    "multivariate_auc": "AUC of telling rows apart",
    "mae": "mean absolute error",
    "rmse": "RMSE",
    "mape": "MAPE",
    "r2": "R²",
    "ks": "KS distance",
    "missing_difference": "change in missing",
    "psi": "PSI",
    "js": "JS divergence",
    "kl": "KL divergence",
    "wasserstein": "Wasserstein distance",
    "chi2": "chi-squared",
    "demographic_parity_difference": "gap in selection rates",
    "demographic_parity_ratio": "ratio of selection rates",
    "equal_opportunity_difference": "gap in recall",
    "equalized_odds_difference": "gap in error rates",
    "predictive_parity_difference": "gap in precision",
    "accuracy_difference": "gap in accuracy",
    "accuracy_drop": "drop in accuracy",
    "roc_auc_drop": "drop in ROC AUC",
}
"""What measures are called where their name is not enough."""
_RULE = re.compile(
    r"(?:(?P<subject>.*): )?(?P<measure>\S+) (?P<how>at most|at least|within) "
    r"(?P<bound>[-+]?[\d.]+(?:e[-+]?\d+)?)",
    re.S,
)
_MEASURED = re.compile(r"\b([a-z][a-z0-9]*(?:_[a-z0-9]+)+)(?= -?[\d.]+ in )")
"""A measure by its identifier in what a reason adds: "selection_rate 0.508 in SEX=2"."""
_SHORT = {
    (Outcome.PASS, "at least"): "at least",
    (Outcome.FAIL, "at least"): "less than",
    (Outcome.PASS, "at most"): "at most",
    (Outcome.PASS, "within"): "within",
    (Outcome.FAIL, "within"): "beyond",
}


class RuleText(msgspec.Struct, frozen=True):
    """The parts of a rule as a reason names it: "AGE: ks within 0.1"."""

    subject: str
    measure: str
    how: str
    bound: float

    @property
    def tolerated(self) -> tuple[float, float]:
        """The values on the good side."""
        low = {"at least": self.bound, "within": -self.bound}.get(self.how, -math.inf)
        return low, math.inf if self.how == "at least" else self.bound


def rule_text(reason: Reason) -> RuleText | None:
    """What a reason's rule says; None where it is no bound on a measure."""
    found = _RULE.fullmatch(reason.rule)
    if found is None:
        return None
    return RuleText(found["subject"] or "", found["measure"], found["how"], float(found["bound"]))


def said(measure: str) -> str:
    """What a measure is called."""
    return NAMES.get(measure, measure.replace("_", " "))


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


def told_reasons(verdict: Verdict, most: int) -> tuple[list[Reason], str]:
    """The reasons to read, at most so many, and what the others are in words.

    Those that speak against a pass, the failing ones first; where none does, those that hold.
    """
    reasons = by_urgency(verdict)
    shown = ([r for r in reasons if r.outcome is not Outcome.PASS] or reasons)[:most]
    rest: list[str] = []
    for outcome, one, many in (
        (Outcome.FAIL, "fails", "fail"),
        (Outcome.UNDECIDED, "waits", "wait"),
        (Outcome.PASS, "holds", "hold"),
    ):
        left = sum(r.outcome is outcome for r in reasons[len(shown) :])
        more = f"{left:,} more" if any(r.outcome is outcome for r in shown) else count(left, "rule")
        if left:
            rest.append(f"{more} {one if left == 1 else many}")
    return shown, "; ".join(rest)


def reason_text(reason: Reason, *, short: bool = False) -> str:
    """The rule and what was measured: "AGE: KS distance 0.313 [0.302, 0.324], more than 0.1".

    `short` leaves the interval out.
    """
    rule, measured = rule_text(reason), reason.estimate
    if rule is None or measured is None or not reason.message.startswith(reason.rule):
        told = reason.message.startswith(reason.rule)
        return reason.message if told else f"{reason.rule}: {reason.message}"
    whose = f"{rule.subject}: " if rule.subject not in ("", "all rows") else ""
    against = _SHORT.get((reason.outcome, rule.how), "more than")
    if reason.outcome is Outcome.UNDECIDED:
        against = "not yet told from"
    _, corrected, why = reason.message.partition("; ")
    why = _MEASURED.sub(lambda found: said(found[1]), why)
    value = number(measured.value) if short else cell_text(measured)
    text = f"{whose}{said(rule.measure)} {value}, {against} {rule.bound:g}"
    return text if short else f"{text}{corrected}{why}"


def number(value: float) -> str:
    """Three significant digits: 0.0123, 4.57, 12,300; "–" when undefined, "∞" when infinite."""
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    size = int(f"{value:.2e}".partition("e")[2])  # of what is shown: 0.9997 is 1.00, not 1.000
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
