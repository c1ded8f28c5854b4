"""`seawall labels`: how labels come to decisions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from seawall.cli.named import span
from seawall.cli.showing import reported

if TYPE_CHECKING:
    from seawall.sdk.report import Report


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command("labels")(labels)


@reported
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
) -> Report:
    """How many labels have come, by what age, and what they say at one age."""
    from seawall.sdk.labels import labels as compute

    return compute(
        str(decisions), str(outcomes), id=id, time=time, label_time=label_time, label=label,
        prediction=prediction, groups=group, proxies=proxy,
        age=None if age is None else span(age, "--age"),
    )  # fmt: skip
