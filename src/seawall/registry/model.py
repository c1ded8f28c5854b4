"""A model: the thing an organisation answers for, apart from any of its versions."""

from __future__ import annotations

import re
from datetime import datetime
from typing import ClassVar, Literal

import msgspec

from seawall.kernel import BadInput

Tier = Literal["low", "medium", "high"]

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


def check_name(name: str) -> str:
    """The name itself; raises `BadInput` when it cannot stand in keys and addresses."""
    if not _NAME.fullmatch(name):
        raise BadInput(
            f"{name[:80]!r} cannot name a model",
            remedy="use lower-case letters, digits, '.', '_', '-', at most 63, e.g. credit-default",
        )
    return name


class Model(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """An entry of the inventory: who owns a model, how much it matters, what it may be used for.

    `owner` is an identity. `tier` is the risk tier, from exposure and purpose (SR 26-2 III;
    OSFI E-23 App. 1). `approved_uses` are the purposes a caller may declare. `consumers` are the
    systems that call it; it cannot be retired while any remain. `created` is set when it is
    first applied.
    """

    kind: ClassVar[str] = "model"

    name: str
    owner: str
    tier: Tier
    purpose: str
    approved_uses: tuple[str, ...] = ()
    description: str = ""
    consumers: tuple[str, ...] = ()
    created: datetime | None = None

    def __post_init__(self) -> None:
        check_name(self.name)

    @property
    def key(self) -> str:
        """The name."""
        return self.name
