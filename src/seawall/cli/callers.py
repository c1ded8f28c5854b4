"""`seawall gateway token`: who may call a gateway, for what and until when."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from seawall.cli.context import Json, client, emit, settings

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from seawall.gateway.access import Token

group = typer.Typer(help="Callers' tokens.", no_args_is_help=True)
Key = typer.Option(
    Path(".seawall/keys/seawall.pem"), "--key", help="The control plane's private key, which signs."
)
File = typer.Option(Path(".seawall/gateway-tokens.json"), "--file", help="Where tokens are kept.")


@group.command()
def new(
    name: str = typer.Argument(help="The caller, as decision records name it."),
    endpoint: list[str] = typer.Option(..., "--endpoint", help="May be given several times."),
    scope: list[str] = typer.Option(
        ["decide"], "--scope", help="decide, outcomes, actions, overrides, events or kill."
    ),
    days: int | None = typer.Option(None, "--days", min=1, help="How long it is valid."),
    file: Path = File,
    key: Path = Key,
    as_json: bool = Json,
) -> None:
    """A caller's token, shown this once; running gateways take it up within a second."""
    from seawall.gateway.access import SCOPES, Scope, new_token
    from seawall.kernel import BadInput, nearest

    for word in scope:
        if word not in SCOPES:
            raise BadInput(f"no scope {word!r}", remedy=nearest(word, SCOPES))
    signing = _signing(key)
    _check_endpoints(endpoint)
    scopes: tuple[Scope, ...] = tuple(known for known in SCOPES if known in scope)
    expires = None if days is None else datetime.now(UTC) + timedelta(days=days)
    token = new_token(file, signing, name, endpoint, scopes, expires)
    told = {"name": name, "token": token, "endpoints": endpoint, "scopes": scopes,
            "expires": expires, "file": str(file)}  # fmt: skip
    emit(told, as_json, lambda c: c.out(token, highlight=False))


@group.command("list")
def list_(
    file: Path = File,
    trust: Path = typer.Option(
        Path(".seawall/keys/seawall.pem.pub"), "--trust", help="The control plane's key (PEM)."
    ),
    as_json: bool = Json,
) -> None:
    """Which callers have a token, for what and until when; the tokens are kept nowhere."""
    from seawall.adapters.signing.keys import read_public_pem
    from seawall.cli.named import public_key
    from seawall.gateway.access import read_callers

    found, now = read_callers(file, [read_public_pem(public_key(trust))]).tokens, datetime.now(UTC)

    def show(terminal: Any) -> None:
        from rich.table import Table

        table = Table("caller", "endpoints", "scopes", "expires", box=None)
        for t in found:
            table.add_row(t.name, ", ".join(t.endpoints), ", ".join(t.scopes), _expiry(t, now))
        terminal.print(table if found else f"No caller has a token in {file}.")

    emit([_told(t, now) for t in found], as_json, show)


@group.command()
def revoke(name: str, file: Path = File, key: Path = Key, as_json: bool = Json) -> None:
    """Take a caller's token away; running gateways that read the file follow within a second."""
    from seawall.gateway.access import revoke_token

    revoke_token(file, _signing(key), name)
    told = {"name": name, "revoked": True, "file": str(file)}
    emit(told, as_json, lambda c: c.print(f"{name} has no token any more", markup=False))


def _told(token: Token, now: datetime) -> dict[str, Any]:
    return {"name": token.name, "endpoints": token.endpoints, "scopes": token.scopes,
            "expires": token.expires, "expired": _expired(token, now)}  # fmt: skip


def _expired(token: Token, now: datetime) -> bool:
    return token.expires is not None and token.expires <= now


def _expiry(token: Token, now: datetime) -> str:
    if token.expires is None:
        return "never"
    return f"{token.expires:%Y-%m-%d %H:%M}" + (", expired" if _expired(token, now) else "")


def _check_endpoints(names: Sequence[str]) -> None:
    """Raise `NotFound` for one that is not declared; say so where nobody can be asked."""
    from seawall.kernel import NotFound, SeawallError, nearest

    known = settings()
    if known.url and known.token:
        try:
            with client() as server:
                declared = [one["name"] for one in server.get("/declared/Endpoint")]
        except SeawallError as error:
            _unchecked(names, str(error))
            return
        for name in names:
            if name not in declared:
                raise NotFound(f"there is no endpoint {name!r}", remedy=nearest(name, declared))
    else:
        _unchecked(names, "SEAWALL_URL and SEAWALL_TOKEN are not set")


def _unchecked(names: Sequence[str], why: str) -> None:
    line = f"seawall: whether {', '.join(names)} is declared was not checked: {why}"
    print(line, file=sys.stderr)  # noqa: T201 -- a message, beside the token


def _signing(path: Path) -> Ed25519PrivateKey:
    """The key that gateways trust for bundles, and so for tokens."""
    from seawall.adapters.signing.keys import load_key
    from seawall.kernel import NotFound

    try:
        return load_key(path)
    except NotFound:
        raise NotFound(
            "there is no private key to sign tokens with",
            where=str(path),
            remedy="make tokens where the control plane keeps its keys (`seawall serve` makes them "
            "when it first starts), or give --key",
        ) from None
