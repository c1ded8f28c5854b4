"""What every command shares: settings, the control plane's client, how answers are printed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from seawall.adapters.settings import Settings
    from seawall.sdk.client import Client

Json = typer.Option(False, "--json", help="Print one JSON document and nothing else.")
Url = typer.Option(None, "--url", help="The control plane's address.", envvar="SEAWALL_URL")


def settings(**flags: Any) -> Settings:
    """Settings by file, environment and these flags, in that order; unset flags are left out."""
    import os
    from pathlib import Path

    from seawall.adapters.settings import load

    given = {name: value for name, value in flags.items() if value is not None}
    return load(given, os.environ, Path.cwd())


def client(url: str | None = None) -> Client:
    """The control plane as this user; raises `BadInput` when it is not configured."""
    from seawall.kernel import BadInput
    from seawall.sdk.client import Client

    known = settings(url=url)
    if not known.url or not known.token:
        missing = "address" if not known.url else "token"
        raise BadInput(
            f"no control plane's {missing} is set",
            remedy="set SEAWALL_URL and SEAWALL_TOKEN, or url and token in seawall.toml",
        )
    return Client(known.url, known.token)


def console(*, err: bool = False) -> Console:
    """The terminal: colour only there, NO_COLOR honoured."""
    from rich.console import Console

    return Console(stderr=err, highlight=False, soft_wrap=False)


def emit(document: Any, as_json: bool, text: Callable[[Console], None]) -> None:
    """Print the document as JSON, or its text for people."""
    if as_json:
        import sys

        import msgspec

        from seawall.kernel import to_builtins

        encoded = msgspec.json.encode(to_builtins(document))
        sys.stdout.write(msgspec.json.format(encoded, indent=2).decode() + "\n")
    else:
        text(console())


def finish(outcome: str) -> None:
    """Leave with the exit status of an outcome: 0 pass, 1 fail, 3 undecided."""
    raise typer.Exit({"pass": 0, "fail": 1, "undecided": 3}[outcome])


SIGNS = {
    "pass": "[green]✓ pass[/]",
    "fail": "[red]✗ fail[/]",
    "undecided": "[yellow]○ undecided[/]",
}


def show_verdict(terminal: Console, verdict: dict[str, Any], subject: str) -> None:
    """The judgement first, then what speaks against it, then the rest."""
    from rich.markup import escape

    reasons = verdict["reasons"]
    against = [r for r in reasons if r["outcome"] != "pass"]
    held = len(reasons) - len(against)
    terminal.print(f"{SIGNS[verdict['outcome']]}  {subject}: {held} of {len(reasons)} rules hold")
    for reason in against:
        sign = SIGNS[reason["outcome"]].split(" ")[0] + "[/]"
        terminal.print(f"  {sign} {escape(reason['rule'])}: {escape(reason['message'])}")
