"""`seawall evaluate`: quality, calibration and fairness of labelled rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from seawall.cli.context import Json
from seawall.cli.showing import Save, Threshold, escape_markup, interval, number, table_of, tell


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
    save: Path | None = Save,
    as_json: bool = Json,
) -> None:
    """Quality, calibration and fairness of a binary model."""
    from seawall.sdk.evaluate import evaluate as compute

    groups = [tuple(g.split(",")) for g in group]
    report = compute(
        str(data), label=label, score=score, prediction=prediction, groups=groups,
        threshold=threshold,
    )  # fmt: skip
    tell(report, save, as_json, _show_evaluation)


def _show_evaluation(body: dict[str, Any]) -> Any:
    from rich.console import Group

    table = table_of("measure", "value", "95% interval", "n")
    for name, e in body["measures"].items():
        table.add_row(name, number(e["value"]), interval(e), f"{e['n']:,}")
    parts = [table]
    for by, fair in body["fairness"].items():
        gaps = table_of(f"by {escape_markup(by)}", "gap", "95% interval", "n")
        for name, e in fair["measures"].items():
            gaps.add_row(name, number(e["value"]), interval(e), f"{e['n']:,}")
        parts.append(gaps)
    return Group(*parts)
