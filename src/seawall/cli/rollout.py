"""Rollouts: start, status, advance, promote, pause, resume, abort, analyse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from seawall.cli.context import Json, Url, client, emit

if TYPE_CHECKING:
    from rich.table import Table

group = typer.Typer(help="Take a version to production by evidence, or back.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add this group."""
    app.add_typer(group, name="rollout")


@group.command()
def start(
    version: str = typer.Argument(help="The candidate, MODEL@NUMBER."),
    endpoint: str = typer.Option(..., "--endpoint", help="Where it is to serve."),
    as_json: bool = Json,
    url: str | None = Url,
) -> None:
    """Begin a rollout; an endpoint's first version serves at once."""
    with client(url) as server:
        begun = server.post("/rollouts", {"endpoint": endpoint, "candidate": version})
    emit(begun, as_json, lambda c: c.print(begun["sentence"], markup=False))


@group.command()
def status(
    endpoint: str = typer.Argument("", help="Of one endpoint only."),
    as_json: bool = Json,
    url: str | None = Url,
) -> None:
    """Where every rollout stands, and why."""
    with client(url) as server:
        found = server.get("/rollouts", endpoint=endpoint)

    def show(terminal: Any) -> None:
        if not found:
            terminal.print("No rollout yet: seawall rollout start MODEL@NUMBER --endpoint NAME")
        for r in found:
            state = r["state"].replace("_", " ")
            terminal.print(f"[bold]{r['candidate']}[/] {state} at {r['step']}")
            terminal.print(f"  {r['sentence']}  ({r['rollout']})", markup=False)

    emit(found, as_json, show)


@group.command()
def analyse(
    rollout: str = typer.Argument(help="ENDPOINT/ID, as `rollout status` prints it."),
    as_json: bool = Json,
    url: str | None = Url,
) -> None:
    """The newest evidence of a rollout, measure by measure."""
    _check_name(rollout)
    with client(url) as server:
        found = server.get(f"/rollouts/{rollout}")
    last = next((h for h in reversed(found["history"]) if h.get("evidence")), None)

    def show(terminal: Any) -> None:
        terminal.print(found["history"][-1]["sentence"], markup=False)
        if last is not None:
            terminal.print(evidence_table(last["evidence"]))

    emit(last or {}, as_json, show)


def evidence_table(evidence: dict[str, Any]) -> Table:
    """How an arm compares with the control, measure by measure."""
    from rich.table import Table

    table = Table("measure", "value", "low", "high", "n", box=None)
    for name, e in evidence.items():
        cells = ("–" if e[k] is None else f"{e[k]:.4f}" for k in ("value", "low", "high"))
        table.add_row(name, *cells, f"{e['n']:,}")
    return table


def _check_name(rollout: str) -> None:
    from seawall.kernel import BadInput

    if rollout.count("/") != 1:
        raise BadInput(
            f"{rollout!r} names no rollout",
            remedy="write ENDPOINT/ID, as `seawall rollout status` prints it in brackets",
        )


def _by_hand(action: str, says: str) -> None:
    def command(
        rollout: str = typer.Argument(help="ENDPOINT/ID, as `rollout status` prints it."),
        reason: str = typer.Option(..., "--reason", help="Why, for the record."),
        as_json: bool = Json,
        url: str | None = Url,
    ) -> None:
        _check_name(rollout)
        with client(url) as server:
            moved = server.post(f"/rollouts/{rollout}/{action}", {"reason": reason})
        emit(moved, as_json, lambda c: c.print(moved["sentence"], markup=False))

    group.command(action, help=says)(command)


_by_hand("advance", "Take a rollout one step on by hand.")
_by_hand("promote", "Give the candidate all traffic by hand.")
_by_hand("pause", "Hold a rollout at its present share; its guards go on.")
_by_hand("resume", "Let a paused rollout go on.")
_by_hand("abort", "End a rollout; the control answers everything again.")
