"""The demo as a newcomer runs it, and what becomes of it when something is in its way."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from seawall.cli.demo.processes import Processes

DEMO = [sys.executable, "-m", "seawall", "demo"]


def _run(*words: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*DEMO, *words], capture_output=True, text=True, check=False, **options)


def _descendants(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `seawall` command of a wheel, installed in an environment of its own."""
    folder = tmp_path_factory.mktemp("installed")
    root = Path(__file__).parents[2]
    for words in (
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        [sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")],
    ):
        subprocess.run(words, cwd=root, check=True, capture_output=True)
    wheel = next(folder.glob("*.whl"))
    assert wheel.stat().st_size < 5_000_000
    install = [
        *(str(Path(sys.executable).parent / "uv"), "pip", "install", "--quiet"),
        *("--python", str(folder / "venv" / "bin" / "python")),
        *("--constraints", str(root / "requirements.lock"), f"{wheel}[all]"),
    ]
    subprocess.run(install, check=True, capture_output=True)
    return folder / "venv" / "bin" / "seawall"


class Shown:
    """A run of `seawall demo --serve --json` from the installed wheel, up to its visit."""

    def __init__(self, command: Path, folder: Path) -> None:
        self.out, self.errors = folder / "out", folder / "errors"
        words = [str(command), "demo", "--serve", "--json", "--data-dir", str(folder / "demo")]
        with self.out.open("w") as out, self.errors.open("w") as errors:
            self.process = subprocess.Popen(words, cwd=folder, stdout=out, stderr=errors)

    def invited(self) -> str:
        """The visitor's one-time link, once the whole demo was told."""
        deadline = time.monotonic() + 400
        while time.monotonic() < deadline and self.process.poll() is None:
            if found := re.search(r"http\S+/login\?ticket=\S+", self.errors.read_text()):
                return found[0]
            time.sleep(0.2)
        raise AssertionError(self.out.read_text()[-3_000:] + self.errors.read_text()[-3_000:])


@pytest.fixture(scope="module")
def shown(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    running = Shown(installed, tmp_path_factory.mktemp("demo"))
    yield running
    if running.process.poll() is None:
        running.process.send_signal(signal.SIGINT)
        running.process.wait(60)


@pytest.fixture(scope="module")
def link(shown: Shown) -> str:
    return shown.invited()


@pytest.fixture(scope="module")
def told(shown: Shown, link: str) -> dict[str, Any]:
    """What the demo told as JSON, and nothing else on standard output."""
    assert link
    return json.loads(shown.out.read_text())


def _facts(told: dict[str, Any], name: str) -> dict[str, Any]:
    return next(step["facts"] for step in told["steps"] if step["name"] == name)


@pytest.mark.timeout(600)
def test_every_step_passes_and_is_told_once(told: dict[str, Any]) -> None:
    names = [step["name"] for step in told["steps"]]
    assert told["passed"] is True
    assert names == [
        "start", "provenance", "validation", "approval", "serving", "canary", "bad_version",
        "drift_and_schema", "incident", "retraining", "afterwards",
    ]  # fmt: skip
    assert all(step["passed"] for step in told["steps"])


def test_everyone_surveyed_in_2016_is_answered_and_labelled(told: dict[str, Any]) -> None:
    facts = _facts(told, "serving")
    assert (facts["people"], facts["refused"], facts["labels"]) == (69_126, 0, 69_126)


def test_the_unfair_candidate_is_refused_for_its_gap(told: dict[str, Any]) -> None:
    facts = _facts(told, "validation")
    assert facts["outcome"] == "pass"
    assert facts["refused_outcome"] == "fail"
    assert any("found equally often" in reason for reason in facts["refused_because"])


def test_the_good_version_is_promoted_and_the_bad_one_rolled_back(told: dict[str, Any]) -> None:
    good, bad = _facts(told, "canary"), _facts(told, "bad_version")
    assert good["state"] == "promoted"
    assert (bad["gate"], bad["state"], bad["at"]) == ("pass", "rolled_back", "5%")
    assert bad["wrong_difference"]["low"] > 0.02
    assert bad["shadow_prediction_shift"]["high"] <= 0.10
    assert bad["touched"] < 3_000


def test_drift_is_named_with_its_size_and_bad_fields_are_refused(told: dict[str, Any]) -> None:
    facts = _facts(told, "drift_and_schema")
    assert set(facts["drifted"]) == {"AGEP"}
    assert facts["drifted"]["AGEP"]["low"] > 0.10
    assert facts["renamed"]["fields"]["AGEP"]["problem"] == "missing"
    assert "age_years" in facts["renamed"]["fields"]["AGEP"]["remedy"]
    assert facts["retyped"]["fields"]["SCHL"]["problem"] == "wrong_type"


def test_one_cause_gives_one_page_and_one_incident(told: dict[str, Any]) -> None:
    facts = _facts(told, "incident")
    assert (facts["pages"], facts["incidents"], facts["state"]) == (1, 1, "resolved")
    assert facts["suspects"][0]["name"].startswith("AGEP")
    assert facts["action_items"]


def test_the_challenger_waits_for_an_approval(told: dict[str, Any]) -> None:
    facts = _facts(told, "retraining")
    assert facts["state"] == "awaiting_approval"
    assert facts["author"] == "retraining"


def test_the_log_verifies_and_a_flipped_byte_is_named(told: dict[str, Any]) -> None:
    facts = _facts(told, "afterwards")
    assert facts["verified"]["ok"] is True
    assert facts["decision_proof"]["log"]["ok"] is True
    assert facts["decision_proof"]["decision"]["ok"] is True
    assert facts["found"]


def _csrf(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found
    return found[1]


def test_a_visitor_injects_a_fault_sends_a_request_and_rolls_back(shown: Shown, link: str) -> None:
    address, ticket = link.split("/login?ticket=")
    with httpx.Client(base_url=address, follow_redirects=True, trust_env=False) as browser:
        home = browser.post("/login", data={"token": ticket, "next": "/"})
        assert (home.status_code, "income" in home.text) == (200, True)
        csrf = {"csrf": _csrf(browser.get("/demo").text)}
        for page in ("/models/income", "/incidents", "/audit"):
            assert browser.get(page).status_code == 200
        told = browser.post("/demo/fault/renamed", data=csrf).text
        assert "AGEP comes as age_years" in told
        answered = browser.post("/demo/send", data=csrf).text
        assert "age_years" in answered or "fallback" in answered
        browser.post("/demo/calm", data=csrf)
        rollouts = re.findall(r'href="(/rollouts/[^"]+)"', browser.get("/models/income").text)
        back = csrf | {"action": "abort", "reason": "a visitor tried it"}
        ended = browser.post(rollouts[0], data=back).text
        assert "a visitor tried it" in ended
    shown.process.send_signal(signal.SIGINT)
    assert shown.process.wait(60) == 130


def test_what_was_kept_is_looked_at_with_the_ordinary_commands(
    shown: Shown, installed: Path, told: dict[str, Any]
) -> None:
    kept = shown.out.parent / "demo"
    assert told["kept"] == str(kept)
    assert (kept / "seawall.toml").stat().st_mode & 0o777 == 0o600
    serve = [str(installed), "serve", "--no-gateway"]
    log = kept.parent / "served"
    with log.open("w") as out:
        process = subprocess.Popen(serve, cwd=kept, stderr=out)
    try:
        deadline = time.monotonic() + 60
        while "control plane at" not in log.read_text() and time.monotonic() < deadline:
            time.sleep(0.1)
        for words, least in ((("incident", "list"), 1), (("decision", "list", "income"), 20)):
            asked = [str(installed), *words, "--json"]
            done = subprocess.run(asked, cwd=kept, capture_output=True, text=True, check=True)
            assert len(json.loads(done.stdout)) >= least
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def test_a_missing_data_file_is_one_line_and_changes_nothing(tmp_path: Path) -> None:
    done = _run("--data", str(tmp_path / "nothing.parquet"), "--data-dir", str(tmp_path / "d"))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "there is no data file" in done.stderr
    assert not (tmp_path / "d").exists()


def test_a_corrupt_data_file_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "census.parquet"
    file.write_bytes(b"PAR1 this is no census PAR1")
    done = _run("--data", str(file))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "damaged" in done.stderr


def test_an_unknown_column_is_named(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"id": [1], "year": [2015]}), tmp_path / "c.parquet")
    done = _run("--data", str(tmp_path / "c.parquet"))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "'employed'" in done.stderr


def test_a_taken_port_is_one_line() -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = _run("--port", str(port))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert str(port) in done.stderr


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = _run("--data-dir", str(tmp_path / "file" / "demo"))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert str(tmp_path / "file") in done.stderr


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "mine").write_text("precious")
    done = _run("--data-dir", str(tmp_path))
    assert done.returncode == 2
    assert (tmp_path / "state" / "mine").read_text() == "precious"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    "once", ["logs/control-plane.log", "extracts/champion-holdout.parquet", "logs/gateway.log"]
)
def test_an_interrupted_run_leaves_no_process_and_no_folder(
    how: signal.Signals, once: str, tmp_path: Path
) -> None:
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(DEMO, env=env, text=True, **pipes)
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob(f"*/{once}")) and time.monotonic() < deadline:
        time.sleep(0.02)
    started = _descendants(process)
    process.send_signal(how)
    _, said = process.communicate(timeout=60)
    _, alive = psutil.wait_procs(started, timeout=5)
    assert started
    assert (process.returncode, said.strip()) == (130, "seawall: stopped")
    assert alive == []
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_while_a_program_starts_leaves_it_known_and_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[subprocess.Popen[bytes]] = []
    real = subprocess.Popen

    def interrupted(*words: Any, **options: Any) -> subprocess.Popen[bytes]:
        started.append(real(*words, **options))
        signal.raise_signal(signal.SIGINT)
        return started[0]

    monkeypatch.setattr(subprocess, "Popen", interrupted)
    running = Processes(tmp_path, {})
    with pytest.raises(KeyboardInterrupt):
        running.start("sleeper", ["serve", "--help"])
    running.end()
    assert started[0].poll() is not None


@pytest.mark.soak
@pytest.mark.timeout(3_000)
def test_an_interrupt_at_any_step_is_followed_by_a_whole_run(tmp_path: Path) -> None:
    for when in range(2, 80, 6):
        process = subprocess.Popen([*DEMO, "--data-dir", str(tmp_path)], text=True)
        time.sleep(when)
        started = _descendants(process)
        process.send_signal(signal.SIGINT)
        process.wait(40)
        _, alive = psutil.wait_procs(started, timeout=5)
        assert alive == []
    done = _run("--json", "--data-dir", str(tmp_path))
    assert done.returncode == 0, done.stderr[-2_000:]
