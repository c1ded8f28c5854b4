"""`seawall labels`: how labels come to decisions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from seawall.cli.context import Json
from seawall.cli.showing import Save, escape_markup, interval, number, table_of, tell


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command("labels")(labels)


def labels(
    decisions: Path = typer.Argument(help="One row for each decision."),
    outcomes: Path = typer.Argument(help="One row for each label that came."),
    id: str = typer.Option(..., "--id", help="Column of ids, in both."),  # noqa: A002 -- the option's name
    time: str = typer.Option(..., "--time", help="Column of the decision's time."),
    label_time: str = typer.Option(..., "--label-time", help="Column of the label's time."),
    label: str | None = typer.Option(None, "--label", help="Column of labels in OUTCOMES."),
    prediction: str | None = typer.Option(
        None, "--prediction", help="Column of calls in DECISIONS, for right and wrong."
    ),
    group: list[str] = typer.Option([], "--group", help="Column of DECISIONS; repeatable."),
    proxy: list[str] = typer.Option(
        [], "--proxy", help="0/1 column of DECISIONS that is known at once; repeatable."
    ),
    age: str | None = typer.Option(None, "--age", help="Fixed age of cohorts, as 12h or 7d."),
    save: Path | None = Save,
    as_json: bool = Json,
) -> None:
    """How many labels have come, by what age, and what they say at one age."""
    from seawall.sdk.labels import age_of
    from seawall.sdk.labels import labels as compute

    report = compute(
        str(decisions), str(outcomes), id=id, time=time, label_time=label_time, label=label,
        prediction=prediction, groups=group, proxies=proxy,
        age=None if age is None else age_of(age),
    )  # fmt: skip
    tell(report, save, as_json, _show)


def _show(body: dict[str, Any]) -> Any:
    from rich.console import Group

    curve = table_of("labelled by the age of", "share", "95% interval", "decisions")
    for point in body["curve"]:
        share = point["share"]
        curve.add_row(_age(point["age_days"]), number(share["value"]), interval(share),
                      f"{point['decisions']:,}")  # fmt: skip
    parts: list[Any] = [curve]
    if body["age_days"] is not None:
        parts += _at_age(body)
    join = body["join"]
    names = {"without_decision": "outcomes without a decision", "repeated": "repeated outcomes",
             "conflicting": "decisions with conflicting labels",
             "before_decision": "labels from before their decision",
             "repeated_decisions": "repeated decisions"}  # fmt: skip
    odd = [f"{join[k]:,} {what}" for k, what in names.items() if join[k]]
    told = f"{join['labelled']:,} of {join['decisions']:,} decisions have a label"
    parts.append(f"{told}; {', '.join(odd) if odd else 'every outcome has its decision'}.")
    return Group(*parts)


def _at_age(body: dict[str, Any]) -> list[Any]:
    shown = [k for k in ("wrong", "right", "not_arrived") if k in body["cohorts"][0]]
    heads = [h for k in shown for h in (k.replace("_", " "), *(["95% interval"] * (k == shown[0])))]
    days = table_of(f"at {_age(body['age_days'])}", "decisions", *heads)
    young = 0
    for cohort in body["cohorts"]:
        if cohort["provisional"]:
            young += cohort["decisions"]
            continue
        days.add_row(cohort["from"][:10], f"{cohort['decisions']:,}", *_cells(cohort, shown))
    parts: list[Any] = [days]
    if body["groups"]:
        groups = table_of("group", "decisions", *heads)
        for g in body["groups"]:
            by = " ".join(f"{k}={v}" for k, v in g["by"].items())
            groups.add_row(escape_markup(by), f"{g['decisions']:,}", *_cells(g, shown))
        parts.append(groups)
    for name, p in body["proxies"].items():
        one, none = p["wrong_where_1"], p["wrong_where_0"]
        parts.append(
            f"{escape_markup(name)}: wrong in {number(one['value'])} [{interval(one)}] where 1, "
            f"in {number(none['value'])} [{interval(none)}] where 0".replace("[", "\\[")
        )
    if young:
        parts.append(f"{young:,} decisions of younger days are provisional and not shown.")
    return parts


def _cells(of: dict[str, Any], shown: list[str]) -> list[str]:
    """The shares, the first with its interval: as many as 80 columns hold."""
    first, *rest = shown
    return [
        number(of[first]["value"]),
        interval(of[first]),
        *(number(of[k]["value"]) for k in rest),
    ]


def _age(days: float) -> str:
    return f"{days * 24:.3g} h" if days < 1 else f"{days:.3g} d"
