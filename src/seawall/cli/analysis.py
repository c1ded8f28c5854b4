"""Analysis with no server: drift, evaluate, estimate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from seawall.cli.context import Json, emit, finish, show_verdict

if TYPE_CHECKING:
    from rich.console import Console

    from seawall.sdk.analysis import Report

Save = typer.Option(None, "--save", help="Write the report as a .json file too.")
Threshold = typer.Option(0.5, min=0, max=1, help="Scores from here on are called positive.")


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("drift")(drift)
    app.command("evaluate")(evaluate)
    app.command("estimate")(estimate)


def drift(
    reference: Path = typer.Argument(help="The baseline: Parquet, CSV or Arrow."),
    current: Path = typer.Argument(help="What is compared with it."),
    column: list[str] = typer.Option([], "--column", help="Compare only this column; repeatable."),
    tolerance: list[str] = typer.Option(
        [], "--tolerance", help="MEASURE=VALUE or COLUMN=VALUE; repeatable."
    ),
    save: Path | None = Save,
    as_json: bool = Json,
) -> None:
    """How far each column has moved from its baseline."""
    from seawall.sdk.analysis import drift as compute

    report = compute(
        str(reference), str(current), columns=column or None, tolerances=_tolerances(tolerance)
    )
    _tell(report, save, as_json, _show_drift)


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
    from seawall.sdk.analysis import evaluate as compute

    groups = [tuple(g.split(",")) for g in group]
    report = compute(
        str(data), label=label, score=score, prediction=prediction, groups=groups,
        threshold=threshold,
    )  # fmt: skip
    _tell(report, save, as_json, _show_evaluation)


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
    from seawall.sdk.analysis import estimate as compute

    report = compute(
        str(reference), str(current), label=label, score=score, chunk_size=chunk_size,
        threshold=threshold,
    )  # fmt: skip
    _tell(report, save, as_json, _show_estimation)


def _tolerances(given: list[str]) -> dict[str, float]:
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


def _tell(report: Report, save: Path | None, as_json: bool, show: Any) -> None:
    if save:
        report.save(save)
    body = report.to_dict()

    def text(terminal: Console) -> None:
        show_verdict(terminal, body["verdict"], report.subject)
        terminal.print(show(body))

    emit(body, as_json, text)
    finish(report.verdict.outcome.value)


def _table(*columns: str) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column(columns[0])
    for name in columns[1:]:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


def _interval(estimate: dict[str, Any]) -> str:
    low, high = estimate["low"], estimate["high"]
    return f"{_number(low)} … {'∞' if high is None else _number(high)}"


def _escape(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _show_drift(body: dict[str, Any]) -> Any:
    """Columns by how far they moved, the deciding distance first."""
    rows = [
        (name, f, f["measures"].get("ks") or f["measures"]["total_variation"])
        for name, f in body["features"].items()
    ]
    rows.sort(key=lambda row: -(row[2]["value"] or 0.0))
    table = _table("column", "verdict", "moved", "95% interval", "missing +", "PSI")
    for name, feature, moved in rows:
        gone, psi = feature["measures"]["missing_difference"], feature["measures"]["psi"]
        table.add_row(
            _escape(name), feature["verdict"]["outcome"], _number(moved["value"]),
            _interval(moved), _number(gone["value"]), _number(psi["value"]),
        )  # fmt: skip
    return table


def _show_evaluation(body: dict[str, Any]) -> Any:
    from rich.console import Group

    table = _table("measure", "value", "95% interval", "n")
    for name, e in body["measures"].items():
        table.add_row(name, _number(e["value"]), _interval(e), f"{e['n']:,}")
    parts = [table]
    for by, fair in body["fairness"].items():
        gaps = _table(f"by {_escape(by)}", "gap", "95% interval", "n")
        for name, e in fair["measures"].items():
            gaps.add_row(name, _number(e["value"]), _interval(e), f"{e['n']:,}")
        parts.append(gaps)
    return Group(*parts)


def _show_estimation(body: dict[str, Any]) -> Any:
    table = _table("rows", "accuracy", "95% interval", "ROC AUC", "95% interval")
    for chunk in body["chunks"]:
        accuracy, auc = chunk["measures"]["accuracy"], chunk["measures"]["roc_auc"]
        table.add_row(
            f"{chunk['first']}–{chunk['last']}", _number(accuracy["value"]), _interval(accuracy),
            _number(auc["value"]), _interval(auc),
        )  # fmt: skip
    return table
