"""The words every room shares: identity, time, estimates, verdicts, rules, events, errors.

Everything here is a frozen value or a pure function; nothing opens a file or a socket.
"""

from __future__ import annotations

import hashlib
import math
import re
import secrets
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Literal,
    Protocol,
    Self,
    TypeVar,
    runtime_checkable,
)

import msgspec

# --- errors -------------------------------------------------------------------------------------


class SeawallError(Exception):
    """An expected failure, told in one line: what is wrong, where, and what to do about it.

    `status` is the process exit status of contracts.md; `http` the matching HTTP status.
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

    status = 1
    http = 500


# --- identity of things -------------------------------------------------------------------------

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class Digest(str):
    """A content address, `sha256:` and 64 hexadecimal digits. `Digest.parse(str(d)) == d`."""

    __slots__ = ()

    @classmethod
    def of(cls, data: bytes | memoryview) -> Self:
        """The digest of these bytes."""
        return cls("sha256:" + hashlib.sha256(data).hexdigest())

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a digest; raises `BadInput` when the text is not one."""
        if not _DIGEST.fullmatch(text):
            raise BadInput(
                f"{text[:80]!r} is not a digest", remedy="write sha256: and 64 hexadecimal digits"
            )
        return cls(text)

    @property
    def hex(self) -> str:
        """The 64 hexadecimal digits alone."""
        return self[7:]

    @property
    def short(self) -> str:
        """Twelve digits, for people."""
        return self[7:19]


class Actor(msgspec.Struct, frozen=True):
    """Who does something: a person or a service, by a name that is proven by a token."""

    id: str
    kind: Literal["person", "service", "system"] = "person"

    def __str__(self) -> str:
        return self.id


SYSTEM = Actor("seawall", "system")


# --- time ---------------------------------------------------------------------------------------


@runtime_checkable
class Clock(Protocol):
    """The one source of wall-clock time. Latencies use `time.perf_counter`, never this."""

    def now_ns(self) -> int:
        """Nanoseconds since the Unix epoch, UTC."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now_ns(self) -> int:
        """Nanoseconds since the Unix epoch, UTC."""
        return time.time_ns()


class FixedClock:
    """A clock that moves only when told."""

    def __init__(self, start: datetime) -> None:
        self._ns = to_ns(start)

    def now_ns(self) -> int:
        """Nanoseconds since the Unix epoch, UTC."""
        return self._ns

    def advance(self, by: timedelta) -> None:
        """Move the clock by this much; negative jumps back."""
        self._ns += by // timedelta(microseconds=1) * 1_000


def to_ns(moment: datetime) -> int:
    """A datetime (with zone) as nanoseconds since the epoch, exact to the microsecond."""
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 1_000_000_000 + delta.microseconds * 1_000


def from_ns(ns: int) -> datetime:
    """Nanoseconds since the epoch as a datetime in UTC, cut to the microsecond."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=ns // 1_000)


def now(clock: Clock) -> datetime:
    """The clock's present moment in UTC."""
    return from_ns(clock.now_ns())


class Window(msgspec.Struct, frozen=True):
    """A half-open span of time, `start <= t < end`."""

    start: datetime
    end: datetime

    def __contains__(self, moment: datetime) -> bool:
        return self.start <= moment < self.end

    @classmethod
    def containing(cls, moment: datetime, size: timedelta) -> Window:
        """The window of this size, aligned to the epoch, that holds the moment."""
        step = size // timedelta(microseconds=1) * 1_000
        start = to_ns(moment) // step * step
        return cls(from_ns(start), from_ns(start + step))


class Ids:
    """Makes UUIDv7 identifiers (RFC 9562, 5.7) that sort by time and never repeat.

    Within one millisecond, and when the clock stands still or jumps back, a 12-bit counter and
    then the millisecond itself are carried on, so identifiers of one `Ids` strictly increase.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock, self._last, self._lock = clock, 0, threading.Lock()

    def __call__(self) -> str:
        """A new identifier, greater than every one before it."""
        tick = (self._clock.now_ns() // 1_000_000) << 12
        with self._lock:
            self._last = tick = max(tick, self._last + 1)
        value = (tick >> 12) << 80 | 0x7 << 76 | (tick & 0xFFF) << 64
        value |= 0b10 << 62 | secrets.randbits(62)
        text = f"{value:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


_UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def id_time(identifier: str) -> datetime:
    """The moment a UUIDv7 was made, to the millisecond; raises `BadInput` on anything else."""
    try:
        if _UUID7.fullmatch(identifier):
            return from_ns(int(identifier[:13].replace("-", ""), 16) * 1_000_000)
    except OverflowError:  # the field reaches the year 10889, a datetime does not
        pass
    raise BadInput(
        f"{identifier[:60]!r} is not a Seawall id", remedy="ids look like 0198c0de-....-7...-"
    )


# --- numbers and judgements ---------------------------------------------------------------------

Validity = Literal["fixed", "anytime", "simultaneous"]

if TYPE_CHECKING:
    Number = float
else:  # what JSON cannot say comes as null; `Estimate` restores it, so nobody else ever sees None
    Number = float | None


class Estimate(msgspec.Struct, frozen=True):
    """A measured value with the interval that judgements are made on.

    `low <= high`, either may be infinite; `confidence` in (0, 1); `n` counts the rows behind it;
    `validity` says under which looking the interval holds: one planned look, any number of looks,
    or all members of a named family at once. In JSON an infinite or undefined number is null; read
    back, a bound that is null lies at infinity on its own side, and a value that is null there
    where one bound alone does, else it is undefined (NaN).
    """

    value: Number
    low: Number
    high: Number
    confidence: float
    n: int
    method: str
    validity: Validity = "fixed"

    def __post_init__(self) -> None:
        given: Any = (self.value, self.low, self.high)
        if None not in given:
            return
        value, low, high = given
        low, high = -math.inf if low is None else low, math.inf if high is None else high
        if value is None:
            value = low + high if math.isinf(low) != math.isinf(high) else math.nan
        for name, number in (("value", value), ("low", low), ("high", high)):
            msgspec.structs.force_setattr(self, name, number)

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape; numbers that JSON cannot say become null."""
        fields = msgspec.structs.asdict(self)
        return {
            k: None if isinstance(v, float) and not math.isfinite(v) else v
            for k, v in fields.items()
        }

    def __format__(self, spec: str) -> str:
        spec = spec or ".3g"
        return f"{self.value:{spec}} [{self.low:{spec}}, {self.high:{spec}}]"


class Outcome(StrEnum):
    """Three-valued: shown good, shown bad, or not enough evidence."""

    PASS = "pass"  # noqa: S105 -- an outcome, no password
    FAIL = "fail"
    UNDECIDED = "undecided"

    @property
    def exit_status(self) -> int:
        """0 pass, 1 fail, 3 undecided."""
        return {"pass": 0, "fail": 1, "undecided": 3}[self.value]


class Reason(msgspec.Struct, frozen=True, omit_defaults=True):
    """One rule's part in a verdict: which rule, a sentence, and the estimate it was judged on."""

    rule: str
    message: str
    outcome: Outcome
    estimate: Estimate | None = None


class Verdict(msgspec.Struct, frozen=True):
    """An outcome with the reasons for it."""

    outcome: Outcome
    reasons: tuple[Reason, ...] = ()

    def __bool__(self) -> bool:
        raise TypeError("a verdict has three outcomes; compare .outcome instead")

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape of contracts: the outcome, and each reason with its estimate if any."""
        return {
            "outcome": self.outcome.value,
            "reasons": [
                {"rule": r.rule, "message": r.message, "outcome": r.outcome.value}
                | ({"estimate": r.estimate.to_dict()} if r.estimate else {})
                for r in self.reasons
            ],
        }


def all_of(verdicts: Iterable[Verdict]) -> Verdict:
    """Kleene conjunction: fails on any fail, is undecided on any undecided, else passes.

    An empty conjunction is `undecided`: nothing was shown.
    """
    parts = tuple(verdicts)
    outcomes = {v.outcome for v in parts}
    if Outcome.FAIL in outcomes:
        outcome = Outcome.FAIL
    elif Outcome.UNDECIDED in outcomes or not parts:
        outcome = Outcome.UNDECIDED
    else:
        outcome = Outcome.PASS
    return Verdict(outcome, tuple(r for v in parts for r in v.reasons))


class Rule(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """An atom over one measure. Exactly one of `at_most`, `at_least`, `within` is given.

    `within: t` means the magnitude is at most `t`. `by` names the columns whose groups are each
    judged. In YAML: `{measure: ece, at_most: 0.05}`.
    """

    measure: str
    at_most: float | None = None
    at_least: float | None = None
    within: float | None = None
    by: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        given = [b for b in (self.at_most, self.at_least, self.within) if b is not None]
        if len(given) != 1 or not math.isfinite(given[0]):
            raise ValueError(
                f"rule on {self.measure!r} needs exactly one finite of at_most, at_least, within"
            )
        if self.within is not None and self.within < 0:
            raise ValueError(f"rule on {self.measure!r}: a magnitude is never within a negative")

    @property
    def text(self) -> str:
        """The rule as a person writes it."""
        if self.at_most is not None:
            return f"{self.measure} at most {self.at_most:g}"
        if self.at_least is not None:
            return f"{self.measure} at least {self.at_least:g}"
        return f"{self.measure} within {self.within:g}"

    def judge(self, estimate: Estimate | None) -> Verdict:
        """Pass with the whole interval on the good side, fail on the bad side, else undecided."""
        if estimate is None or math.isnan(estimate.low) or math.isnan(estimate.high):
            reason = Reason(self.text, f"{self.measure} was not measured", Outcome.UNDECIDED)
            return Verdict(Outcome.UNDECIDED, (reason,))
        lower = -math.inf if self.at_most is not None else self.at_least
        upper = math.inf if self.at_least is not None else self.at_most
        if self.within is not None:
            lower, upper = -self.within, self.within
        assert lower is not None
        assert upper is not None
        if lower <= estimate.low and estimate.high <= upper:
            outcome, word = Outcome.PASS, "holds"
        elif estimate.high < lower or estimate.low > upper:
            outcome, word = Outcome.FAIL, "is broken"
        else:
            outcome, word = Outcome.UNDECIDED, "is not yet decided"
        message = f"{self.text} {word}: {estimate} at {estimate.confidence:.0%}, n={estimate.n:,}"
        return Verdict(outcome, (Reason(self.text, message, outcome, estimate),))


# --- events -------------------------------------------------------------------------------------

_EVENT_TYPE = re.compile(r"[a-z_]+:[a-z_]+:[a-z_]+")


class Event(msgspec.Struct, frozen=True):
    """Something that happened, told to the other rooms. `type` reads `source:subject:action`."""

    id: str
    type: str
    subject: str
    time: datetime
    actor: str
    data: dict[str, Any] = {}

    def __post_init__(self) -> None:
        if not _EVENT_TYPE.fullmatch(self.type):
            raise ValueError(f"event type {self.type!r} must read source:subject:action")


# --- state: the ports that one database adapter serves -------------------------------------------


class Record(Protocol):
    """A stored value: its `kind` names the collection, its `key` the place in it.

    Keys are paths whose prefixes group them: version `income@3`, its approvals `income@3/ID`.
    """

    kind: ClassVar[str]

    @property
    def key(self) -> str:
        """Where in its collection this value stands."""
        ...


R = TypeVar("R", bound=Record)
T = TypeVar("T")


class Transaction(Protocol):
    """One change: state, its audit entry and its events commit together or not at all.

    A transaction that wrote state and recorded no audit entry refuses to commit.
    """

    def get(self, kind: type[R], key: str) -> R:
        """The stored value; raises `NotFound`, suggesting the nearest key."""
        ...

    def find(self, kind: type[R], prefix: str = "", *, limit: int = 10_000) -> list[R]:
        """The stored values whose key starts with the prefix, in key order."""
        ...

    def revision(self, kind: type[R], key: str) -> int:
        """How often the value was written; 0 when it does not exist."""
        ...

    def put(self, value: Record, *, expect: int | None = None) -> int:
        """Write a value and return its revision; `Conflict` if it is not at revision `expect`."""
        ...

    def delete(self, kind: type[R], key: str) -> None:
        """Remove a value from the present; its history stays."""
        ...

    def record(self, action: str, subject: str, detail: Mapping[str, Any]) -> str:
        """Add an audit entry (`action` reads source:subject:action) and return its id."""
        ...

    def emit(self, type_: str, subject: str, data: Mapping[str, Any]) -> str:
        """Put an event into the outbox and return its id."""
        ...


class Store(Protocol):
    """Opens transactions, and reads the present or any past state without one."""

    def transaction(self, actor: Actor) -> AbstractContextManager[Transaction]:
        """A transaction in this actor's name: commits on leaving, rolls back on an exception."""
        ...

    def get(self, kind: type[R], key: str, *, at: datetime | None = None) -> R:
        """The value now, or as it stood at a past moment; raises `NotFound`."""
        ...

    def find(
        self, kind: type[R], prefix: str = "", *, at: datetime | None = None, limit: int = 10_000
    ) -> list[R]:
        """The values under a prefix, now or at a past moment, in key order."""
        ...


def nearest(word: str, known: Iterable[str]) -> str:
    """A remedy that suggests the closest known name, or lists what there is."""
    import difflib

    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    shown = ", ".join(names[:8]) + (", …" if len(names) > 8 else "")
    return f"there is {shown}" if names else "there is none yet"


# --- wire form ----------------------------------------------------------------------------------


def encode_hook(value: object) -> str:
    """What msgspec does not know by itself: a `Digest` is its text."""
    if isinstance(value, Digest):
        return str(value)
    raise NotImplementedError(f"{type(value).__name__} has no wire form")


def decode_hook(type_: type, value: object) -> object:
    """The inverse of `encode_hook`."""
    if type_ is Digest:
        if isinstance(value, str):
            return Digest.parse(value)
        raise ValueError("expected a digest")
    raise NotImplementedError(f"{type_.__name__} has no wire form")


def to_json(value: object) -> bytes:
    """A value as JSON with sorted keys: equal values give equal bytes."""
    return msgspec.json.encode(value, enc_hook=encode_hook, order="sorted")


def from_json(data: bytes | str, type_: type[T]) -> T:
    """The value of this type that the JSON says; raises `BadInput` naming the place."""
    try:
        return msgspec.json.decode(data, type=type_, dec_hook=decode_hook)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise BadInput(f"not a valid {type_.__name__}: {error}") from error


def to_builtins(value: object) -> Any:
    """A value as plain dicts, lists, strings and numbers, ready for JSON."""
    return msgspec.to_builtins(value, enc_hook=encode_hook)


def convert(value: object, type_: type[T]) -> T:
    """The typed value that plain dicts and lists say; raises `BadInput` naming the place."""
    try:
        return msgspec.convert(value, type_, dec_hook=decode_hook)
    except msgspec.ValidationError as error:
        raise BadInput(f"not a valid {type_.__name__}: {error}") from error
