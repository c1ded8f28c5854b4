"""What a gateway is told when it starts; all else it learns from signed bundles."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import msgspec

from seawall.adapters.decisions import Keyring
from seawall.gateway.connection import Connections
from seawall.gateway.shared import WORKERS
from seawall.kernel import BadInput, Clock, SystemClock


class GatewaySettings(msgspec.Struct, frozen=True, kw_only=True):
    """`token` is shown to the control plane at `control_url`; `public_keys` are PEM.

    `admin_token` opens the local kill switch; without one it stays shut. `table` is the folder or
    URL of the decision log's Delta tables, by default within `state_dir`. `name` is the gateway's
    name in logs and telemetry; by default one is made and kept in `state_dir`, which belongs to
    one gateway process. `flush_seconds`, `poll_seconds` and `ship_seconds` are real time, all
    other time is the clock's. `decision_keys` is the file of keys that decisions are encrypted with
    at rest, `protected_keys` those of protected attributes kept apart; None for none. Spans of
    traced requests go to the OTLP collector at `trace_endpoint`, nowhere without one; `trace_rate`
    is the share traced of requests whose caller traces nothing.
    """

    control_url: str
    token: str
    endpoints: tuple[str, ...]
    state_dir: Path
    public_keys: tuple[bytes, ...]
    host: str = "127.0.0.1"
    port: int = 8081
    table: str = ""
    name: str = ""
    admin_token: str = ""
    flush_seconds: float = 2.0
    poll_seconds: float = 2.0
    ship_seconds: float = 5.0
    seal_seconds: float = 60.0
    max_body_bytes: int = 16 * 1024 * 1024
    workers: int = 1
    tokens: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_client_ca: Path | None = None
    connections: Connections = Connections()
    clock: Clock = SystemClock()
    decision_keys: Path | None = None
    protected_keys: Path | None = None
    trace_endpoint: str = ""
    trace_rate: float = 0.0

    def check(self) -> None:
        """Raise `BadInput` for what cannot work."""
        if not self.endpoints:
            raise BadInput("a gateway needs an endpoint to serve", remedy="name one or more")
        if not self.public_keys:
            raise BadInput("no public key to check bundles with", remedy="give the control plane's")
        if not self.control_url.startswith(("http://", "https://")):
            raise BadInput(f"{self.control_url!r} is no address", remedy="write http://HOST:PORT")
        if self.trace_endpoint and not self.trace_endpoint.startswith(("http://", "https://")):
            raise BadInput(
                f"{self.trace_endpoint!r} is no collector's address",
                remedy="write http://HOST:4318/v1/traces",
            )
        if not 0.0 <= self.trace_rate <= 1.0:
            raise BadInput(f"a share of {self.trace_rate:g}", remedy="trace a share of 0 to 1")
        if not 1 <= self.workers <= WORKERS:
            raise BadInput(f"{self.workers} workers", remedy=f"ask for 1 to {WORKERS}")
        if (self.tls_cert is None) != (self.tls_key is None):
            raise BadInput("TLS needs a certificate and its key", remedy="give both")
        if self.tls_client_ca is not None and self.tls_cert is None:
            raise BadInput("callers' certificates need TLS", remedy="give a certificate and key")
        if self.tokens is None and self.tls_client_ca is None and not _is_loopback(self.host):
            raise BadInput(
                "a gateway without tokens listens on loopback only",
                where=self.host,
                remedy="give --tokens FILE, made by `seawall gateway token new`",
            )

    @property
    def log_folder(self) -> Path:
        """Where decisions are written before they are shipped."""
        return self.state_dir / "decisions"

    def keyring(self) -> Keyring | None:
        """The keys of `decision_keys`; raises `BadInput` when they cannot be read."""
        return Keyring.read(self.decision_keys)

    def apart_keyring(self) -> Keyring | None:
        """The keys of protected attributes: the first of `protected_keys` encrypts, if any.

        Those of decisions open what was kept before; raises `BadInput` as `keyring` does.
        """
        return Keyring.apart(self.protected_keys, self.decision_keys)

    @property
    def labels_folder(self) -> Path:
        """Where decisions wait for their labels."""
        return self.state_dir / "labels"

    @property
    def table_root(self) -> str:
        """Where decisions are shipped to."""
        return self.table or str(self.state_dir / "table")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
