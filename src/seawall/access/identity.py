"""Somebody known: a person or a service, with the roles it holds."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

import msgspec

from seawall.access.role import Role
from seawall.kernel import Actor


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """An identity, proven by a token. `active` is false once it is shut out; it is never removed.

    `account` says what stands behind it, and so what it can never do: a service approves nothing.
    """

    kind: ClassVar[str] = "identity"

    id: str
    account: Literal["person", "service"] = "person"
    roles: tuple[Role, ...] = ()
    created: datetime
    active: bool = True

    @property
    def key(self) -> str:
        """Its id."""
        return self.id

    @property
    def actor(self) -> Actor:
        """The name under which transactions and audit entries know it."""
        return Actor(self.id, self.account)
