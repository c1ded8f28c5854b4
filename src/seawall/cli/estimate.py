"""`seawall estimate`: expected quality of rows without labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from seawall.cli.context import Json
from seawall.cli.showing import Save, Threshold, escape_markup, interval, number, table_of, tell


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command("estimate")(estimate)


def estimate(
    reference: Path = typer.Argument(help="Labelled rows to learn from."),
    current: Path = typer.Argument(help="Rows whose labels are missing or not looked at."),
    label: str = typer.Option(..., "--label", help="Column of labels: 0/1, or a number."),
    score: str | None = typer.Option(
        None, "--score", help="Column of probabilities of 1; none for a regression."
    ),
    prediction: str | None = typer.Option(
        None, "--prediction", help="Column of 0/1 calls instead of a threshold, or of predictions."
    ),
    feature: list[str] = typer.Option(
        [], "--feature", help="Input of the model, to correct for its shift; repeatable."
    ),
    chunk_size: int | None = typer.Option(None, "--chunk-size", help="Rows in a chunk; all."),
    threshold: float = Threshold,
    cost: str | None = typer.Option(
        None, "--cost", help="Value of a true or false positive or negative: tp=5,fp=-1."
    ),
    label_budget: int | None = typer.Option(
        None, "--label-budget", help="How many rows of CURRENT to label."
    ),
    label_rows: Path | None = typer.Option(
        None, "--label-rows", help="Write those rows here, .csv or .parquet."
    ),
    save: Path | None = Save,
    as_json: bool = Json,
) -> None:
    """Expected quality of rows without labels."""
    from seawall.sdk.estimate import estimate as compute

    report = compute(
        str(reference), str(current), label=label, score=score, prediction=prediction,
        features=feature, chunk_size=chunk_size, threshold=threshold, cost=_cost(cost),
        label_budget=label_budget, label_rows=label_rows,
    )  # fmt: skip
    tell(report, save, as_json, _show_estimation)


def _cost(text: str | None) -> dict[str, float] | None:
    from seawall.kernel import BadInput

    if text is None:
        return None
    try:
        return {
            name.strip(): float(value)
            for name, value in (part.split("=") for part in text.split(","))
        }
    except ValueError as error:
        raise BadInput(
            f"the cost matrix {text!r} cannot be read", remedy="write --cost tp=5,fp=-1,fn=-20"
        ) from error


def _show_estimation(body: dict[str, Any]) -> Any:
    from rich.console import Group

    from seawall.report.words import NAMES

    there = [c["measures"] for c in body["chunks"]]
    order = ("accuracy", "business_value", "roc_auc", "mae", "rmse")
    shown = [n for n in order if any(n in m for m in there)][:2]  # as many as 80 columns hold
    heads = [head for n in shown for head in (NAMES.get(n, n.replace("_", " ")), "95% interval")]
    table = table_of("rows", *heads)
    for chunk in body["chunks"]:
        cells = [(number(e["value"]), interval(e)) for e in (chunk["measures"][n] for n in shown)]
        table.add_row(f"{chunk['first']}–{chunk['last']}", *(c for pair in cells for c in pair))
    said = [f"! {escape_markup(warning)}" for warning in body["warnings"]]
    if verified := body.get("verified"):
        held = ", ".join(
            f"{name} {e['value']:.0%}" for name, e in verified["covered"].items() if name in shown
        )
        said.append(f"Labels of {verified['chunks']} chunks came; intervals held: {held}.")
    if plan := body.get("labelling"):
        where = f" to {escape_markup(plan['file'])}" if plan["file"] else ""
        said.append(f"{plan['rows']:,} rows to label, of {len(plan['strata'])} strata{where}.")
    said.append("A pass is provisional: without labels, a change of meaning cannot be seen.")
    return Group(table, *said)
