import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.verify.logs import KEY, make_entry, signed
from tests.verify.test_decision import prove

from seawall_verify.main import run

Log = Callable[[int], Path]
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["seawall-verify", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            run()
        told = capsys.readouterr()
        return int(left.value.code or 0), told.out, told.err

    return call


def test_a_good_log_exits_0(log: Log, command: Command) -> None:
    status, out, _ = command(log(300), "--key", KEY)
    assert status == 0
    assert "pass      all 6 files agree with the signed checkpoint" in out
    assert "example.com/seawall, 300 entries" in out


def test_an_altered_log_exits_1_and_names_the_entry(log: Log, command: Command) -> None:
    folder = log(3)
    file = folder / "tile/entries/000.p/3"
    file.write_bytes(file.read_bytes().replace(b"ana", b"bob", 1))
    status, out, _ = command(folder, "--key", KEY)
    assert status == 1
    assert "tile/entries/000.p/3, entry 0 (registry:version:registered income@0)" in out


def test_the_key_may_stand_in_a_file(log: Log, command: Command, tmp_path: Path) -> None:
    (tmp_path / "log.vkey").write_text(KEY + "\n")
    assert command(log(3), "--key", tmp_path / "log.vkey")[0] == 0


def test_json_holds_every_finding(log: Log, command: Command) -> None:
    folder = log(300)
    file = folder / "tile/0/000"
    file.write_bytes(bytes(len(file.read_bytes())))
    status, out, _ = command(folder, "--key", KEY, "--json")
    assert status == 1
    assert len(json.loads(out)["log"]["findings"]) == 256
    assert "and 216 more" in command(folder, "--key", KEY)[1]


def test_a_decision_is_verified_alone_or_with_its_log(
    log: Log, command: Command, tmp_path: Path
) -> None:
    (tmp_path / "decision.json").write_bytes(prove(hide=("score",)))
    status, out, _ = command("--key", KEY, "--decision", tmp_path / "decision.json")
    assert status == 0
    assert "decision  decision-3" in out
    assert "not disclosed: score" in out
    assert command(log(3), "--key", KEY, "--decision", tmp_path / "decision.json")[0] == 0
    text = (tmp_path / "decision.json").read_text().replace('"index": 3', '"index": 2')
    (tmp_path / "decision.json").write_text(text)
    status, out, _ = command(log(3), "--key", KEY, "--decision", tmp_path / "decision.json")
    assert status == 1
    assert "decision  fail: the decision is not in the segment" in out


def test_a_rollback_exits_1(log: Log, command: Command, tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(signed([make_entry(i) for i in range(9)]))
    assert command(log(12), "--key", KEY, "--since", tmp_path / "old")[0] == 0
    (tmp_path / "old").write_bytes(signed([make_entry(i) for i in range(13)]))
    status, out, _ = command(log(12), "--key", KEY, "--since", tmp_path / "old")
    assert status == 1
    assert "rolled back" in out


@pytest.mark.parametrize(
    "arguments",
    [
        ["--key", KEY],
        ["/nowhere", "--key", KEY],
        [".", "--key", "no key"],
        [".", "--key", "a+b+c"],
        ["--key", KEY, "--decision", "/nowhere"],
        ["--key", KEY, "--decision", "x", "--since", "y"],
        ["."],
    ],
)
def test_bad_input_exits_2(arguments: list[str], command: Command) -> None:
    status, out, err = command(*arguments)
    assert status == 2
    assert out == ""
    assert "seawall-verify: " in err


def test_a_crash_exits_70(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("seawall_verify.main.verify", crash)
    status, _, err = command(".", "--key", KEY)
    assert status == 70
    assert "ZeroDivisionError" in err


def test_the_verifier_runs_with_nothing_of_seawall(log: Log) -> None:
    code = (
        "import sys, seawall_verify.main as m; status = m.main(sys.argv[1:]);"
        "sys.exit(9 if any(n.split('.')[0] in ('seawall', 'numpy', 'msgspec') for n in sys.modules)"
        " else status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(log(3)), "--key", KEY], capture_output=True, check=False
    )
    assert done.returncode == 0
