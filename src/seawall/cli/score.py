"""`seawall score`: a table through the same guards, into the same log, as a gateway serves by."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from seawall.cli.context import Json, emit
from seawall.cli.named import public_key

if TYPE_CHECKING:
    from rich.console import Console


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command("score")(score)


def score(
    state: Path = typer.Argument(help="Folder of a gateway's state, with its signed bundle."),
    data: Path = typer.Argument(help="The table: Parquet, CSV, Arrow or Delta."),
    output: Path = typer.Option(..., "-o", "--output", help="Answers: .parquet or .csv."),
    endpoint: str | None = typer.Option(None, "--endpoint", help="Where there are several."),
    trust: Path | None = typer.Option(None, "--trust", help="Public key that signed the bundle."),
    log: Path | None = typer.Option(None, "--log", help="Folder to log the decisions in."),
    unit: str | None = typer.Option(None, "--unit", help="Column of routing keys."),
    subject: str | None = typer.Option(None, "--subject", help="Column of whom it is about."),
    purpose: str | None = typer.Option(None, "--purpose", help="What the decisions are for."),
    as_json: bool = Json,
) -> None:
    """Answer every row of a table by an endpoint's models, guards and fallbacks."""
    from msgspec import to_builtins

    from seawall.sdk.guard import Guard
    from seawall.sdk.score import score as compute

    key = None if trust is None else public_key(trust)
    with Guard.load(state, endpoint=endpoint, public_key=key, log=log) as guard:
        done = compute(guard, data, output, unit=unit, subject=subject, purpose=purpose)

    def text(terminal: Console) -> None:
        terminal.print(f"{done.rows:,} rows of {data} are answered in {output}", markup=False)
        for kind, counts in (("verdict", done.verdicts), ("answered by", done.arms)):
            shares = ", ".join(f"{n} {c:,} ({c / done.rows:.1%})" for n, c in counts.items())
            if shares:
                terminal.print(f"  {kind}: {shares}", markup=False)
        for reason, count in done.reasons.items():
            terminal.print(f"  {count:,} × {reason}", markup=False)
        if log is not None:
            terminal.print(f"  logged in {log}", markup=False)

    emit(to_builtins(done), as_json, text)
