"""What a reviewer of a signature should look at: identifiers, leaks, units, sentinels, typos.

Suspicions, not judgements: each is a sentence that names what was seen and asks.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from seawall.serving.coerce import number_texts
from seawall.statistics.column import Column, encode, floats, kind_of
from seawall.statistics.ranking import roc_auc
from seawall.statistics.score import POSITIVE, UNLABELLED, summarise_scores

LEAK = 0.98
"""ROC AUC of one field alone, from which it is asked whether the label made it."""
RARE = 5
_ROWS = 50
_SENTINELS = frozenset(s * (10.0**k - 1) for k in range(1, 8) for s in (1, -1)) | {-1.0}
_WORD = re.compile(r"[a-z]+|[A-Z][a-z]*|[A-Z]+(?![a-z])|\d+|%")
_UNITS = {
    "kg": "kg", "lb": "lb", "lbs": "lb", "cm": "cm", "mm": "mm", "km": "km", "eur": "EUR",
    "usd": "USD", "gbp": "GBP", "chf": "CHF", "cents": "cents", "pct": "%", "percent": "%",
    "percentage": "%", "ms": "ms", "secs": "s", "seconds": "s", "minutes": "minutes",
    "hours": "hours", "days": "days", "month": "months", "months": "months",
    "year": "years", "years": "years", "celsius": "°C",
    "fahrenheit": "°F",
}  # fmt: skip


def unit_of(name: str) -> str:
    """The unit that a field's name ends in, if it does: `height_cm`, `duration_in_months`."""
    words = [w.lower() for w in _WORD.findall(name)]
    return _UNITS.get(words[-1], "") if len(words) > 1 else ""


def of_numbers(
    name: str,
    present: NDArray[np.float64],
    different: NDArray[np.float64],
    *,
    whole: bool,
    integer: bool,
) -> tuple[str, ...]:
    """What is doubtful about a column of numbers; `different` are its values in order."""
    found: list[str] = []
    if different.size == 1:
        found.append("the same in every row: what does the model learn from it?")
    elif present.size >= _ROWS and (np.diff(present) == 1).all():
        found.append("counts the rows: an identifier, or the order of the data leaks in")
    elif present.size >= _ROWS and whole and different.size == present.size:
        found.append("differs in every row: an identifier?")
    elif _says_id(name):
        found.append("is named as an identifier")
    if whole and not integer and different.size > 2:
        found.append("whole numbers only: kind: integer would refuse fractions")
    if (apart := _sentinel(present, different)) is not None:
        share = float((present == apart).mean())
        found.append(f"{apart:g} stands far from all others in {share:.1%} of rows: a missing one?")
    if different.size > 2 and not _unit_known(name):
        found += _unit_asked(different)
    return tuple(found)


def of_texts(name: str, seen: Mapping[str, int]) -> tuple[str, ...]:
    """What is doubtful about categories, by their counts."""
    found: list[str] = []
    rows = sum(seen.values())
    if len(seen) == 1:
        found.append("the same in every row: what does the model learn from it?")
    elif rows >= _ROWS and len(seen) == rows:
        found.append("differs in every row: an identifier?")
    elif _says_id(name):
        found.append("is named as an identifier")
    if number_texts(list(seen)) and len(seen) > 2:
        found.append("numbers written as texts: kind: number with mode: coerce reads them")
    same = Counter(v.strip().casefold() for v in seen)
    if twice := sorted(v for v in seen if same[v.strip().casefold()] > 1):
        found.append(f"{_some(twice)} differ by capitals or spaces only: one category?")
    if rare := sorted(v for v, count in seen.items() if count < RARE):
        found.append(f"rare, in fewer than {RARE} rows each: {_some(rare)}")
    return tuple(found)


def of_label(values: Column, label: Column) -> str:
    """Whether one column alone tells a label of two values apart, which a cause seldom does."""
    codes, names = encode(label)
    if len(names) != 2:
        return ""
    codes = np.where(codes < 0, UNLABELLED, codes)
    scores = _scores(values, codes)
    kept = ~np.isnan(scores) & (codes != UNLABELLED)
    if np.count_nonzero(kept) < _ROWS or len(set(codes[kept].tolist())) < 2:
        return ""
    auc = roc_auc(summarise_scores(scores[kept], codes[kept]), 0.95)
    low, value = auc.low, auc.value
    if auc.high < 0.5:
        low, value = 1 - auc.high, 1 - auc.value
    if low < LEAK:
        return ""
    return (
        f"tells the label apart alone (ROC AUC {value:.3f}, at least {low:.3f}): "
        "is it known when the model is asked?"
    )


def _scores(values: Column, codes: NDArray[np.integer]) -> NDArray[np.float64]:
    """Ranks of numbers in [0, 1]; of categories the label's share in the other half of rows."""
    if kind_of(values) in ("numeric", "integer"):
        filled = floats(values)
        found = np.full(filled.size, np.nan)
        there = ~np.isnan(filled)
        _, at = np.unique(filled[there], return_inverse=True)
        found[there] = at.reshape(-1) / max(1, int(at.max(initial=0)))
        return found
    at, names = encode(values)
    half = np.arange(at.size) % 2 == 0
    found = np.full(at.size, np.nan)
    for mine, other in ((half, ~half), (~half, half)):
        known = other & (at >= 0) & (codes != UNLABELLED)
        rows = np.bincount(at[known], minlength=len(names))
        hits = np.bincount(at[known & (codes == POSITIVE)], minlength=len(names))
        share = (hits + 0.5) / (rows + 1.0)
        use = mine & (at >= 0)
        found[use] = share[at[use]]
    return found


def _sentinel(present: NDArray[np.float64], different: NDArray[np.float64]) -> float | None:
    """A value such as 999 or −1 that lies apart from all others by more than their half range."""
    if different.size < 5:
        return None
    for value, nearest, far in (
        (different[-1], different[-2], different[0]),
        (different[0], different[1], different[-1]),
    ):
        apart, span = abs(value - nearest), abs(nearest - far)
        lone = value == -1 and far > 0 and nearest >= 0 and far >= 5
        if value in _SENTINELS and (apart > span / 2 or lone) and (present == value).sum() > 1:
            return float(value)
    return None


def _unit_known(name: str) -> bool:
    return bool(unit_of(name))


def _unit_asked(different: NDArray[np.float64]) -> list[str]:
    low, high = float(different[0]), float(different[-1])
    if low >= 1e9 and high < 2.2e9:
        return ["seconds since 1970? say unit: s"]
    if low >= 1e12 and high < 2.2e12:
        return ["milliseconds since 1970? say unit: ms"]
    if low >= 0 and high <= 1 and (different != np.floor(different)).any():
        return ["a fraction? say unit: fraction, so that per cent are told from it"]
    return []


def _says_id(name: str) -> bool:
    words = [w.lower() for w in _WORD.findall(name)]
    return bool(words) and words[-1] in ("id", "uuid", "guid", "key")


def _some(names: list[str]) -> str:
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
