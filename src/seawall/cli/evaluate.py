"""`seawall evaluate`: quality, calibration and fairness of labelled rows."""

from __future__ import annotations

from pathlib import Path

import typer

from seawall.cli.context import Json
from seawall.cli.showing import Html, Markdown, Outputs, Pdf, Quiet, Threshold


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command("evaluate")(evaluate)


def evaluate(
    data: Path = typer.Argument(help="Labelled rows: Parquet, CSV or Arrow."),
    label: str = typer.Option(..., "--label", help="Column of 0/1 labels."),
    score: str = typer.Option(..., "--score", help="Column of probabilities of 1."),
    prediction: str | None = typer.Option(None, "--prediction", help="Column of 0/1 calls."),
    group: list[str] = typer.Option(
        [], "--group", help="Column, or COLUMN,COLUMN for an intersection; repeatable."
    ),
    threshold: float = Threshold,
    html: Path | None = Html,
    pdf: Path | None = Pdf,
    markdown: Path | None = Markdown,
    as_json: bool = Json,
    quiet: bool = Quiet,
) -> None:
    """Quality, calibration and fairness of a binary model."""
    from seawall.sdk.evaluate import evaluate as compute

    outputs = Outputs(html, pdf, markdown, quiet=quiet, as_json=as_json)
    groups = [tuple(g.split(",")) for g in group]
    report = compute(
        str(data), label=label, score=score, prediction=prediction, groups=groups,
        threshold=threshold,
    )  # fmt: skip
    outputs.tell(report)
