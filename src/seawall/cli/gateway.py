"""Start a gateway alone; see which gateway serves what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from seawall.cli import callers
from seawall.cli.context import Json, Url, client, emit, settings
from seawall.cli.named import public_key

group = typer.Typer(help="Start a gateway alone; it serves on when the control plane is gone.")


def register(app: typer.Typer) -> None:
    """Add this group."""
    group.add_typer(callers.group, name="token")
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

    if not endpoint:
        raise BadInput("a gateway needs an endpoint to serve", remedy="give --endpoint NAME")
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
        need = "needs" if len(lags) == 1 else "need"
        terminal.print(f"{len(lags)} of {len(found)} {need} a look." if lags else well)
        table = Table(box=None)
        for name in ("endpoint", "gateway", "state", "bundle", "since", "software"):
            table.add_column(name, overflow="fold")
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
