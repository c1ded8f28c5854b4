"""`seawall drift`: how far each column has moved from its baseline."""

from __future__ import annotations

from pathlib import Path

import typer

from seawall.cli.context import Json
from seawall.cli.showing import Html, Markdown, Outputs, Pdf, Quiet


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command("drift")(drift)


def drift(
    reference: Path = typer.Argument(help="The baseline: Parquet, CSV or Arrow."),
    current: Path = typer.Argument(help="What is compared with it."),
    column: list[str] = typer.Option([], "--column", help="Compare only this column; repeatable."),
    tolerance: list[str] = typer.Option(
        [], "--tolerance", help="MEASURE=VALUE or COLUMN=VALUE; repeatable."
    ),
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
        progress=outputs.progress,
    )  # fmt: skip
    outputs.tell(report)


def tolerances_of(given: list[str]) -> dict[str, float]:
    """NAME=NUMBER, each; raises `BadInput` on anything else."""
    from seawall.kernel import BadInput

    found: dict[str, float] = {}
    for text in given:
        name, _, value = text.partition("=")
        try:
            found[name] = float(value)
        except ValueError:
            raise BadInput(
                f"--tolerance {text!r} is not NAME=NUMBER", remedy="write, say, ks=0.05"
            ) from None
    return found
