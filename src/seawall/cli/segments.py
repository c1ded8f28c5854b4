"""`seawall segments`: the slices of a table that do worst, or that moved most."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from seawall.cli.showing import Score, Threshold, reported

if TYPE_CHECKING:
    from seawall.sdk.report import Report


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command("segments")(segments)


@reported
def segments(
    data: Path = typer.Argument(help="The rows to search."),
    label: str | None = typer.Option(None, "--label", help="Column of labels: search for errors."),
    score: str | None = Score,
    prediction: str | None = typer.Option(None, "--prediction", help="Column of calls or numbers."),
    reference: Path | None = typer.Option(
        None, "--reference", help="Other rows: search for slices whose share changed."
    ),
    column: list[str] = typer.Option([], "--column", help="Search this column; repeatable."),
    threshold: float = Threshold,
    regression: bool = typer.Option(False, "--regression", help="Labels are numbers."),
    tolerance: float = typer.Option(0.05, "--tolerance", min=0, help="How much is too much."),
) -> Report:
    """Where a model does worst, or which rows there are more or fewer of."""
    from seawall.sdk.segments import segments as compute

    return compute(
        str(data), label=label, score=score, prediction=prediction,
        reference=str(reference) if reference else None, columns=column or None,
        threshold=threshold, regression=regression, tolerance=tolerance,
    )  # fmt: skip
