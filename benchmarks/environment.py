"""Throw-away environments for the programs of others, whose needs contradict ours.

`others/NAME.txt` pins what makes one run. An environment is kept under .venv/peers until its pins
change.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.measure import ROOT, python

OTHERS = Path(__file__).with_name("others")
HOME = ROOT / ".venv" / "peers"


def environment(name: str) -> Path | None:
    """The interpreter of an environment; None, and a line that says why, where none can be made."""
    wanted = (OTHERS / f"{name}.txt").read_text(encoding="utf-8")
    folder = HOME / name
    interpreter, stamp = folder / "bin" / "python", folder / "installed.txt"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return interpreter
    print(f"{name}: installing …", file=sys.stderr)
    shutil.rmtree(folder, ignore_errors=True)
    uv = python("-m", "uv")
    made = [*uv, "venv", "--quiet", "--python", sys.executable, str(folder)]
    filled = [*uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(interpreter)]
    for command in (made, [*filled, "--requirement", str(OTHERS / f"{name}.txt")]):
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if ran.returncode:
            why = (ran.stderr.strip().splitlines() or ["no reason given"])[-1]
            print(f"{name} is left out, it does not install: {why.strip()}", file=sys.stderr)
            return None
    stamp.write_text(wanted, encoding="utf-8")
    return interpreter


def pinned(name: str) -> str:
    """The name and version of what an environment is for; its first requirement pins it."""
    first = (OTHERS / f"{name}.txt").read_text(encoding="utf-8").splitlines()[0]
    return f"{name} {first.partition('==')[2]}"
