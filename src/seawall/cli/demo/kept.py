"""The way back into what a demo kept: settings for the ordinary commands, and a link."""

from __future__ import annotations

import os
from pathlib import Path

from seawall.cli.demo.world import World


def keep(world: World) -> str:
    """Write the settings with which commands find what the demo kept; returns how to look at it.

    `seawall.toml` has the clock, where the demo left it, and the token of a visitor who may
    operate, approve and look at everything. Only its owner reads it.
    """
    link = world.invite()
    _private(
        world.folder / "seawall.toml",
        'data_dir = "state"\nclock = "file:clock"\n'
        f'url = "{world.url}"\ntoken = "{world.tokens["visitor"]}"\n'
        f"port = {world.port}\ngateway_port = {world.gateway_port}\n",
    )
    return (
        f"Everything is kept in {world.folder}. To look at it, with commands and on pages:\n"
        f"  cd {world.folder}\n"
        "  seawall serve --no-gateway &\n"
        "  seawall incident list\n"
        f"and sign in once at {link}"
    )


def _private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
