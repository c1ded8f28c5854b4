"""`seawall segments`: the slices of a table that do worst, or that moved most."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from seawall.cli.context import Json
from seawall.cli.showing import Save, Threshold, escape_markup, interval, number, table_of, tell


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command("segments")(segments)


def segments(
    data: Path = typer.Argument(help="The rows to search."),
    label: str | None = typer.Option(None, "--label", help="Column of labels: search for errors."),
    score: str | None = typer.Option(None, "--score", help="Column of probabilities of 1."),
    prediction: str | None = typer.Option(None, "--prediction", help="Column of calls or numbers."),
    reference: Path | None = typer.Option(
        None, "--reference", help="Other rows: search for slices whose share changed."
    ),
    column: list[str] = typer.Option([], "--column", help="Search this column; repeatable."),
    threshold: float = Threshold,
    regression: bool = typer.Option(False, "--regression", help="Labels are numbers."),
    tolerance: float = typer.Option(0.05, "--tolerance", min=0, help="How much is too much."),
    save: Path | None = Save,
    as_json: bool = Json,
) -> None:
    """Where a model does worst, or which rows there are more or fewer of."""
    from seawall.sdk.segments import segments as compute

    report = compute(
        str(data), label=label, score=score, prediction=prediction,
        reference=str(reference) if reference else None, columns=column or None,
        threshold=threshold, regression=regression, tolerance=tolerance,
    )  # fmt: skip
    tell(report, save, as_json, _show_segments)


def _show_segments(body: dict[str, Any]) -> Any:
    moved = body["measure"] == "share_change"
    heads = ("now", "reference", "change") if moved else ("here", "elsewhere", "excess")
    table = table_of("slice", "rows", *heads, "simultaneous interval")
    for one in body["segments"]:
        by = " and ".join(f"{k} {v}" for k, v in one["by"].items())
        table.add_row(
            escape_markup(by), f"{one['n']:,}", number(one["own"]), number(one["elsewhere"]),
            number(one["excess"]["value"]), interval(one["excess"]),
        )  # fmt: skip
    searched = body["searched"]
    table.caption = f"{searched['slices']:,} slices of {len(searched['columns'])} columns searched"
    return table
