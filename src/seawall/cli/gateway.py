"""Start a gateway alone, and make its callers' tokens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from seawall.cli.context import Json, Url, client, emit, settings
from seawall.cli.named import public_key

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

group = typer.Typer(help="Start a gateway alone; it serves on when the control plane is gone.")
Key = typer.Option(
    Path(".seawall/keys/seawall.pem"), "--key", help="The control plane's private key, which signs."
)
token_group = typer.Typer(help="Callers' tokens.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add this group."""
    group.add_typer(token_group, name="token")
    app.add_typer(group, name="gateway")


@group.callback(invoke_without_command=True)
def gateway(
    called: typer.Context,
    endpoint: list[str] = typer.Option([], "--endpoint", help="Which endpoints it serves."),
    trust: Path | None = typer.Option(None, "--trust", help="The control plane's key (PEM)."),
    url: str | None = typer.Option(None, "--url", help="The control plane's address."),
    token: str | None = typer.Option(None, "--token", envvar="SEAWALL_TOKEN"),
    state_dir: Path = typer.Option(Path(".seawall/gateway"), "--state-dir"),
    table: str = typer.Option("", "--table", help="The Delta tables that decisions go to."),
    host: str | None = typer.Option(None, "--host"),
    port: int | None = typer.Option(None, "--port"),
    workers: int = typer.Option(1, "--workers", help="Processes that share the port."),
    tokens: Path | None = typer.Option(None, "--tokens", help="The callers' tokens."),
    tls_cert: Path | None = typer.Option(None, "--tls-cert", help="Serve TLS (PEM)."),
    tls_key: Path | None = typer.Option(None, "--tls-key", help="The certificate's key (PEM)."),
    tls_client_ca: Path | None = typer.Option(
        None, "--tls-client-ca", help="Let only callers with a certificate of this one in (PEM)."
    ),
) -> None:
    """Start a gateway alone; it goes on serving when the control plane is gone."""
    if called.invoked_subcommand is not None:
        return
    from seawall.adapters.clock import clock_of
    from seawall.adapters.settings import writable
    from seawall.adapters.telemetry.logs import set_up_logs
    from seawall.gateway.main import run
    from seawall.gateway.settings import GatewaySettings
    from seawall.kernel import BadInput

    if trust is None:
        raise BadInput("no public key to check bundles with", remedy="give --trust KEY.pem.pub")
    known = settings(url=url, token=token, host=host, gateway_port=port)
    if not known.url or not known.token:
        raise BadInput(
            "a gateway needs the control plane's address and a token",
            remedy="set SEAWALL_URL and SEAWALL_TOKEN",
        )
    key = public_key(trust)
    set_up_logs(known.log_level, known.log_format)
    writable(state_dir, "--state-dir")
    run(
        GatewaySettings(
            control_url=known.url,
            token=known.token,
            endpoints=tuple(endpoint),
            state_dir=state_dir,
            public_keys=(key,),
            host=known.host,
            port=known.gateway_port,
            table=table,
            admin_token=known.admin_token or "",
            flush_seconds=known.flush_seconds,
            poll_seconds=known.poll_seconds,
            ship_seconds=known.ship_seconds,
            seal_seconds=known.seal_seconds,
            workers=workers,
            tokens=tokens,
            tls_cert=tls_cert,
            tls_key=tls_key,
            tls_client_ca=tls_client_ca,
            clock=clock_of(known),
            decision_keys=known.decision_keys,
            protected_keys=known.protected_keys,
            trace_endpoint=known.trace_endpoint or "",
            trace_rate=known.trace_rate,
        )
    )


@group.command("list")
def list_gateways(
    endpoint: str = typer.Option("", "--endpoint", help="Only those that serve it."),
    as_json: bool = Json,
    url: str | None = Url,
) -> None:
    """Which gateway serves which bundle, which lags, and since when."""
    with client(url) as server:
        found = server.get("/gateways", endpoint=endpoint or None)

    def show(terminal: Any) -> None:
        from rich.table import Table

        if not found:
            terminal.print("No gateway was heard in the last day: start one with `seawall gateway`")
            return
        lags = [g for g in found if g["state"] != "current"]
        well = "Every gateway serves the newest bundle."
        terminal.print(f"{len(lags)} of {len(found)} need a look." if lags else well)
        table = Table("endpoint", "gateway", "state", "bundle", "since", "software", box=None)
        for g in found:
            served = "none" if g["bundle"] is None else str(g["bundle"])
            served += "" if g["bundle"] == g["issued"] else f" of {g['issued']}"
            since = (g["since"] or "")[:19].replace("T", " ")
            table.add_row(g["endpoint"], g["gateway"], g["state"], served, since, g["software"])
        terminal.print(table)
        for g in found:
            if g["refusal"]:
                said = g["refusal"]["message"]
                terminal.print(f"{g['gateway']} refused a bundle: {said}", markup=False)

    emit(found, as_json, show)


@token_group.command()
def new(
    name: str = typer.Argument(help="The caller, as decision records name it."),
    endpoint: list[str] = typer.Option(..., "--endpoint", help="May be given several times."),
    scope: list[str] = typer.Option(
        ["decide"], "--scope", help="decide, outcomes, actions, overrides, events or kill."
    ),
    days: int | None = typer.Option(None, "--days", min=1, help="How long it is valid."),
    file: Path = typer.Option(Path(".seawall/gateway-tokens.json"), "--file"),
    key: Path = Key,
) -> None:
    """A caller's token, shown this once; running gateways take it up within a second."""
    from seawall.gateway.access import SCOPES, Scope, new_token
    from seawall.kernel import BadInput, nearest

    for word in scope:
        if word not in SCOPES:
            raise BadInput(f"no scope {word!r}", remedy=nearest(word, SCOPES))
    scopes: tuple[Scope, ...] = tuple(known for known in SCOPES if known in scope)
    expires = None if days is None else datetime.now(UTC) + timedelta(days=days)
    print(new_token(file, _signing(key), name, endpoint, scopes, expires))  # noqa: T201 -- what was asked for


@token_group.command()
def revoke(
    name: str,
    file: Path = typer.Option(Path(".seawall/gateway-tokens.json"), "--file"),
    key: Path = Key,
) -> None:
    """Take a caller's token away; running gateways that read the file follow within a second."""
    from seawall.gateway.access import revoke_token

    revoke_token(file, _signing(key), name)
    print(f"{name} has no token any more")  # noqa: T201 -- the answer


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
