"""The fenced blocks of a document, and a shell that runs what its consoles show.

In a `console` block a line that begins with `$ ` is a command, one with `> ` goes on with it, and
all others show what it prints: `…` stands for any text, `<name>` for a text that is taken up
and put in the place of `<name>` from there on. A command that ends in `&` stays in the background.
Any other block stands under a line "`FILE`:" and is what that file holds.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import psutil

_BLOCK = re.compile(
    r"(?:^`(?P<file>[^`\n]+)`:\n\n)?^```(?P<kind>\w*)\n(?P<body>.*?)^```$", re.M | re.S
)
_NAME = re.compile(r"<(\w+)>")
BACKGROUND_SECONDS = 90.0
END = "end-of-command"


class Block(NamedTuple):
    """A fenced block: the language it names, the file it belongs in, its text."""

    kind: str
    file: str
    body: str


class Command(NamedTuple):
    """A command of a console and the lines it is shown to print."""

    text: str
    shown: tuple[str, ...]

    @property
    def stays(self) -> bool:
        return self.text.endswith("&")


def blocks(text: str) -> list[Block]:
    """Every fenced block of a document in order."""
    return [Block(m["kind"], m["file"] or "", m["body"]) for m in _BLOCK.finditer(text)]


def commands(body: str) -> list[Command]:
    """The commands of a console block."""
    found: list[tuple[str, list[str]]] = []
    for line in body.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif line.startswith("> ") and not found[-1][1]:
            found[-1] = (f"{found[-1][0]}\n{line[2:]}", [])
        else:
            found[-1][1].append(line)
    return [Command(text, tuple(shown)) for text, shown in found]


class Shell:
    """One bash in one folder; what a command exports stays for the next."""

    def __init__(self, folder: Path, env: Mapping[str, str], swaps: Mapping[str, str]) -> None:
        self.folder, self.swaps = folder, dict(swaps)
        self.names: dict[str, str] = {}
        self._logs = 0
        self._bash = subprocess.Popen(
            ["bash"],
            cwd=folder,
            env={**os.environ, **env},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def write(self, file: str, body: str) -> None:
        """Put a block in its file."""
        (self.folder / file).write_text(self._swapped(body), encoding="utf-8")

    def run(self, command: Command) -> None:
        """Run a command and hold what it prints against what is shown."""
        text = self._swapped(_NAME.sub(lambda m: self.names.get(m[1], m[0]), command.text))
        if not command.stays:
            printed = self._send(text)
            found = self._fits(command.shown, printed)
            assert found is not None, f"{text}\nprinted\n{printed}"
            self.names |= found
            return
        self._logs += 1
        log = self.folder / f"background-{self._logs}.log"
        log.touch()
        self._send(f"{text.removesuffix('&')} > {log.name} 2>&1 &")
        deadline = time.monotonic() + BACKGROUND_SECONDS
        among = ("…", *(part for line in command.shown for part in (line, "…")))
        while (found := self._fits(among, printed := log.read_text(encoding="utf-8"))) is None:
            assert time.monotonic() < deadline, f"{text}\nprinted\n{printed}"
            time.sleep(0.1)
        self.names |= found

    def close(self) -> None:
        """End the shell and what it left in the background, whoever's child that is by now."""
        left = [p for p in psutil.process_iter() if p.pid != self._bash.pid and self._here(p)]
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.terminate()
        _, alive = psutil.wait_procs(left, timeout=20)
        for process in alive:
            process.kill()
        self._bash.communicate("exit\n", timeout=30)

    def _here(self, process: psutil.Process) -> bool:
        """Whether a process was started in our folder."""
        try:
            return Path(process.cwd()) == self.folder
        except (psutil.Error, OSError):
            return False

    def _send(self, text: str) -> str:
        assert self._bash.stdin is not None
        assert self._bash.stdout is not None
        self._bash.stdin.write(f"{text}\nprintf '\\n%s\\n' {END}\n")
        self._bash.stdin.flush()
        lines: list[str] = []
        while (line := self._bash.stdout.readline()) != f"{END}\n":
            assert line, f"the shell ended in {text!r}"
            lines.append(line)
        return "".join(lines)[:-1]

    def _fits(self, shown: tuple[str, ...], printed: str) -> dict[str, str] | None:
        """The names taken up, or None when something else was printed."""
        taken: set[str] = set()
        parts: list[str] = []
        for line in shown:
            if line == "…":
                parts.append(r"(?:.*\n)*?")
                continue
            parts.append(self._pattern(line, taken) + r"\n")
        match = re.fullmatch("".join(parts), printed.rstrip("\n") + "\n" if printed.strip() else "")
        return match and {name: match[name] for name in taken}

    def _pattern(self, line: str, taken: set[str]) -> str:
        found = ""
        for part in re.split(r"(…|<\w+>)", self._swapped(line)):
            name = _NAME.fullmatch(part)
            if part == "…":
                found += ".*"
            elif name is None:
                found += re.escape(part)
            elif name[1] in self.names:
                found += re.escape(self.names[name[1]])
            else:
                taken.add(name[1])
                found += rf"(?P<{name[1]}>\S+)"
        return found

    def _swapped(self, text: str) -> str:
        for old, new in self.swaps.items():
            text = text.replace(old, new)
        return text
