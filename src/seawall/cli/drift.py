"""`seawall drift`: how far each column has moved from its baseline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from seawall.cli.context import Json
from seawall.cli.showing import Save, Threshold, escape_markup, interval, number, table_of, tell
from seawall.cli.tolerance import tolerances_of


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command("drift")(drift)


def drift(
    reference: Path = typer.Argument(help="The baseline: Parquet, CSV or Arrow."),
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
    save: Path | None = Save,
    as_json: bool = Json,
) -> None:
    """How far each column has moved from its baseline."""
    from seawall.sdk.drift import drift as compute

    report = compute(
        str(reference), str(current), columns=column or None, tolerances=tolerances_of(tolerance),
        multivariate=multivariate, label=label, score=score, prediction=prediction,
        threshold=threshold,
    )  # fmt: skip
    tell(report, save, as_json, _show_drift)


def _show_drift(body: dict[str, Any]) -> Any:
    """Columns by how far they moved, the deciding distance first."""
    rows = [
        (name, f, f["measures"].get("ks") or f["measures"]["total_variation"])
        for name, f in body["features"].items()
    ]
    rows.sort(key=lambda row: -(row[2]["value"] or 0.0))
    table = table_of("column", "verdict", "moved", "95% interval", "missing +", "PSI")
    for name, feature, moved in rows:
        gone, psi = feature["measures"]["missing_difference"], feature["measures"]["psi"]
        table.add_row(
            escape_markup(name), feature["verdict"]["outcome"], number(moved["value"]),
            interval(moved), number(gone["value"]), number(psi["value"]),
        )  # fmt: skip
    return table
