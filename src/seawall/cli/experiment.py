"""Experiments: A/B tests and hold-outs, how they stand and how they end."""

from __future__ import annotations

from typing import Any

import typer

from seawall.cli.context import Json, Url, client, emit
from seawall.cli.rollout import evidence_table

group = typer.Typer(help="Versions that answer beside the champion.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add this group."""
    app.add_typer(group, name="experiment")


@group.command()
def status(
    endpoint: str = typer.Argument("", help="Of one endpoint only."),
    as_json: bool = Json,
    url: str | None = Url,
) -> None:
    """How each variant compares with the champion, and what was stopped."""
    with client(url) as server:
        found = server.get("/experiments", endpoint=endpoint)

    def show(terminal: Any) -> None:
        if not found:
            where = f" on {endpoint}" if endpoint else ""
            terminal.print(f"No experiment{where} yet: apply a document of kind Experiment")
        for one in found:
            _show(terminal, one)

    emit(found, as_json, show)


def _show(terminal: Any, one: dict[str, Any]) -> None:
    said = f"{one['experiment']} is {one['state']}, begun {one['since'][:16].replace('T', ' ')} UTC"
    if one["ended"]:
        said = f"{one['experiment']} has ended: {one['ended']}"
    terminal.print(said, markup=False, soft_wrap=True)
    for variant in one["variants"]:
        about = f"  {variant['arm']}: {variant['version']}, {variant['share']:.4g} of the units"
        if variant["stopped"]:
            terminal.print(f"{about}, stopped: {variant['stopped']}", markup=False, soft_wrap=True)
            continue
        if one["ended"]:
            terminal.print(about, markup=False)
            continue
        terminal.print(f"{about}, {variant['decisions']:,} decisions", markup=False)
        for guard in variant["guards"]:
            terminal.print(f"    {guard['outcome']:9}  {guard['rule']}", markup=False)
        if variant["evidence"]:
            terminal.print(evidence_table(variant["evidence"]))
    if not one["ended"]:
        held = f"  Every interval holds at {one['confidence']:.2%}, however often it is looked at."
        terminal.print(held, markup=False)


@group.command()
def end(
    experiment: str = typer.Argument(help="ENDPOINT/NAME, as `experiment status` prints it."),
    reason: str = typer.Option(..., "--reason", help="Why, for the record."),
    as_json: bool = Json,
    url: str | None = Url,
) -> None:
    """End an experiment; the champion answers every unit again."""
    from seawall.kernel import BadInput

    if experiment.count("/") != 1:
        raise BadInput(
            f"{experiment!r} names no experiment",
            remedy="write ENDPOINT/NAME, as `seawall experiment status` prints it",
        )
    with client(url) as server:
        ended = server.post(f"/experiments/{experiment}/end", {"reason": reason})
    emit(ended, as_json, lambda c: c.print(ended["sentence"], markup=False))
