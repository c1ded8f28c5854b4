"""`seawall estimate`: expected quality of rows without labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from seawall.cli.context import Json
from seawall.cli.showing import Save, Threshold, interval, number, table_of, tell


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
    save: Path | None = Save,
    as_json: bool = Json,
) -> None:
    """Expected quality of rows without labels."""
    from seawall.sdk.estimate import estimate as compute

    report = compute(
        str(reference), str(current), label=label, score=score, chunk_size=chunk_size,
        threshold=threshold,
    )  # fmt: skip
    tell(report, save, as_json, _show_estimation)


def _show_estimation(body: dict[str, Any]) -> Any:
    table = table_of("rows", "accuracy", "95% interval", "ROC AUC", "95% interval")
    for chunk in body["chunks"]:
        accuracy, auc = chunk["measures"]["accuracy"], chunk["measures"]["roc_auc"]
        table.add_row(
            f"{chunk['first']}–{chunk['last']}", number(accuracy["value"]), interval(accuracy),
            number(auc["value"]), interval(auc),
        )  # fmt: skip
    return table
