"""Conversions between units that data arrive in by mistake: how many times larger, and of what.

Factors: SI brochure (9th edition), NIST SP 811 appendix B; 365.25 days and 52 weeks a year; molar
masses of glucose (180.16), creatinine (113.12) and cholesterol (386.65).
"""

from __future__ import annotations

import re
from typing import NamedTuple

_WORD = re.compile(r"[a-zµ°%]+")


class Conversion(NamedTuple):
    """What was sent in the unit `was` and is sent in `now`: value × factor + offset."""

    was: str
    now: str
    factor: float
    offset: float = 0.0

    @property
    def text(self) -> str:
        """As people say it."""
        return f"{self.was} → {self.now}"

    @property
    def inverse(self) -> Conversion:
        """The same the other way round."""
        return Conversion(self.now, self.was, 1 / self.factor, -self.offset / self.factor)


_UP = (
    Conversion("per month", "per year", 12.0),
    Conversion("years", "months", 12.0),
    Conversion("per week", "per year", 52.0),
    Conversion("per week", "per month", 365.25 / 84),
    Conversion("per day", "per year", 365.25),
    Conversion("years", "days", 365.25),
    Conversion("weeks", "days", 7.0),
    Conversion("days", "hours", 24.0),
    Conversion("hours", "minutes", 60.0),
    Conversion("minutes", "seconds", 60.0),
    Conversion("hours", "seconds", 3600.0),
    Conversion("seconds", "milliseconds", 1000.0),
    Conversion("fractions", "per cent", 100.0),
    Conversion("whole currency", "cents", 100.0),
    Conversion("metres", "centimetres", 100.0),
    Conversion("metres", "millimetres", 1000.0),
    Conversion("thousands", "ones", 1000.0),
    Conversion("kilograms", "grams", 1000.0),
    Conversion("kilometres", "metres", 1000.0),
    Conversion("centimetres", "millimetres", 10.0),
    Conversion("millions", "ones", 1e6),
    Conversion("kilograms", "pounds", 2.204623),
    Conversion("ounces", "grams", 28.34952),
    Conversion("metres", "feet", 3.280840),
    Conversion("inches", "centimetres", 2.54),
    Conversion("miles", "kilometres", 1.609344),
    Conversion("gallons", "litres", 3.785412),
    Conversion("kilocalories", "kilojoules", 4.184),
    Conversion("Celsius", "Fahrenheit", 1.8, 32.0),
)
_LABORATORY = (
    Conversion("mmol/L", "mg/dL of glucose", 18.016),
    Conversion("mmol/L", "mg/dL of cholesterol", 38.665),
    Conversion("µmol/L", "mg/dL of creatinine", 1 / 88.40),
    Conversion("mg/dL", "mmol/L of glucose", 1 / 18.016),
    Conversion("mg/dL", "mmol/L of cholesterol", 1 / 38.665),
    Conversion("mg/dL", "µmol/L of creatinine", 88.40),
)
"""Of concentrations, and looked for only where a unit says that it is one."""
KNOWN: tuple[Conversion, ...] = (*_UP, *(c.inverse for c in _UP))
"""Each of the others in both directions."""

_SHORT = {
    "month": "per month", "monthly": "per month", "year": "per year", "yearly": "per year",
    "annual": "per year", "annum": "per year", "week": "per week", "weekly": "per week",
    "years": "years", "months": "months", "days": "days", "d": "days", "weeks": "weeks",
    "hours": "hours", "h": "hours", "minutes": "minutes", "min": "minutes",
    "seconds": "seconds", "s": "seconds", "milliseconds": "milliseconds", "ms": "milliseconds",
    "fraction": "fractions", "ratio": "fractions", "%": "per cent", "percent": "per cent",
    "cents": "cents", "kg": "kilograms", "g": "grams", "lb": "pounds", "lbs": "pounds",
    "oz": "ounces", "m": "metres", "cm": "centimetres", "mm": "millimetres", "km": "kilometres",
    "ft": "feet", "in": "inches", "mi": "miles", "gal": "gallons", "l": "litres",
    "kcal": "kilocalories", "kj": "kilojoules", "°c": "Celsius", "°f": "Fahrenheit",
    "celsius": "Celsius", "fahrenheit": "Fahrenheit",
}  # fmt: skip
_CURRENCIES = frozenset({"eur", "usd", "gbp", "chf", "dollar", "dollars", "euro", "euros"})


def readings(unit: str = "") -> tuple[Conversion, ...]:
    """The conversions from a unit given in free text; all of them where it says none of these."""
    if found := tuple(c for c in _LABORATORY if c.was.lower() in unit.lower().replace(" ", "")):
        return found
    words = _WORD.findall(unit.lower())
    named = {_SHORT.get(word, word) for word in words}
    if _CURRENCIES & {*words}:
        named |= {"whole currency", "thousands", "millions", "ones"}
    return tuple(c for c in KNOWN if c.was in named) or KNOWN
