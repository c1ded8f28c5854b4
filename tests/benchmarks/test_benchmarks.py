"""The benchmarks measure what they say; how fast anything is, no test asks."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from benchmarks.coverage.__main__ import SUBJECTS, show
from benchmarks.coverage.missed import Job, Missed, misses
from benchmarks.help import bare_app
from benchmarks.measure import Result, Size, watch
from benchmarks.pool import spread

from benchmarks import __main__ as table

FOLDER = Path(__file__).parents[2] / "benchmarks"
NOT_BENCHMARKS = {
    *("__init__", "__main__", "measure", "environment", "load", "bare", "pool", "passing"),
    *("rescaled", "census"),  # simulations with tables of their own
}


def test_every_benchmark_is_named_and_runs_by_one_function() -> None:
    files = {file.stem for file in FOLDER.glob("*.py")} - NOT_BENCHMARKS
    assert files == {*table.QUICK, *table.ASKED}
    assert all(callable(import_module(f"benchmarks.{name}").run) for name in files)


def test_the_bare_program_has_as_many_commands_as_ours() -> None:
    import typer.main

    from seawall.cli.main import app

    def count(command: object) -> int:
        inner = getattr(command, "commands", {})
        return len(inner) + sum(map(count, inner.values()))

    made: dict[str, Any] = {}
    exec(bare_app(), made)
    ours, bare = (typer.main.get_command(a) for a in (app, made["app"]))
    assert count(ours) == count(bare) > 20


@pytest.mark.parametrize(("holds", "status"), [(True, 0), (None, 0), (False, 1)])
def test_a_limit_that_is_missed_is_told_and_ends_with_status_1(
    holds: bool | None,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def run(_size: Size) -> Iterator[Result]:
        yield Result("thing", 3.0, "s", "peer", 2.0, "1 x", holds)

    monkeypatch.setattr(import_module("benchmarks.wheel"), "run", run)
    assert table.main(["--only", "wheel", "--json"]) == status
    (told,) = json.loads(capsys.readouterr().out)
    assert (told["ratio"], told["holds"]) == (1.5, holds)
    table.main(["--only", "wheel"])
    assert ("is missed" in capsys.readouterr().out) == (holds is False)


def test_watching_a_process_counts_the_memory_of_its_children() -> None:
    hold = "import time; held = bytearray(80 << 20); time.sleep(1)"
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {hold!r}]); print(7)"
    ran = watch([sys.executable, "-c", program])
    assert (ran.status, ran.printed) == (0, "7\n")
    assert ran.peak_mb > 80


@pytest.mark.parametrize("subject", sorted(set(SUBJECTS) - {"drift"}))
def test_every_subject_of_coverage_simulates_each_case(subject: str) -> None:
    module = import_module(f"benchmarks.coverage.{subject}")
    column = next(iter(module.COLUMNS))
    for case in list(module.CASES)[-2:]:
        found = misses(Job(subject, case, column, 1, 0))
        assert found
        assert all(m.over + m.under <= m.runs for m in found)


def test_a_table_of_coverage_names_the_case_that_holds_least(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show(
        [Missed("mae", "plain", "n = 9", 100, 1, 1), Missed("mae", "odd", "n = 9", 100, 4, 8)],
        ("n = 9",), by_case=False,
    )  # fmt: skip
    assert "| mae | 93.0 (88.0) | odd, n = 9 |" in capsys.readouterr().out


def test_work_is_spread_in_order_and_one_thread_each() -> None:
    assert list(spread(math.sqrt, [1.0, 4.0, 9.0], "roots")) == [1.0, 2.0, 3.0]
    assert list(spread(os.getenv, ["OMP_NUM_THREADS"], "threads")) == ["1"]


def test_the_front_of_coverage_prints_a_table() -> None:
    ran = watch([sys.executable, "-m", "benchmarks.coverage", "labels", "--runs", "1"])
    assert ran.status == 0
    assert ran.printed.startswith("| measure | n = 100 |")
