"""`seawall score`: a table through the same guards, into the same log, as a gateway serves by."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from seawall.cli.context import Json, emit
from seawall.cli.named import public_key

if TYPE_CHECKING:
    from rich.console import Console


SHOWN = 10
"""Refused rows whose numbers are printed."""


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
    """Answer every row of a table by an endpoint's models, guards and fallbacks.

    Says how many were answered how, which rows were refused, what broke the signature by field;
    the same is kept in OUTPUT.json.
    """
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
        if refused := done.refused.rows:
            numbers = ", ".join(f"{n:,}" for n in done.refused.first[:SHOWN])
            more = ", …" if refused > SHOWN else ""
            text = f"  {refused:,} refused ({refused / done.rows:.1%}), no decisions: row"
            terminal.print(f"{text}{'s' * (refused > 1)} {numbers}{more}", markup=False)
        for field, problems in done.violations.items():
            found = ", ".join(f"{p.replace('_', ' ')} {c:,}" for p, c in problems.items())
            terminal.print(f"  {field}: {found}", markup=False)
        if guard.killed:
            terminal.print("  the endpoint is switched off: no model was asked", markup=False)
        if guard.refused:
            terminal.print(f"  a newer bundle was refused: {guard.refused}", markup=False)
        logged = f"{done.logged:,} decisions logged in {log}"
        unlogged = "no decision was logged: give --log to keep them"
        terminal.print(f"  {unlogged if log is None else logged}", markup=False)
        if trust is None:
            terminal.print(
                "  the bundle's signature was not checked: give --trust to check it", markup=False
            )

    about = {"log": None if log is None else str(log), "signature_checked": trust is not None}
    emit(to_builtins(done) | about, as_json, text)
