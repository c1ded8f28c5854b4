"""How the analysis commands print their reports."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from seawall.cli.context import emit, finish, show_verdict

if TYPE_CHECKING:
    from rich.console import Console

    from seawall.sdk.report import Report

Save = typer.Option(None, "--save", help="Write the report as a .json file too.")
Threshold = typer.Option(0.5, min=0, max=1, help="Scores from here on are called positive.")


def tell(report: Report, save: Path | None, as_json: bool, show: Any) -> None:
    """Save and print a report, and leave with the status of its outcome."""
    if save:
        report.save(save)
    body = report.to_dict()

    def text(terminal: Console) -> None:
        show_verdict(terminal, body["verdict"], report.subject)
        terminal.print(show(body))

    emit(body, as_json, text)
    finish(report.verdict.outcome.value)


def table_of(*columns: str) -> Any:
    """An empty table; the first column is text, the others are numbers."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column(columns[0])
    for name in columns[1:]:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def number(value: float | None) -> str:
    """Three significant digits, or a dash."""
    return "–" if value is None else f"{value:.3g}"


def interval(estimate: dict[str, Any]) -> str:
    """The bounds of an estimate."""
    low, high = estimate["low"], estimate["high"]
    return f"{number(low)} … {'∞' if high is None else number(high)}"


def escape_markup(text: str) -> str:
    """Text that the terminal shows as it is."""
    from rich.markup import escape

    return escape(text)
