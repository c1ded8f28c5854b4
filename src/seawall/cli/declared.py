"""Declared objects: apply, get, describe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from seawall.cli.context import Json, Url, client, emit


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("apply")(apply)
    app.command("get")(get)
    app.command("describe")(describe)


def apply(
    path: list[Path] = typer.Option(..., "-f", "--file", help="A YAML file, or a folder of them."),
    as_json: bool = Json,
    url: str | None = Url,
) -> None:
    """Make what the files declare so; unchanged objects are left alone."""
    from seawall.adapters.declared import KINDS, read

    found = [item for place in path for item in read(place, KINDS)]
    found.sort(key=lambda item: item.kind == "Monitor")  # after the endpoints that they watch
    with client(url) as server:
        answers = [server.apply(item.source.content) for item in found]

    def show(terminal: Any) -> None:
        for a in answers:
            word = "applied" if a["changed"] else "unchanged"
            terminal.print(f"{word:9}  {a['kind']}/{a['name']}", markup=False)

    emit(answers, as_json, show)


def get(
    kind: str = typer.Argument(help="Model, Endpoint, Policy, ValidationPlan, Rollout, SLO, …"),
    name: str = typer.Argument(""),
    as_json: bool = Json,
    url: str | None = Url,
) -> None:
    """List the declared objects of a kind."""
    with client(url) as server:
        found = server.get(f"/declared/{kind}/{name}" if name else f"/declared/{kind}")

    def show(terminal: Any) -> None:
        for item in found:
            terminal.print(item["name"], markup=False)
        if not found:
            terminal.print(f"No {kind} is declared: seawall apply -f FILE")

    emit(found, as_json, show)


def describe(
    kind: str,
    name: str,
    as_json: bool = Json,
    url: str | None = Url,
) -> None:
    """One declared object, whole."""
    with client(url) as server:
        found = server.get(f"/declared/{kind}/{name}")[0]

    def show(terminal: Any) -> None:
        import yaml

        terminal.print(yaml.safe_dump(found, sort_keys=False), markup=False)

    emit(found, as_json, show)
