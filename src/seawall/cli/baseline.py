"""`seawall baseline`: save, show and compare what later data is compared with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from seawall.cli.context import Json, emit
from seawall.cli.showing import Score, Threshold, reported

if TYPE_CHECKING:
    from rich.console import Console

    from seawall.sdk.report import Report

group = typer.Typer(help="Saved baselines: counts of a table, no rows.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add this group."""
    app.add_typer(group, name="baseline")


@group.command()
def save(
    data: Path = typer.Argument(help="The table: Parquet, CSV, Arrow or Delta."),
    output: Path = typer.Option(..., "-o", "--output", help="The file to write, NAME.baseline."),
    column: list[str] = typer.Option([], "--column", help="Keep only this column; repeatable."),
    label: str | None = typer.Option(None, "--label", help="Column of 0/1 labels."),
    score: str | None = Score,
    by: list[str] = typer.Option([], "--group", help="Count scores by this column; repeatable."),
    threshold: float = Threshold,
    key: list[str] = typer.Option([], "--key", help="Rows should differ in these; repeatable."),
    as_json: bool = Json,
) -> None:
    """Count a table into a file that serves as the reference wherever counts are enough."""
    from seawall.sdk.baseline import baseline

    made = baseline(
        str(data), columns=column or None, label=label, score=score, groups=by,
        threshold=threshold, key=key,
    )  # fmt: skip
    size = made.save(output).stat().st_size
    rare = {name: len(values) for name, values in made.rare().items()}
    told = {"path": str(output), "bytes": size, "digest": str(made.digest), "rows": made.rows,
            "columns": len(made.profile.table.columns), "rare": rare}  # fmt: skip

    def text(terminal: Console) -> None:
        terminal.print(
            f"{made.rows:,} rows of {told['columns']} columns are counted in {output} "
            f"({size / 1000:,.0f} kB, {made.digest.short})",
            markup=False,
        )
        for name, count in rare.items():
            terminal.print(
                f"  {name} keeps {count} values by name that fewer than 5 rows have; "
                "choose columns by --column where these may tell who it is",
                markup=False,
            )

    emit(told, as_json, text)


@group.command()
def show(
    file: Path = typer.Argument(help="A saved baseline, or data."),
    as_json: bool = Json,
) -> None:
    """What a baseline holds."""
    from seawall.sdk.baseline import baseline

    body = baseline(str(file)).to_dict()
    emit(body, as_json, lambda terminal: _show(terminal, body))


@group.command()
@reported
def compare(
    old: Path = typer.Argument(help="The baseline in use, or data."),
    new: Path = typer.Argument(help="What would replace it."),
    current: Path | None = typer.Argument(None, help="Data that is compared with both."),
) -> Report:
    """What drift is no longer seen once NEW replaces OLD."""
    from seawall.sdk.replacement import compare_baselines

    return compare_baselines(str(old), str(new), str(current) if current else None)


def _show(terminal: Console, body: dict[str, Any]) -> None:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    terminal.print(f"{body['rows']:,} rows, {body['digest']}", markup=False)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for at, head in enumerate(
        ("column", "kind", "missing", "distinct", "low", "median", "high", "top")
    ):
        table.add_column(head, justify="right" if 2 <= at < 7 else "left", no_wrap=True)
    for name, column in body["columns"].items():
        distinct = column.get("distinct")
        top = column["top"][0]["value"] if column["top"] else None
        table.add_row(
            escape(name), column["kind"], _percent(column["missing_share"]),
            "–" if distinct is None else f"{'' if distinct['method'] == 'counted' else '≈ '}"
            f"{distinct['value']:,.0f}",
            _short(column.get("low")), _short(column.get("quantiles", {}).get("0.5")),
            _short(column.get("high")), escape(_short(top)),
        )  # fmt: skip
    terminal.print(table)
    if keys := body.get("keys"):
        twice = keys["duplicate_rows"]
        span = f"{_percent(twice['low'])} to {_percent(twice['high'])}"
        terminal.print(
            f"key {', '.join(keys['columns'])}: {_percent(twice['value'])} of rows repeat an "
            f"earlier one ({span})",
            markup=False,
        )
    if scores := body.get("scores"):
        groups = f", by {', '.join(scores['groups'])}" if scores["groups"] else ""
        terminal.print(
            f"scores {scores['score']} against {scores['label']}: {scores['rows']['labelled']:,} "
            f"labelled rows{groups}, threshold {scores['threshold']:g}",
            markup=False,
        )


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.3g}%"


def _short(value: float | str | None) -> str:
    if isinstance(value, str):
        return value[:16]
    if value is None:
        return "–"
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) < 1e15 else f"{value:.4g}"
