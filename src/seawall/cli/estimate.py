"""`seawall estimate`: expected quality of rows without labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from seawall.cli.named import cost_values
from seawall.cli.showing import Threshold, reported

if TYPE_CHECKING:
    from seawall.sdk.report import Report


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command("estimate")(estimate)


@reported
def estimate(
    reference: Path = typer.Argument(help="Labelled rows to learn from."),
    current: Path = typer.Argument(help="Rows whose labels are missing or not looked at."),
    label: str = typer.Option(..., "--label", help="Column of labels: 0/1, or a number."),
    score: str | None = typer.Option(
        None, "--score", help="Column of probabilities of 1; none for a regression."
    ),
    prediction: str | None = typer.Option(
        None, "--prediction", help="Column of 0/1 calls instead of a threshold, or of predictions."
    ),
    feature: list[str] = typer.Option(
        [], "--feature", help="Input of the model, to correct for its shift; repeatable."
    ),
    chunk_size: int | None = typer.Option(None, "--chunk-size", help="Rows in a chunk; all."),
    threshold: float = Threshold,
    cost: str | None = typer.Option(
        None, "--cost", help="Value of a true or false positive or negative: tp=5,fp=-1."
    ),
    label_budget: int | None = typer.Option(
        None, "--label-budget", help="How many rows of CURRENT to label."
    ),
    label_rows: Path | None = typer.Option(
        None, "--label-rows", help="Write those rows here, .csv or .parquet."
    ),
) -> Report:
    """Expected quality of rows without labels."""
    from seawall.sdk.estimate import estimate as compute

    return compute(
        str(reference), str(current), label=label, score=score, prediction=prediction,
        features=feature, chunk_size=chunk_size, threshold=threshold, cost=cost_values(cost),
        label_budget=label_budget, label_rows=label_rows,
    )  # fmt: skip
