"""What to do about an alert: steps for people, and the actions a policy lets Seawall take."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Literal

import msgspec

from seawall.incidents.alert import Alert, Severity, matches

AutomaticAction = Literal["roll_back", "fall_back", "throttle", "open_review"]


class RunbookStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing to do; `command` is a command line to copy, `expect` what shows that it worked."""

    text: str
    command: str = ""
    expect: str = ""


class Permission(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An action that may be taken without asking, for alerts of this severity and these labels."""

    action: AutomaticAction
    severity: Severity = "page"
    when: dict[str, str] = {}


class Runbook(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Steps for the alerts whose labels match, with what is allowed to happen by itself."""

    kind: ClassVar[str] = "runbook"
    name: str
    match: dict[str, str]
    steps: tuple[RunbookStep, ...]
    automatic: tuple[Permission, ...] = ()
    description: str = ""

    def __post_init__(self) -> None:
        if not self.steps:
            raise ValueError(f"runbook {self.name!r} has no steps")

    @property
    def key(self) -> str:
        """Runbooks are kept by name."""
        return self.name

    def permitted(self, alert: Alert) -> tuple[AutomaticAction, ...]:
        """The actions to take by themselves for a firing alert, in the order written.

        A permission for tickets covers pages too. An alert that this runbook does not match, or
        that has ended, permits nothing.
        """
        if not alert.firing or not matches(alert.labels, self.match):
            return ()
        allowed: list[AutomaticAction] = []
        for p in self.automatic:
            severe = p.severity == "ticket" or alert.severity == "page"
            if severe and matches(alert.labels, p.when) and p.action not in allowed:
                allowed.append(p.action)
        return tuple(allowed)


def runbook_for(alert: Alert, runbooks: Iterable[Runbook]) -> Runbook | None:
    """The runbook an alert names, else the one that matches most of its labels."""
    known = sorted(runbooks, key=lambda r: r.name)
    named = next((r for r in known if r.name == alert.runbook), None)
    fitting = [r for r in known if matches(alert.labels, r.match)]
    return named or max(fitting, key=lambda r: len(r.match), default=None)
