"""`seawall replay`: a candidate run over the decision log in isolation."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from seawall.cli.context import Url, client
from seawall.cli.named import cost_values, moment, public_key, tolerances
from seawall.cli.showing import reported

if TYPE_CHECKING:
    from seawall.sdk.report import Progress, Report


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command("replay")(replay)


@reported
def replay(
    state: Path = typer.Argument(help="Folder of a gateway's state, with its signed bundle."),
    candidate: str = typer.Argument(help="An artefact's file, or a version as MODEL@NUMBER."),
    endpoint: str | None = typer.Option(None, "--endpoint", help="Where there are several."),
    table: str | None = typer.Option(
        None, "--table", help="Folder or address of the log's tables; by default STATE/table."
    ),
    since: str | None = typer.Option(None, "--since", help="From here on: a time, or 12h, 7d ago."),
    until: str | None = typer.Option(None, "--until", help="Before this: a time, or 12h, 7d ago."),
    arm: list[str] = typer.Option([], "--arm", help="Decisions of this arm; repeatable."),
    sample: int | None = typer.Option(
        None, "--sample", min=1, help="At most so many, chosen uniformly and always the same."
    ),
    by: list[str] = typer.Option(
        [], "--by", help="Field of the input, arm, model, caller or purpose; repeatable."
    ),
    threshold: float | None = typer.Option(
        None, "--threshold", min=0, max=1, help="The candidate's own; by default the champion's."
    ),
    cost: str | None = typer.Option(
        None, "--cost", help="Value of each kind of decision, like tp=0,fp=-5,fn=-50,tn=1."
    ),
    tolerance: list[str] = typer.Option(
        [], "--tolerance", help="MEASURE=VALUE, like flips=0.02; repeatable."
    ),
    rows: Path | None = typer.Option(None, "--rows", help="Answers by row: .parquet or .csv."),
    trust: Path | None = typer.Option(None, "--trust", help="Public key that signed the bundle."),
    keys: Path | None = typer.Option(None, "--keys", help="The keys of an encrypted log."),
    seconds: float = typer.Option(
        10.0, "--seconds", min=0.01, help="That a call of the candidate may take."
    ),
    url: str | None = Url,
    progress: Progress | None = None,
) -> Report:
    """What a candidate would have answered to recorded decisions, beside what was answered."""
    from seawall.sdk.candidate import candidate_of
    from seawall.sdk.replay import replay as compute

    given = candidate
    if not Path(candidate).exists() and "@" in candidate:
        with client(url) as server:
            given = candidate_of(candidate, server)
    return compute(
        state, given, endpoint=endpoint, table=table,
        since=_moment(since, "--since"), until=_moment(until, "--until"), arms=arm, sample=sample,
        by=by, threshold=threshold, cost=cost_values(cost), tolerances=tolerances(tolerance),
        rows=rows, public_key=None if trust is None else public_key(trust), keys=keys,
        seconds=seconds, progress=progress,
    )  # fmt: skip


def _moment(text: str | None, option: str) -> datetime | None:
    return None if text is None else moment(text, option)
