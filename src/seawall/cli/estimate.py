"""`seawall estimate`: expected quality of rows without labels."""

from __future__ import annotations

from pathlib import Path

import typer

from seawall.cli.context import Json
from seawall.cli.showing import Html, Markdown, Outputs, Pdf, Quiet, Threshold


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command("estimate")(estimate)


def estimate(
    reference: Path = typer.Argument(help="Labelled rows to learn from."),
    current: Path = typer.Argument(help="Rows whose labels are missing or not looked at."),
    label: str = typer.Option(..., "--label", help="Column of 0/1 labels."),
    score: str = typer.Option(..., "--score", help="Column of probabilities of 1."),
    chunk_size: int | None = typer.Option(None, "--chunk-size", help="Rows in a chunk; all."),
    threshold: float = Threshold,
    html: Path | None = Html,
    pdf: Path | None = Pdf,
    markdown: Path | None = Markdown,
    as_json: bool = Json,
    quiet: bool = Quiet,
) -> None:
    """Expected quality of rows without labels."""
    from seawall.sdk.estimate import estimate as compute

    outputs = Outputs(html, pdf, markdown, quiet=quiet, as_json=as_json)
    report = compute(
        str(reference), str(current), label=label, score=score, chunk_size=chunk_size,
        threshold=threshold,
    )  # fmt: skip
    outputs.tell(report)
