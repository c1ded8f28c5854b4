"""`seawall --help` beside a bare Typer app with as many commands, both byte-compiled."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.measure import Result, Size, beside, python, seconds

LIMIT = 1.5
COMMAND = '''
@{group}.command("{name}")
def {function}(
    name: str = typer.Argument(help="What it is about."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON document."),
    url: str | None = typer.Option(None, "--url", help="An address.", envvar="BARE_URL"),
) -> None:
    """{help}"""
'''


def run(size: Size) -> Iterator[Result]:
    with tempfile.TemporaryDirectory(prefix="seawall-bench-") as folder:
        (Path(folder) / "bare.py").write_text(bare_app(), encoding="utf-8")
        start = f"import sys; sys.path.insert(0, {folder!r}); sys.argv[1:] = ['--help']; "
        bare = python("-c", start + "import bare; bare.app()")
        ours = python("-c", start + "from seawall.cli.main import run; run()")
        for command in (bare, ours):
            seconds(command)
        mine, peer = beside(lambda: seconds(ours), lambda: seconds(bare), size.rows(7, 15))
    yield Result(
        "seawall --help", mine * 1e3, "ms", "bare Typer app", peer * 1e3,
        f"{LIMIT:g} x", mine <= LIMIT * peer,
    )  # fmt: skip


def bare_app() -> str:
    """A Typer program with the same names of commands and groups, and nothing behind them."""
    import typer.main

    from seawall.cli.main import app

    command: Any = typer.main.get_command(app)
    lines = ["import typer", "app = typer.Typer(add_completion=False)"]
    _add(lines, "app", command)
    return "\n".join(lines)


def _add(lines: list[str], group: str, command: Any) -> None:
    """The commands of a group, and those of the groups within it."""
    for name, part in command.commands.items():
        own = f"{group}_{name.replace('-', '_')}"
        help_ = ((part.help or "").splitlines() or [""])[0]
        if getattr(part, "commands", None) is None:
            lines.append(COMMAND.format(group=group, name=name, function=f"f_{own}", help=help_))
        else:
            lines.append(f"{own} = typer.Typer(help={help_!r})")
            lines.append(f"{group}.add_typer({own}, name={name!r})")
            _add(lines, own, part)
