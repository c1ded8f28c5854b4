"""`seawall evaluate`: quality, calibration and fairness of labelled rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from seawall.cli.named import cost_values, named_values, tolerances
from seawall.cli.showing import Score, Threshold, reported

if TYPE_CHECKING:
    from seawall.sdk.report import Report


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command("evaluate")(evaluate)


@reported
def evaluate(
    data: Path = typer.Argument(help="Labelled rows: Parquet, CSV, Arrow, Delta, a folder."),
    label: str = typer.Option(..., "--label", help="Column of labels: 0/1, classes, numbers."),
    score: str | None = Score,
    prediction: str | None = typer.Option(
        None, "--prediction", help="Column of calls (0/1, classes) or predicted numbers."
    ),
    class_score: list[str] = typer.Option(
        [], "--class-score", help="CLASS=COLUMN, a class and its probability; repeatable."
    ),
    group: list[str] = typer.Option(
        [], "--group", help="Column, or COLUMN,COLUMN for an intersection; repeatable."
    ),
    threshold: float = Threshold,
    task: str | None = typer.Option(
        None, "--task", help="binary, multiclass or regression; by default what the data show."
    ),
    cost: str | None = typer.Option(
        None, "--cost", help="Value of each kind of decision, like tp=0,fp=-5,fn=-50,tn=1."
    ),
    quantile: float | None = typer.Option(
        None, "--quantile", help="Regression: the quantile that is predicted, for its loss."
    ),
    against: str | None = typer.Option(
        None, "--against", help="Another model's --score (or predicted numbers) on these rows."
    ),
    against_prediction: str | None = typer.Option(
        None, "--against-prediction", help="Another model's --prediction on these rows."
    ),
    against_tolerance: float = typer.Option(
        0.01, "--against-tolerance", min=0, help="How much worse than it this model may be."
    ),
    tolerance: list[str] = typer.Option(
        [], "--tolerance", help="MEASURE=VALUE of calibration or fairness; repeatable."
    ),
) -> Report:
    """Quality, calibration and fairness of a model; better or worse than another."""
    from seawall.sdk.evaluate import evaluate as compute

    return compute(
        str(data), label=label, score=score, prediction=prediction,
        class_scores=named_values(class_score, "--class-score", "CLASS=COLUMN"),
        groups=[tuple(g.split(",")) for g in group], threshold=threshold, task=task,
        cost=cost_values(cost), quantile=quantile, against=against,
        against_prediction=against_prediction, against_tolerance=against_tolerance,
        tolerances=tolerances(tolerance),
    )  # fmt: skip
