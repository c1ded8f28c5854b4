"""Expected failures, each told in one line: what, where, what to do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self


class SeawallError(Exception):
    """An expected failure, told in one line: what is wrong, where, and what to do about it.

    `status` is the process exit status, the same for all: 1 would read as a verdict. `http` is the
    matching HTTP status.
    """

    status = 2
    http = 400

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        self.what, self.where, self.remedy = what, where, remedy
        super().__init__(what)

    def __str__(self) -> str:
        place = f" ({self.where})" if self.where else ""
        mend = f"; {self.remedy}" if self.remedy else ""
        return " ".join(f"{self.what}{place}{mend}".split("\n"))

    def at(self, where: str) -> Self:
        """The same failure, said of this place."""
        return type(self)(self.what, where=where, remedy=self.remedy)


class BadInput(SeawallError):
    """What was given cannot be used as it is."""


class NotFound(SeawallError):
    """The named thing does not exist."""

    http = 404


class Conflict(SeawallError):
    """The change contradicts the present state (an old revision, an immutable value)."""

    http = 409


class Unauthenticated(SeawallError):
    """No identity, or one that could not be proven."""

    http = 401


class Forbidden(SeawallError):
    """The identity is known and may not do this."""

    http = 403


class Unavailable(SeawallError):
    """Something that Seawall needs does not answer: a server, a disk, a database."""

    http = 503


class Corrupt(SeawallError):
    """Stored bytes are not what their digest, checksum or signature says."""

    http = 500


def nearest(word: str, known: Iterable[str]) -> str:
    """A remedy that suggests the closest known name, or lists what there is."""
    import difflib

    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.65)
    if close:
        return f"did you mean {close[0]!r}?"
    shown = ", ".join(names[:8]) + (", …" if len(names) > 8 else "")
    return f"there is {shown}" if names else "there is none yet"
