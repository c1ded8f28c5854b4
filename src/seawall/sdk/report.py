"""What an analysis gives back: a verdict, the numbers behind it, and ways to show them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from seawall.kernel import BadInput, Verdict
from seawall.report.document import Cell, Document

CONFIDENCE = 0.95
Table = Any
"""A path, a mapping of arrays, a table of another library, or batches of any of these; see
`seawall.adapters.tables.open_source`."""
Progress = Callable[[str, int, int | None], None]
"""Told after each piece: what is read, rows so far, rows in all where that is known."""
FORMATS = {
    ".json": "json", ".html": "html", ".htm": "html", ".pdf": "pdf", ".md": "markdown",
    ".markdown": "markdown",
}  # fmt: skip
"""What a report is written as, by the file's ending."""


class Report(msgspec.Struct, frozen=True):
    """A result with a verdict, shown as a dict, a page, a PDF, Markdown or in a notebook.

    `inputs` says what each table is called; `body["digests"]` what was counted of it.
    """

    subject: ClassVar[str] = "report"
    verdict: Verdict
    body: dict[str, Any]
    inputs: dict[str, str] = {}

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape; numbers that JSON cannot say are null."""
        return {"verdict": self.verdict.to_dict(), **self.body}

    def to_document(self) -> Document:
        """The report as sentences, tables and charts, with what it is about."""
        import seawall

        facts: list[tuple[str, Cell]] = []
        for role, name in self.inputs.items():
            facts.append((role, name))
            if role in self.body.get("digests", {}):
                facts.append((f"{role}, as counted", self.body["digests"][role]))
        facts.append(("made", f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"))
        facts.append(("by", f"Seawall {seawall.__version__}"))
        return msgspec.structs.replace(self._document(), facts=tuple(facts))

    def _document(self) -> Document:
        from seawall.report.from_verdict import verdict_document

        return verdict_document(self.subject.capitalize(), self.verdict)

    def save(self, path: str | Path) -> Path:
        """Write the report; the ending says the format: .json, .html, .pdf or .md.

        Raises `BadInput` on another ending, on a file that cannot be written, and when the extra
        that the format needs is not installed.
        """
        target = Path(path)
        form = FORMATS.get(target.suffix.lower())
        if form is None:
            raise BadInput(
                f"cannot save a report as {target.name}",
                remedy="end it in .json, .html, .pdf or .md",
            )
        return self.write(target, form)

    def write(self, path: Path, form: str) -> Path:
        """Write the report as `form`, a value of `FORMATS`, whatever the file's ending."""
        data = self.encoded(form)
        try:
            path.write_bytes(data)
        except OSError as error:
            raise BadInput(f"cannot write {path}: {error.strerror}") from error
        return path

    def encoded(self, form: str) -> bytes:
        """The report as the bytes of a file of this form, a value of `FORMATS`."""
        if form == "json":
            return msgspec.json.format(msgspec.json.encode(self.to_dict()), indent=2) + b"\n"
        from seawall.adapters import rendering

        document = self.to_document()
        if form == "pdf":
            return rendering.pdf(document)
        write = rendering.html if form == "html" else rendering.markdown
        return write(document).encode()

    def _repr_html_(self) -> str:
        """The report in a notebook's output."""
        from seawall.adapters.rendering import fragment

        return fragment(self.to_document())


def named(**tables: Table) -> dict[str, str]:
    """What each input is called: its file's name, or that it was in memory."""
    return {
        role: Path(table).name if isinstance(table, (str, Path)) else "a table in memory"
        for role, table in tables.items()
    }
