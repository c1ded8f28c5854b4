"""How numbers and times are written on the pages."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from seawall.kernel import Estimate

MISSING = "–"
_THIN = "\u202f"  # narrow no-break space, between a number and its unit


def _decimals(value: float, digits: int = 3) -> int:
    if value == 0 or not math.isfinite(value):
        return 0
    return max(0, min(6, digits - 1 - math.floor(math.log10(abs(value)))))


def count(value: float) -> str:
    """A whole number with its thousands apart."""
    return f"{value:,.0f}"


def _factor(unit: str) -> float:
    return 100.0 if unit in ("%", "pp") else 1.0


def _fixed(value: float, decimals: int, unit: str) -> str:
    if math.isnan(value):
        return MISSING
    sign = "+" if unit == "pp" and value > 0 else ""
    if math.isinf(value):
        return "−∞" if value < 0 else f"{sign}∞"
    return f"{sign}{value:,.{decimals}f}".replace("-", "−")


def number(value: float | None, unit: str = "") -> str:
    """Three significant digits and the unit; `%` and `pp` take shares (0.843 is 84.3 %)."""
    if value is None:
        return MISSING
    scaled = value * _factor(unit)
    text = _fixed(scaled, _decimals(scaled), unit)
    return f"{text}{_THIN}{unit}" if unit and text != MISSING else text


def axis(value: float, unit: str = "") -> str:
    """A round value on an axis: no more digits than it needs."""
    text = f"{value * _factor(unit):.6g}".replace("-", "−")
    return f"{text}{_THIN}{unit}" if unit == "%" else text


def value_and_range(estimate: Estimate | None, unit: str = "") -> tuple[str, str]:
    """An estimate's value with its unit, and its interval to the same decimals."""
    if estimate is None:
        return MISSING, ""
    factor = _factor(unit)
    ends = [estimate.value, estimate.low, estimate.high]
    scaled = [v * factor for v in ends]
    finite = [abs(v) for v in scaled if math.isfinite(v)]
    decimals = _decimals(max(finite, default=0.0))
    value, low, high = (_fixed(v, decimals, unit) for v in scaled)
    suffix = f"{_THIN}{unit}" if unit else ""
    return value + suffix, f"{low} … {high}"


def tolerated(low: float | None, high: float | None, unit: str = "") -> str:
    """A tolerated range in words; empty when both ends are open."""
    if low is not None and high is not None:
        if math.isclose(low, -high):
            return f"within ±{number(high, unit).lstrip('+')}"
        return f"{number(low, unit)} to {number(high, unit)}"
    if high is not None:
        return f"at most {number(high, unit).lstrip('+')}"
    if low is not None:
        return f"at least {number(low, unit)}"
    return ""


def span(length: timedelta) -> str:
    """A length of time in its two largest units: `3 h 20 min`, `12 days`."""
    seconds = round(abs(length.total_seconds()))
    if seconds < 60:
        return f"{seconds}{_THIN}s"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86_400
    if hours < 1:
        return f"{minutes}{_THIN}min"
    if days < 1:
        rest = minutes % 60
        return f"{hours}{_THIN}h" + (f" {rest}{_THIN}min" if rest and hours < 6 else "")
    if days < 2:
        return f"{hours}{_THIN}h"
    return f"{days} days"


def relative(moment: datetime, now: datetime) -> str:
    """A moment as seen from now: `3 min ago`, `in 2 days`."""
    length = now - moment
    if abs(length) < timedelta(seconds=5):
        return "now"
    return f"{span(length)} ago" if length > timedelta(0) else f"in {span(length)}"


def absolute(moment: datetime) -> str:
    """The moment itself, to the second, with its zone."""
    return f"{moment:%Y-%m-%d %H:%M:%S} {moment.tzname() or 'UTC'}"
