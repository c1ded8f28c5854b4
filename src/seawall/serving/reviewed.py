"""A signature that people read, changed and declared for a model: its next versions get it."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from seawall.serving.cross_field import CrossField
from seawall.serving.signature import Field, Signature


class ReviewedSignature(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The input of a model's next versions. `name` is the model's."""

    kind: ClassVar[str] = "signature"

    name: str
    fields: tuple[Field, ...]
    rules: tuple[CrossField, ...] = ()
    description: str = ""

    def __post_init__(self) -> None:
        Signature(self.fields, self.rules)

    @property
    def key(self) -> str:
        """The model's name."""
        return self.name

    @property
    def signature(self) -> Signature:
        """Without what is for people only."""
        return Signature(self.fields, self.rules)
