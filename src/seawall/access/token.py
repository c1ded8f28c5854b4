"""Access tokens: `swl_<id>_<secret>`, of which only the id and a hash of the secret are kept."""

from __future__ import annotations

import re
import secrets
from datetime import datetime
from typing import ClassVar, Self

import msgspec

from seawall.kernel import Unauthenticated

_TOKEN = re.compile(r"swl_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")


class Token(msgspec.Struct, frozen=True):
    """A token's id (12 hexadecimal digits, not secret) and its secret (256 random bits).

    `Token.parse(str(t)) == t`. The prefix lets secret scanners find one that leaked.
    """

    id: str
    secret: str

    def __str__(self) -> str:
        return f"swl_{self.id}_{self.secret}"

    def __repr__(self) -> str:
        return f"Token(swl_{self.id}_…)"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a token; raises `Unauthenticated` without repeating what was given."""
        match = _TOKEN.fullmatch(text)
        if match is None:
            raise Unauthenticated("that is not a token", remedy="tokens look like swl_…_…")
        return cls(match[1], match[2])


def mint() -> Token:
    """A new token."""
    return Token(secrets.token_hex(6), secrets.token_urlsafe(32))


def parse(text: str) -> Token:
    """Read a token; raises `Unauthenticated`."""
    return Token.parse(text)


class TokenRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a token: whose it is, and the argon2 hash of its secret."""

    kind: ClassVar[str] = "token"

    id: str
    identity: str
    hash: str
    created: datetime
    expires: datetime | None = None

    @property
    def key(self) -> str:
        """The token's id."""
        return self.id

    def live(self, moment: datetime) -> bool:
        """Whether it has not expired."""
        return self.expires is None or moment < self.expires
