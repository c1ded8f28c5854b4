"""One line for each step, with its figures; `--json` gives the same as data."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from seawall.kernel import SeawallError

if TYPE_CHECKING:
    from rich.console import Console


class Step(msgspec.Struct):
    """A step of the demo as it goes on: its sentence and facts grow until it is told."""

    name: str
    title: str
    passed: bool = True
    seconds: float = 0.0
    sentence: str = ""
    facts: dict[str, Any] = {}
    notes: list[str] = []

    def check(self, held: bool, otherwise: str) -> None:
        """A step passes when everything that it set out to show was so."""
        if not held:
            self.passed = False
            self.notes.append(otherwise)

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape."""
        return {
            "name": self.name,
            "passed": self.passed,
            "seconds": round(self.seconds, 3),
            "sentence": self.sentence,
            "facts": self.facts,
            **({"notes": self.notes} if self.notes else {}),
        }


class Story:
    """Tells the steps as they are done."""

    def __init__(self, console: Console | None) -> None:
        self._console = console
        self.steps: list[Step] = []

    @contextmanager
    def step(self, name: str, title: str) -> Generator[Step]:
        """One step: told when it is done, and as failed when it raises one of our errors."""
        step = Step(name, title)
        self.steps.append(step)
        began = time.perf_counter()
        waiting = self._console.status(f"{title} …") if self._console else None
        if waiting is not None:
            waiting.start()
        try:
            yield step
        except SeawallError as error:
            step.passed = False
            step.notes.append(str(error))
            raise
        finally:
            step.seconds = time.perf_counter() - began
            if waiting is not None:
                waiting.stop()
            self._tell(step)

    def _tell(self, step: Step) -> None:
        if self._console is None:
            return
        from rich.padding import Padding
        from rich.text import Text

        sign = Text("✓ ", "green") if step.passed else Text("✗ ", "red")
        number, spent = f"{len(self.steps) - 1:>2} ", f"  {step.seconds:.1f} s"
        head = Text.assemble(number, sign, (step.title, "bold"), (spent, "dim"))
        self._console.print(head)
        for line in filter(None, (step.sentence, *step.notes)):
            self._console.print(Padding(Text(line), (0, 0, 0, 5)))

    @property
    def passed(self) -> bool:
        """Whether every step passed."""
        return all(step.passed for step in self.steps)

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape of the whole demo."""
        return {"passed": self.passed, "steps": [step.to_dict() for step in self.steps]}


def times(seconds: float) -> str:
    """A span of the clock, for people: 5 h, 3.2 days."""
    hours = seconds / 3_600
    return f"{hours:.0f} h" if hours < 48 else f"{hours / 24:.1f} days"
