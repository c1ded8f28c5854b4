"""A disturbance of the inputs, under which a version is asked again."""

from __future__ import annotations

import msgspec


class Perturbation(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """What is done to a row's `fields` (by default all): `noise`, or `swapped`.

    `noise` is normal, in standard deviations of the field, for fields that are numbers; a value
    stays within those of the table, and whole where they are. `swapped` is the share of a field's
    values that are replaced by another row's, for fields of any kind.
    """

    name: str
    fields: tuple[str, ...] = ()
    noise: float = 0.0
    swapped: float = 0.0

    def __post_init__(self) -> None:
        if not self.noise >= 0 or not 0 <= self.swapped <= 1:
            raise ValueError(f"perturbation {self.name!r}: noise is not below 0, swapped in [0, 1]")
        if not (self.noise or self.swapped):
            raise ValueError(f"perturbation {self.name!r} disturbs nothing: give noise or swapped")
