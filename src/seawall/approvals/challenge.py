"""Independent challenge, on record: what was questioned, the answer, and what changed for it."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

import msgspec

from seawall.kernel import BadInput, Conflict, Forbidden


class Answer(msgspec.Struct, frozen=True):
    """What the developer answered to a challenge."""

    by: str
    text: str
    time: datetime


class Change(msgspec.Struct, frozen=True):
    """What the challenge led to, in the challenger's words, and when it was closed."""

    text: str
    time: datetime


class Challenge(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A question raised about a version. Open until its challenger accepts the outcome."""

    kind: ClassVar[str] = "challenge"

    id: str
    version: str
    challenger: str
    text: str
    time: datetime
    answers: tuple[Answer, ...] = ()
    change: Change | None = None

    @property
    def key(self) -> str:
        """The version and the challenge's id, `income@1/ID`."""
        return f"{self.version}/{self.id}"

    @property
    def open(self) -> bool:
        """Whether it still waits for an answer or for the challenger to accept one."""
        return self.change is None

    def answer(self, by: str, text: str, at: datetime) -> Challenge:
        """The challenge with an answer more; the challenger cannot answer it (`Forbidden`)."""
        if not self.open:
            raise Conflict(f"challenge {self.id} is closed", remedy="raise a new one")
        if by == self.challenger:
            raise Forbidden(f"{by} raised challenge {self.id} and cannot answer it")
        if not text.strip():
            raise BadInput(f"the answer to challenge {self.id} is empty")
        return msgspec.structs.replace(self, answers=(*self.answers, Answer(by, text, at)))

    def close(self, by: str, change: str, at: datetime) -> Challenge:
        """The challenge closed with what changed; only its challenger may, after an answer."""
        if not self.open:
            raise Conflict(f"challenge {self.id} is already closed")
        if by != self.challenger:
            raise Forbidden(f"only {self.challenger} can close challenge {self.id}")
        if not self.answers:
            raise Conflict(f"challenge {self.id} has no answer yet", remedy="answer it first")
        if not change.strip():
            raise BadInput(
                f"closing challenge {self.id} must say what changed",
                remedy="write 'nothing, because …' if nothing did",
            )
        return msgspec.structs.replace(self, change=Change(change, at))
