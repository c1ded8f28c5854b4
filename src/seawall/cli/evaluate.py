"""`seawall evaluate`: quality, calibration and fairness of labelled rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from seawall.cli.context import Json
from seawall.cli.showing import Save, Threshold, escape_markup, interval, number, table_of, tell
from seawall.cli.tolerance import tolerances_of

SHOWN_CLASSES = 20
"""Classes that the terminal lists; the report has all."""


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command("evaluate")(evaluate)


def evaluate(
    data: Path = typer.Argument(help="Labelled rows: Parquet, CSV or Arrow."),
    label: str = typer.Option(..., "--label", help="Column of labels: 0/1, classes, numbers."),
    score: str | None = typer.Option(None, "--score", help="Column of probabilities of 1."),
    prediction: str | None = typer.Option(
        None, "--prediction", help="Column of calls (0/1, classes) or predicted numbers."
    ),
    class_score: list[str] = typer.Option(
        [], "--class-score", help="CLASS=COLUMN, a class and its probability; repeatable."
    ),
    group: list[str] = typer.Option(
        [], "--group", help="Column, or COLUMN,COLUMN for an intersection; repeatable."
    ),
    threshold: float = Threshold,
    task: str | None = typer.Option(
        None, "--task", help="binary, multiclass or regression; by default what the data show."
    ),
    cost: str | None = typer.Option(
        None, "--cost", help="Value of each kind of decision, like tp=0,fp=-5,fn=-50,tn=1."
    ),
    quantile: float | None = typer.Option(
        None, "--quantile", help="Regression: the quantile that is predicted, for its loss."
    ),
    against: str | None = typer.Option(
        None, "--against", help="Another model's --score (or predicted numbers) on these rows."
    ),
    against_prediction: str | None = typer.Option(
        None, "--against-prediction", help="Another model's --prediction on these rows."
    ),
    against_tolerance: float = typer.Option(
        0.01, "--against-tolerance", min=0, help="How much worse than it this model may be."
    ),
    tolerance: list[str] = typer.Option(
        [], "--tolerance", help="MEASURE=VALUE of calibration or fairness; repeatable."
    ),
    save: Path | None = Save,
    as_json: bool = Json,
) -> None:
    """Quality, calibration and fairness of a model; better or worse than another."""
    from seawall.sdk.evaluate import evaluate as compute

    report = compute(
        str(data), label=label, score=score, prediction=prediction,
        class_scores=_named(class_score, "--class-score", "CLASS=COLUMN"),
        groups=[tuple(g.split(",")) for g in group], threshold=threshold, task=task,
        cost=_values(cost), quantile=quantile, against=against,
        against_prediction=against_prediction, against_tolerance=against_tolerance,
        tolerances=tolerances_of(tolerance),
    )  # fmt: skip
    tell(report, save, as_json, _show_evaluation)


def _named(given: list[str], option: str, form: str) -> dict[str, str]:
    from seawall.kernel import BadInput

    found: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise BadInput(f"{option} {text} is not {form}")
        if name in found:
            raise BadInput(f"{option} names {name} twice")
        found[name] = value
    return found


def _values(cost: str | None) -> dict[str, float] | None:
    from seawall.kernel import BadInput

    if cost is None:
        return None
    form = "tp=NUMBER,fp=NUMBER,fn=NUMBER,tn=NUMBER"
    try:
        return {k: float(v) for k, v in _named(cost.split(","), "--cost", form).items()}
    except ValueError as error:
        raise BadInput(f"--cost {cost} is not {form}") from error


def _show_evaluation(body: dict[str, Any]) -> Any:
    from rich.console import Group

    parts = [_measures("measure", "value", body["measures"])]
    parts += [_classes(body["classes"])] if "classes" in body else []
    parts += [_cost(body)] if "cost" in body else []
    parts += [_against(body["against"])] if "against" in body else []
    for by, fair in body["fairness"].items():
        parts.append(_measures(f"by {escape_markup(by)}", "gap", fair["measures"]))
    return Group(*parts, *body["notes"], *body.get("against", {}).get("notes", ()))


def _measures(first: str, second: str, measures: dict[str, Any]) -> Any:
    table = table_of(first, second, "95% interval", "n")
    for name, e in measures.items():
        table.add_row(name, number(e["value"]), interval(e), f"{e['n']:,}")
    return table


def _classes(classes: list[dict[str, Any]]) -> Any:
    table = table_of("class", "precision", "recall", "f1", "rows")
    for one in classes[:SHOWN_CLASSES]:
        told = (one["measures"][name] for name in ("precision", "recall", "f1"))
        cells = [f"{number(e['value'])} ({interval(e)})" for e in told]
        table.add_row(escape_markup(one["name"]), *cells, f"{one['n']:,}")
    if len(classes) > SHOWN_CLASSES:
        table.caption = f"{len(classes) - SHOWN_CLASSES} more classes are in the report"
    return table


def _cost(body: dict[str, Any]) -> Any:
    table = table_of("value of decisions", "value", "95% interval", "n")
    for name, e in (("mean", body["cost"]["mean"]), ("total", body["cost"]["total"])):
        table.add_row(name, number(e["value"]), interval(e), f"{e['n']:,}")
    best = body.get("curves", {}).get("best")
    if best:
        for name, e in (("mean at the best threshold", best["value"]), ("gain", best["gain"])):
            table.add_row(name, number(e["value"]), interval(e), f"{e['n']:,}")
        table.caption = (
            f"best threshold {best['threshold']:.3g}, as good from {best['low']:.3g} to "
            f"{best['high']:.3g}; its bounds allow for the search"
        )
    return table


def _against(told: dict[str, Any]) -> Any:
    who = ", ".join(escape_markup(c) for c in told["columns"])
    table = table_of(f"against {who}", "this", "other", "difference", "95% interval", "better")
    said = {"model": "this", "other": "other", "undecided": "–"}
    for name, c in told["measures"].items():
        e = c["difference"]
        table.add_row(name, number(c["model"]), number(c["other"]), number(e["value"]),
                      interval(e), said[c["better"]])  # fmt: skip
    return table
