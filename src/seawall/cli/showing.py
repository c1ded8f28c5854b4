"""How the analysis commands write and print their reports."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from functools import update_wrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from seawall.cli.context import Json, emit, finish
from seawall.cli.files import STANDARD_OUTPUT, check_place, write_bytes

if TYPE_CHECKING:
    from rich.console import Console

    from seawall.sdk.report import Progress, Report

Html = typer.Option(None, "--html", help="Write the report as one HTML file that opens offline.")
Pdf = typer.Option(None, "--pdf", help="Write the report as a PDF.")
Markdown = typer.Option(None, "--md", help="Write the report as Markdown, for a CI summary say.")
Quiet = typer.Option(False, "--quiet", help="Print nothing; the exit status tells.")
Columns = typer.Option([], "--column", help="Compare only this column; repeatable.")
Score = typer.Option(None, "--score", help="Column of probabilities of 1.")
Threshold = typer.Option(0.5, min=0, max=1, help="Scores from here on are called positive.")


def reported(command: Callable[..., Report]) -> Callable[..., None]:
    """The command, with options that say where its report goes.

    A parameter `progress` of the command is no option: it is a bar, or None where nobody looks.
    """
    own = dict(inspect.signature(command).parameters)
    watched = own.pop("progress", None) is not None

    def run(
        html: Path | None = Html, pdf: Path | None = Pdf, markdown: Path | None = Markdown,
        as_json: bool = Json, quiet: bool = Quiet, **given: Any,
    ) -> None:  # fmt: skip
        outputs = _Outputs(html, pdf, markdown, quiet=quiet, as_json=as_json)
        outputs.tell(command(**given, **({"progress": outputs.progress} if watched else {})))

    shared = dict(inspect.signature(run, eval_str=True).parameters)
    del shared["given"]
    update_wrapper(run, command)
    options = [*own.values(), *shared.values()]
    run.__annotations__ = {option.name: option.annotation for option in options}
    run.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined] -- Typer reads it
    return run


class _Outputs:
    """Where a report goes, found unusable before anything is read."""

    def __init__(
        self, html: Path | None, pdf: Path | None, markdown: Path | None,
        *, quiet: bool, as_json: bool,
    ) -> None:  # fmt: skip
        given = {"html": html, "pdf": pdf, "markdown": markdown}
        self.files = {form: path for form, path in given.items() if path}
        self.quiet, self.as_json = quiet, as_json
        self._check()

    def _check(self) -> None:
        from seawall.kernel import BadInput

        if self.quiet and self.as_json:
            raise BadInput("--quiet prints nothing and --json something", remedy="give one of them")
        for path in self.files.values():
            check_place(path)
        streams = [f for f, path in self.files.items() if path == STANDARD_OUTPUT]
        if len(streams) + self.as_json > 1:
            raise BadInput("one document goes to standard output", remedy="name files for others")
        self.quiet = self.quiet or bool(streams)
        if "pdf" in self.files:
            from seawall.adapters.rendering.pdf import need_typst

            need_typst()

    def tell(self, report: Report) -> None:
        """Write and print a report, and leave with the status of its outcome."""
        for form, path in self.files.items():
            write_bytes(path, report.encoded(form))
        if not self.quiet:
            emit(report.to_dict() if self.as_json else None, self.as_json, _text(report))
        finish(report.verdict.outcome.value)

    @property
    def progress(self) -> Progress | None:
        """A bar on standard error, where that is a terminal and someone looks."""
        if self.quiet or not sys.stderr.isatty():
            return None
        from seawall.cli.progress import Bar

        return Bar(sys.stderr)


def _text(report: Report) -> Callable[[Console], None]:
    def text(screen: Console) -> None:
        from seawall.adapters.rendering.terminal import terminal

        terminal(report.to_document(), screen)

    return text
