"""Identities: who may do what."""

from __future__ import annotations

from typing import Any

import typer

from seawall.cli.context import Json, Url, client, emit

group = typer.Typer(help="Identities and their tokens.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add this group."""
    app.add_typer(group, name="identity")


@group.command()
def claim(
    ticket: str = typer.Argument(help="The one-time token that the control plane printed."),
    as_json: bool = Json,
    url: str = typer.Option(..., "--url", envvar="SEAWALL_URL"),
) -> None:
    """Exchange a one-time token for an API token."""
    from seawall.sdk.client import Client

    with Client(url, "") as server:
        got = server.post("/claim", {"ticket": ticket})
    emit(got, as_json, lambda c: c.print(f"export SEAWALL_TOKEN={got['token']}", soft_wrap=True))


@group.command()
def add(
    name: str,
    role: list[str] = typer.Option(..., "--role", help="May be given several times."),
    service: bool = typer.Option(False, "--service", help="A service, which approves nothing."),
    as_json: bool = Json,
    url: str | None = Url,
) -> None:
    """A new identity; its token is shown this once."""
    with client(url) as server:
        got = server.post("/identities", {"name": name, "roles": role, "service": service})
    emit(got, as_json, lambda c: c.print(f"{name}: {got['token']}", soft_wrap=True))


@group.command()
def link(name: str, as_json: bool = Json, url: str | None = Url) -> None:
    """A one-time link with which somebody signs in to the pages as this identity."""
    with client(url) as server:
        got = server.post(f"/identities/{name}/ticket")
        address = f"{server.url}/login?ticket={got['ticket']}"
    emit(got | {"link": address}, as_json, lambda c: c.print(address, soft_wrap=True))


@group.command()
def revoke(name: str, as_json: bool = Json, url: str | None = Url) -> None:
    """End an identity's access: its tokens, tickets and sessions are refused from now on."""
    with client(url) as server:
        got = server.post(f"/identities/{name}/shut-out")
    emit(got, as_json, lambda c: c.print(f"{name} is shut out"))


@group.command()
def whoami(as_json: bool = Json, url: str | None = Url) -> None:
    """The identity behind the token in use."""
    with client(url) as server:
        me = server.get("/whoami")

    def show(terminal: Any) -> None:
        terminal.print(f"{me['id']}: {', '.join(me['roles']) or 'no role'}")

    emit(me, as_json, show)
