"""`seawall backtest`: what a drift monitor would have done over the past."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import typer

from seawall.cli.context import Json
from seawall.cli.showing import Html, Markdown, Outputs, Pdf, Quiet
from seawall.cli.tolerance import tolerances_of

UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1),
         "w": timedelta(weeks=1)}  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command("backtest")(backtest)


def backtest(
    reference: Path = typer.Argument(help="The baseline: a file or folder of rows."),
    history: Path = typer.Argument(help="Past rows, with their times."),
    time: str = typer.Option(help="The column that holds a row's time."),
    window: str = typer.Option("1d", help="One look each: 15m, 1h, 1d, 1w."),
    column: list[str] = typer.Option([], "--column", help="Compare only this column; repeatable."),
    tolerance: list[str] = typer.Option(
        [], "--tolerance", help="MEASURE=VALUE or COLUMN=VALUE; repeatable."
    ),
    change: datetime | None = typer.Option(
        None, help="When something is known to have changed (UTC): alarms before it are false."
    ),
    html: Path | None = Html,
    pdf: Path | None = Pdf,
    markdown: Path | None = Markdown,
    as_json: bool = Json,
    quiet: bool = Quiet,
) -> None:
    """How often, on what and how late these tolerances would have alarmed."""
    from seawall.sdk.backtest import backtest as compute

    outputs = Outputs(html, pdf, markdown, quiet=quiet, as_json=as_json)
    report = compute(
        str(reference), str(history), time=time, window=_span(window), columns=column or None,
        tolerances=tolerances_of(tolerance), change=change and change.replace(tzinfo=UTC),
        progress=outputs.progress,
    )  # fmt: skip
    outputs.tell(report)


def _span(text: str) -> timedelta:
    from seawall.kernel import BadInput

    found = re.fullmatch(r"([1-9]\d{0,3})([mhdw])", text)
    if not found:
        raise BadInput(f"--window {text!r} is no span of time", remedy="write, say, 1h or 7d")
    return int(found[1]) * UNITS[found[2]]
