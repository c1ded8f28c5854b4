"""What is installed, reachable, misconfigured."""

from __future__ import annotations

from typing import Any

import typer

from seawall.cli.context import Json, Url, emit, settings

EXTRAS = {
    "server": ("litestar", "uvicorn", "sqlalchemy", "alembic", "cedarpy", "argon2", "obstore"),
    "gateway": ("onnxruntime", "deltalake", "uvloop"),
    "charts": ("vl_convert",),
    "training": ("sklearn", "skl2onnx", "onnx"),
    "signing": ("model_signing",),
    "postgresql": ("psycopg",),
    "spark": ("pyspark", "pandas"),
}


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command("doctor")(doctor)


def doctor(as_json: bool = Json, url: str | None = Url) -> None:
    """Say what is installed, reachable and misconfigured; exit 1 when something is wrong."""
    from seawall.kernel import SeawallError

    checks = [*_extras()]
    try:
        known = settings(url=url)
        checks.append(_check("settings", True, f"data in {known.data_dir}"))
        checks += _places(known)
    except SeawallError as error:
        checks.append(_check("settings", False, str(error)))

    def show(terminal: Any) -> None:
        from rich.markup import escape

        wrong = [c for c in checks if c["ok"] is False]
        verb = "thing needs" if len(wrong) == 1 else "things need"
        terminal.print(f"{len(wrong)} {verb} attention." if wrong else "All is well.")
        for c in checks:
            sign = {True: "[green]✓[/]", False: "[red]✗[/]", None: "○"}[c["ok"]]
            terminal.print(f"  {sign} {c['name']:22} {escape(c['said'])}", soft_wrap=True)

    emit({"checks": checks}, as_json, show)
    raise typer.Exit(1 if any(c["ok"] is False for c in checks) else 0)


def _check(name: str, ok: bool | None, said: str) -> dict[str, Any]:
    """`ok` is None for what is absent and only needed by some."""
    return {"name": name, "ok": ok, "said": said}


def _extras() -> list[dict[str, Any]]:
    from importlib.util import find_spec

    found: list[dict[str, Any]] = []
    for extra, modules in EXTRAS.items():
        absent = [m for m in modules if find_spec(m) is None]
        said = (
            f"pip install 'seawall[{extra}]' brings {', '.join(absent)}" if absent else "installed"
        )
        found.append(_check(f"extra {extra}", None if absent else True, said))
    return found


def _places(known: Any) -> list[dict[str, Any]]:
    import os
    from pathlib import Path

    from seawall.kernel import SeawallError

    folder = Path(known.data_dir)
    parent = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    if not os.access(parent, os.W_OK | os.X_OK) or not parent.is_dir():
        found = [_check("data folder", False, f"{parent} is no folder that can be written")]
    elif folder.is_dir():
        found = [_check("data folder", True, str(folder))]
    else:
        said = f"{folder} is not there yet: `seawall serve` makes it"
        found = [_check("data folder", None, said)]
    if not known.url:
        said = "no address: set SEAWALL_URL, or start one with `seawall serve`"
        return [*found, _check("control plane", None, said)]
    if not known.token:
        return [*found, _check("control plane", False, "no token: set SEAWALL_TOKEN")]
    from seawall.sdk.client import Client

    try:
        with Client(known.url, known.token, timeout=5) as server:
            me = server.get("/whoami")
        roles = ", ".join(me["roles"]) or "no role"
        found.append(_check("control plane", True, f"{known.url} as {me['id']} ({roles})"))
    except SeawallError as error:
        found.append(_check("control plane", False, str(error)))
    return found
