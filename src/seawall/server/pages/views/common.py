"""What every page has, and the parts that several pages share."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from seawall.kernel import Estimate, Outcome

Shape = Literal["good", "warning", "bad", "undecided", "none"]


class Status(msgspec.Struct, frozen=True):
    """A state as it is shown: a shape (which also gives the colour) and a word, always together.

    `undecided` is drawn hollow; `none` is for what has no health of its own (retired, planned).
    """

    shape: Shape
    word: str


def status_of(
    outcome: Outcome, *, good: str = "pass", bad: str = "fail", undecided: str = "undecided"
) -> Status:
    """The status of a verdict's outcome, in these words."""
    words: dict[Outcome, Status] = {
        Outcome.PASS: Status("good", good),
        Outcome.FAIL: Status("bad", bad),
        Outcome.UNDECIDED: Status("undecided", undecided),
    }
    return words[outcome]


class User(msgspec.Struct, frozen=True):
    """Who is looking: the identity and its roles."""

    id: str
    roles: tuple[str, ...] = ()


class Notice(msgspec.Struct, frozen=True):
    """One line about what the last pressed button did."""

    status: Status
    text: str


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """What stands around every page.

    `now`: the kernel clock when the page was made, which relative times refer to. `csrf`: goes
    back with every form in the field `csrf`. `demo`: show the link to the demo's controls.
    """

    now: datetime
    csrf: str
    user: User | None = None
    open_incidents: int = 0
    demo: bool = False
    notice: Notice | None = None


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a list of facts; `mono` for digests and commands."""

    name: str
    value: str
    href: str = ""
    mono: bool = False
    status: Status | None = None


class HistoryEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened; `entry` is its index in the audit log, once it has one."""

    time: datetime
    actor: str
    text: str
    href: str = ""
    status: Status | None = None
    entry: int | None = None


class Input(msgspec.Struct, frozen=True, kw_only=True):
    """A field that a person fills in before pressing a button."""

    name: str
    label: str
    kind: Literal["text", "textarea", "number", "select", "date", "checkbox"] = "text"
    value: str = ""
    required: bool = False
    help: str = ""
    options: tuple[str, ...] = ()


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """A button with its form, sent by POST to `post` with `csrf`, `fields` and `inputs`.

    `effect`: what pressing does, in numbers, shown before it asks; an action with neither effect
    nor inputs is sent at once. `refused`: why this person cannot press it now; empty if they can.
    """

    label: str
    post: str
    effect: str = ""
    fields: dict[str, str] = {}
    inputs: tuple[Input, ...] = ()
    danger: bool = False
    refused: str = ""


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """A measure with its interval beside what is tolerated.

    `low`, `high`: the ends of the tolerated range, None where open. `unit`: `%` shows a share as
    a percentage, `pp` a difference of shares in signed percentage points; any other text follows
    the number. `clause`: the rule or the clause of a policy that asks for it.
    """

    name: str
    status: Status
    estimate: Estimate | None = None
    low: float | None = None
    high: float | None = None
    unit: str = ""
    clause: str = ""
    note: str = ""


class Distribution(msgspec.Struct, frozen=True, kw_only=True):
    """Two distributions over the same n bins: the baseline's shares and the present's.

    Numeric: `edges` has n + 1 ascending numbers. Categorical: `labels` has n names.
    Shares sum to about 1; the n rows behind each are `baseline_rows` and `present_rows`.
    """

    baseline: tuple[float, ...]
    present: tuple[float, ...]
    edges: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()
    baseline_rows: int = 0
    present_rows: int = 0


class Mark(msgspec.Struct, frozen=True):
    """A moment marked on a chart over time: a deploy, an incident, labels that came late."""

    time: datetime
    text: str
    kind: Literal["deploy", "incident", "labels"] = "deploy"


class Paging(msgspec.Struct, frozen=True, kw_only=True):
    """Which part of a long list is shown: the page (from 1), how many there are, rows in all."""

    page: int = 1
    pages: int = 1
    total: int = 0
