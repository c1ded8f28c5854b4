"""Start the control plane with a gateway beside it."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import typer

from seawall.cli.context import settings


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command("serve")(serve)


def serve(
    data_dir: Path | None = typer.Option(None, "--data-dir", help="Where everything is kept."),
    host: str | None = typer.Option(None, "--host"),
    port: int | None = typer.Option(None, "--port"),
    gateway_port: int | None = typer.Option(None, "--gateway-port"),
    endpoint: list[str] = typer.Option(
        [], "--endpoint", help="Serve these; default: all declared."
    ),
    no_gateway: bool = typer.Option(False, "--no-gateway", help="The control plane alone."),
) -> None:
    """Start the control plane and, beside it, a gateway as a second process."""
    from seawall.access.role import Role
    from seawall.adapters.telemetry.logs import set_up_logs
    from seawall.app.identities import first_ticket, service_token
    from seawall.app.root import App
    from seawall.cli.embedded import EmbeddedGateway
    from seawall.server.main import run
    from seawall.serving.endpoint import Endpoint

    asked = settings(data_dir=data_dir, host=host, port=port, gateway_port=gateway_port)
    set_up_logs(asked.log_level, asked.log_format)
    # the server raises the signal again once it has ended, and the gateway must be ended too
    signal.signal(signal.SIGTERM, _stop)
    beside: list[EmbeddedGateway] = []

    def ready(app: App) -> None:
        known, ticket = app.settings, first_ticket(app)
        address = f"http://{known.host}:{known.port}"
        _tell(f"control plane at {address}, data in {known.data_dir}")
        if ticket:
            _tell(f"first sign-in, once: {address}/login?ticket={ticket}")
            _tell(f"or on the command line: seawall identity claim {ticket} --url {address}")
        if no_gateway:
            return

        def names() -> list[str]:
            return endpoint or [declared.name for declared in app.store.find(Endpoint)]

        token = service_token(app, "gateway", (Role.GATEWAY,))
        beside.append(EmbeddedGateway(known, token, names, _tell))
        beside[0].start()

    try:
        run(asked, ready)
    finally:
        for embedded in beside:
            embedded.end()


def _stop(_number: int, _frame: object) -> None:
    sys.exit(0)


def _tell(line: str) -> None:
    print(f"seawall: {line}", file=sys.stderr, flush=True)  # noqa: T201 -- for whoever started it
