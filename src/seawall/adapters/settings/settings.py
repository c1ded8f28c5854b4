"""What a person may set, with types, ranges and defaults."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

import msgspec

Port = Annotated[int, msgspec.Meta(ge=0, le=65_535)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of this process. `load` fills in what depends on the data folder.

    `url` is the control plane's address, None for a local one; `token` is shown to it.
    `admin_token` opens a gateway's local kill switch. `clock` is `system` or `file:PATH`. The
    `..._seconds` are real time: how often the control plane reconciles, and a gateway sends its
    telemetry, asks for its bundle, ships its log, and how old a log file grows before it is sealed.
    `decision_keys` is the file of keys that decisions are encrypted with at rest, `protected_keys`
    that of protected attributes kept apart from them; None for none.
    A gateway sends spans to the OTLP collector at `trace_endpoint`, of a share `trace_rate` of the
    requests that their caller does not trace.
    `demo_panel` is where a running demo takes the orders of its page, None without a demo.
    Secrets are not shown by `repr`.
    """

    data_dir: Path = Path(".seawall")
    url: str | None = None
    token: str | None = None
    admin_token: str | None = None
    database_url: str = ""
    objects: str = ""
    host: str = "127.0.0.1"
    port: Port = 8080
    gateway_port: Port = 8081
    clock: Annotated[str, msgspec.Meta(pattern="^(system|file:.+)$")] = "system"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["console", "json"] = "console"
    reconcile_seconds: Seconds = 0.5
    flush_seconds: Seconds = 2.0
    poll_seconds: Seconds = 2.0
    ship_seconds: Seconds = 5.0
    seal_seconds: Seconds = 60.0
    decision_keys: Path | None = None
    protected_keys: Path | None = None
    trace_endpoint: Annotated[str, msgspec.Meta(pattern="^https?://.+$")] | None = None
    trace_rate: Annotated[float, msgspec.Meta(ge=0.0, le=1.0)] = 0.0
    demo_panel: Annotated[str, msgspec.Meta(pattern="^https?://.+$")] | None = None

    def __repr__(self) -> str:
        shown = [f"{name}={self._shown(name)}" for name in self.__struct_fields__]
        return f"Settings({', '.join(shown)})"

    def _shown(self, name: str) -> str:
        value = getattr(self, name)
        if name.endswith("token"):
            return "'***'" if value else repr(value)
        if name == "database_url":
            return repr(re.sub(r"(://[^/@:]*):[^@]*@", r"\1:***@", value))
        return repr(value)
