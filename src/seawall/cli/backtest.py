"""`seawall backtest`: what a drift monitor would have done over the past."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from seawall.cli.named import moment, span, tolerances
from seawall.cli.showing import Columns, reported

if TYPE_CHECKING:
    from seawall.sdk.report import Progress, Report


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command("backtest")(backtest)


@reported
def backtest(
    progress: Progress | None,
    reference: Path = typer.Argument(help="The baseline: a file or folder of rows."),
    history: Path = typer.Argument(help="Past rows, with their times."),
    time: str = typer.Option(help="The column that holds a row's time."),
    window: str = typer.Option("1d", help="One look each: 15m, 1h, 1d, 1w."),
    column: list[str] = Columns,
    tolerance: list[str] = typer.Option(
        [], "--tolerance", help="MEASURE=VALUE or COLUMN=VALUE; repeatable."
    ),
    change: str | None = typer.Option(
        None,
        help="When something is known to have changed, a time (UTC) or 7d ago: alarms before it "
        "are false.",
    ),
) -> Report:
    """How often, on what and how late these tolerances would have alarmed."""
    from seawall.sdk.backtest import backtest as compute

    return compute(
        str(reference), str(history), time=time, window=span(window, "--window"),
        columns=column or None, tolerances=tolerances(tolerance),
        change=None if change is None else moment(change, "--change"), progress=progress,
    )  # fmt: skip
