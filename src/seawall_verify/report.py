"""What a verification found."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


class Malformed(Exception):
    """The input is not what its format says; the text says why."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: in which file, at which entry of the log or hash of the tile."""

    file: str
    message: str
    entry: int | None = None
    position: int | None = None
    action: str | None = None

    def __str__(self) -> str:
        place = self.file
        if self.entry is not None:
            place += f", entry {self.entry}"
        if self.action is not None:
            place += f" ({self.action})"
        if self.position is not None:
            place += f", hash {self.position}"
        return f"{place}: {self.message}"


@dataclass(frozen=True)
class Report:
    """The verdict over a log. `root` is in hexadecimal; `files` counts those that were compared."""

    origin: str
    size: int
    root: str
    signer: str
    files: int
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    @property
    def sentence(self) -> str:
        """The verdict in one line: the first finding, if there is one."""
        if self.ok:
            return f"all {self.size:,} entries of {self.origin} agree with its signed checkpoint"
        more = len(self.findings) - 1
        return f"{self.findings[0]}{f' (and {more:,} more)' if more else ''}"

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape."""
        return {"ok": self.ok} | asdict(self)
