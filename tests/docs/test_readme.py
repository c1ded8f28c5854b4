"""The tour of the README, from its first block to its last."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.docs.blocks import Shell, blocks, commands

README = Path(__file__).parents[2] / "README.md"


def free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    control, gateway = free_ports(2)
    env = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "SEAWALL_PORT": str(control),
        "SEAWALL_GATEWAY_PORT": str(gateway),
        "SEAWALL_LOG_LEVEL": "info",
        "COLUMNS": "120",
        "NO_COLOR": "1",
    }
    swaps = {"127.0.0.1:8080": f"127.0.0.1:{control}", "127.0.0.1:8081": f"127.0.0.1:{gateway}"}
    shell = Shell(tmp_path, env, swaps)
    yield shell
    shell.close()


@pytest.mark.timeout(600)
def test_every_block_of_the_readme_does_what_it_shows(shell: Shell) -> None:
    for block in blocks(README.read_text(encoding="utf-8")):
        if block.kind == "console":
            for command in commands(block.body):
                shell.run(command)
        else:
            assert block.file, f"which file is this?\n{block.body}"
            shell.write(block.file, block.body)


def test_a_console_tells_commands_from_what_they_print() -> None:
    body = "$ one \\\n>   more\nprinted\n…\n$ two &\n"
    one, two = commands(body)
    assert (one.text, one.shown, one.stays) == ("one \\\n  more", ("printed", "…"), False)
    assert (two.text, two.shown, two.stays) == ("two &", (), True)


def test_what_a_command_prints_must_be_what_is_shown(tmp_path: Path) -> None:
    shell = Shell(tmp_path, {}, {})
    (wrong,) = commands("$ echo this\nthat\n")
    with pytest.raises(AssertionError, match="printed"):
        shell.run(wrong)
    for command in commands("$ echo taken 12 things\n… <count> things\n$ echo <count>\n12\n"):
        shell.run(command)
    shell.close()
