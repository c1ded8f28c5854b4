"""`seawall drift`: how far each column has moved from its baseline."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from seawall.cli.named import tolerances
from seawall.cli.showing import Columns, Score, Threshold, reported

if TYPE_CHECKING:
    from seawall.sdk.report import Progress, Report


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command("drift")(drift)


@reported
def drift(
    progress: Progress | None,
    reference: Path = typer.Argument(help="The baseline: a file or folder, or NAME.baseline."),
    current: Path = typer.Argument(help="What is compared with it."),
    column: list[str] = Columns,
    tolerance: list[str] = typer.Option(
        [], "--tolerance", help="MEASURE=VALUE, COLUMN=VALUE or COLUMN.MEASURE=VALUE; repeatable."
    ),
    multivariate: bool = typer.Option(
        False, "--multivariate", help="Also whether whole rows can be told apart, and by what."
    ),
    label: str | None = typer.Option(
        None, "--label", help="The reference's labels, to say what the drift does to errors."
    ),
    score: str | None = Score,
    prediction: str | None = typer.Option(None, "--prediction", help="Column of calls, instead."),
    threshold: float = Threshold,
) -> Report:
    """How far each column has moved from its baseline."""
    from seawall.sdk.drift import drift as compute

    return compute(
        str(reference), str(current), columns=column or None, tolerances=tolerances(tolerance),
        multivariate=multivariate, label=label, score=score, prediction=prediction,
        threshold=threshold, progress=progress,
    )  # fmt: skip
