"""The demo from its first step to its last, and the tidying up whatever happens."""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import msgspec

from seawall.adapters.settings import writable
from seawall.cli.context import console
from seawall.cli.demo import aftermath, birth, data, trouble, trust
from seawall.cli.demo.kept import keep
from seawall.cli.demo.narrate import Story, times
from seawall.cli.demo.world import START, World
from seawall.kernel import BadInput, Unavailable


def play(
    serve: bool, as_json: bool, data_file: Path | None, data_dir: Path | None, port: int | None
) -> bool:
    """Run every step; returns whether all of them passed."""
    table = data.census(data_file)
    if port is not None:
        _check_port(port)
    story = Story(None if as_json else console())
    with _folder(data_dir) as folder, _stoppable():
        began = time.perf_counter()
        world = World(folder, data_file, port)
        try:
            with story.step("start", "A control plane starts, with an identity for each role") as s:
                world.begin()
                s.facts = {"url": world.url, "identities": sorted(world.tokens)}
                s.sentence = (
                    f"At {world.url}, with SQLite and files: {', '.join(sorted(world.tokens))}."
                )
            champion = birth.provenance(story, world)
            birth.validation(story, world, champion)
            birth.approval(story, world, champion)
            trust.serving(story, world, table, champion)
            trust.canary(story, world, table)
            trouble.bad_version(story, world)
            trouble.drift_and_schema(story, world, table)
            trouble.incident(story, world)
            aftermath.retraining(story, world)
            aftermath.afterwards(story, world)
            spent = time.perf_counter() - began
            passed = (world.now - START).total_seconds()
            way_in = keep(world) if data_dir else None
            if as_json:
                document = story.to_dict() | {
                    "seconds": round(spent, 1),
                    "clock_seconds": round(passed),
                    "clock_rate": round(passed / spent),
                    **({"kept": str(data_dir)} if data_dir else {}),
                }
                text = msgspec.json.format(msgspec.json.encode(document), indent=2).decode()
                sys.stdout.write(text + "\n")
                sys.stdout.flush()
            else:
                console().print(
                    f"\n{times(passed)} of the model's life in {spent:.0f} s: the injected clock "
                    f"ran {passed / spent:,.0f} times as fast as ours."
                )
                if way_in and not serve:
                    console().print(way_in, markup=False, soft_wrap=True)
            if serve:
                from seawall.cli.demo.visit import visit

                visit(world)
        finally:
            world.end()
    return story.passed


@contextmanager
def _folder(chosen: Path | None) -> Generator[Path]:
    """A folder of the demo's own: the one chosen, kept, or a temporary one, removed."""
    if chosen is None:
        with tempfile.TemporaryDirectory(
            prefix="seawall-demo-", ignore_cleanup_errors=True
        ) as name:
            yield Path(name)
        return
    state = writable(chosen, "--data-dir") / "state"
    if state.exists():
        if not (chosen / "clock").exists():
            raise BadInput(
                "the folder holds something else", where=str(state), remedy="name another"
            )
        shutil.rmtree(state)
        (chosen / "seawall.toml").unlink(missing_ok=True)  # its token is of that state
        shutil.rmtree(chosen / "logs", ignore_errors=True)
    (chosen / "extracts").mkdir(exist_ok=True)
    yield chosen


@contextmanager
def _stoppable() -> Generator[None]:
    """SIGTERM ends the demo as Ctrl-C does, with everything it started."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _check_port(port: int) -> None:
    import socket

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise Unavailable(
                f"port {port} cannot be used: {error.strerror}",
                remedy="choose another with --port, or leave it out",
            ) from error
