"""`seawall drift`: how far each column has moved from its baseline."""

from __future__ import annotations

from pathlib import Path

import typer

from seawall.cli.context import Json
from seawall.cli.showing import Html, Markdown, Outputs, Pdf, Quiet, Threshold
from seawall.cli.tolerance import tolerances_of


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command("drift")(drift)


def drift(
    reference: Path = typer.Argument(help="The baseline: a file or folder, or NAME.baseline."),
    current: Path = typer.Argument(help="What is compared with it."),
    column: list[str] = typer.Option([], "--column", help="Compare only this column; repeatable."),
    tolerance: list[str] = typer.Option(
        [], "--tolerance", help="MEASURE=VALUE, COLUMN=VALUE or COLUMN.MEASURE=VALUE; repeatable."
    ),
    multivariate: bool = typer.Option(
        False, "--multivariate", help="Also whether whole rows can be told apart, and by what."
    ),
    label: str | None = typer.Option(
        None, "--label", help="The reference's labels, to say what the drift does to errors."
    ),
    score: str | None = typer.Option(None, "--score", help="Column of probabilities of 1."),
    prediction: str | None = typer.Option(None, "--prediction", help="Column of calls, instead."),
    threshold: float = Threshold,
    html: Path | None = Html,
    pdf: Path | None = Pdf,
    markdown: Path | None = Markdown,
    as_json: bool = Json,
    quiet: bool = Quiet,
) -> None:
    """How far each column has moved from its baseline."""
    from seawall.sdk.drift import drift as compute

    outputs = Outputs(html, pdf, markdown, quiet=quiet, as_json=as_json)
    report = compute(
        str(reference), str(current), columns=column or None, tolerances=tolerances_of(tolerance),
        multivariate=multivariate, label=label, score=score, prediction=prediction,
        threshold=threshold, progress=outputs.progress,
    )  # fmt: skip
    outputs.tell(report)
