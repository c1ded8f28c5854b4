"""What an analysis gives back: a verdict, and the numbers behind it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import msgspec

from seawall.kernel import BadInput, Verdict

CONFIDENCE = 0.95
Table = Any
"""A path, a mapping of arrays, a table of another library, or batches of any of these; see
`seawall.adapters.tables.open_source`."""


class Report(msgspec.Struct, frozen=True):
    """A result with a verdict that can be shown as a dict and saved as JSON."""

    subject: ClassVar[str] = "report"
    verdict: Verdict
    body: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape; numbers that JSON cannot say are null."""
        return {"verdict": self.verdict.to_dict(), **self.body}

    def save(self, path: str | Path) -> Path:
        """Write the report; the ending says the format, `.json`. `BadInput` on another."""
        target = Path(path)
        if target.suffix.lower() != ".json":
            raise BadInput(f"cannot save a report as {target.name}", remedy="end it in .json")
        encoded = msgspec.json.format(msgspec.json.encode(self.to_dict()), indent=2)
        try:
            target.write_bytes(encoded + b"\n")
        except OSError as error:
            raise BadInput(f"cannot write {target}: {error.strerror}") from error
        return target
