"""What asking a model costs: declared by arm, counted exactly, in millionths."""

from __future__ import annotations

import msgspec

MICRO = 1_000_000


class Cost(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """An amount in a currency for each row that a model is asked of, to a millionth of the unit."""

    amount: float
    currency: str

    def __post_init__(self) -> None:
        if not 0.0 <= self.amount < 1e9:
            raise ValueError("a cost per call is not below 0")
        if not (self.currency.isascii() and self.currency.isalpha() and len(self.currency) == 3):
            raise ValueError(f"{self.currency!r} is no currency; give its three letters, as in EUR")

    @property
    def micros(self) -> int:
        """The amount in millionths: sums of whole numbers are exact in any order."""
        return round(self.amount * MICRO)
