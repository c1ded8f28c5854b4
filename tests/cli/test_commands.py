"""Commands that need no control plane: help, usage, exit status, doctor."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.server.api.served import document, seawall
from typer.main import get_command
from typer.testing import CliRunner

from seawall.cli import main
from seawall.cli.main import app
from seawall.kernel import BadInput, Corrupt, Forbidden


def commands(group: Any = None, *path: str) -> Iterator[tuple[str, ...]]:
    """Every command there is, by its words."""
    group = group or get_command(app)
    yield path
    for name, command in sorted(getattr(group, "commands", {}).items()):
        yield from commands(command, *path, name)


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of whoever runs the tests."""
    monkeypatch.chdir(tmp_path)
    for name in [n for n in os.environ if n.startswith("SEAWALL_")]:
        monkeypatch.delenv(name)


def ran(*words: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """The exit status of the command as installed, run within this process."""
    monkeypatch.setattr("sys.argv", ["seawall", *words])
    with pytest.raises(SystemExit) as ended:
        main.run()
    return int(ended.value.code or 0)


@pytest.mark.parametrize("words", list(commands()), ids=lambda w: " ".join(w) or "seawall")
def test_every_command_explains_itself(words: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "200"})
    assert shown.exit_code == 0
    assert "Usage:" in shown.output
    said = [
        line.strip() for line in shown.output.splitlines() if line.strip() and "Usage" not in line
    ]
    assert said[0][0].isalpha(), shown.output


def test_the_commands_are_those_that_users_rely_on() -> None:
    names = {" ".join(words) for words in commands()}
    assert names >= {
        "demo", "serve", "gateway", "apply", "get", "describe", "drift", "evaluate", "estimate",
        "register", "validate", "gate", "approve", "reject", "doctor", "slo status",
        "monitor status", "rollout start", "rollout status", "rollout promote", "rollout abort",
        "rollout analyse", "experiment status", "experiment end",
        "decision show", "decision prove", "decision tell", "decision subject",
        "decision audit", "decision erase", "decision compact", "audit verify", "audit show",
        "audit prove", "audit checkpoint", "audit export", "identity add", "identity claim",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nosuch"], "No such command 'nosuch' (seawall); see seawall --help"),
        (["gate"], "Missing argument 'version' (seawall gate); see seawall gate --help"),
        (["gate", "x@1", "--bogus"], "No such option: --bogus"),
        (["serve", "--port", "x"], "Invalid value for '--port'"),
        (["serve", "--port", "99999"], "--port: Expected `int` <= 65535 (flags)"),
        (["audit", "show", "--count", "0"], "--count"),
        (["get", "Model"], "no control plane's address is set; set SEAWALL_URL"),
        (["gate", "x@1", "--url", "nowhere"], "token"),
        (["apply", "-f", "absent.yaml"], "absent.yaml"),
        (["drift", "absent.parquet", "b.parquet"], "there is no file absent.parquet"),
        (["gateway", "--endpoint", "x", "--trust", "no.pem"], "SEAWALL_URL"),
        (["gateway", "--trust", "no.pem"], "give --endpoint NAME"),
        (["rollout", "analyse", "income"], "'income' names no rollout; write ENDPOINT/ID"),
        (["rollout", "abort", "income", "--reason", "x"], "names no rollout"),
        (["approve", "x@1", "--expires", "soon"], "--expires 'soon' is no time"),
        (["audit", "verify", "absent", "--key", "absent"], ""),
    ],
)
def test_bad_usage_is_one_line_and_status_2(
    words: list[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert ran(*words, monkeypatch=monkeypatch) == 2
    out, err = capsys.readouterr()
    assert out == ""
    [line] = err.strip().splitlines()
    assert line.startswith("seawall: ")
    assert said in line


@pytest.mark.parametrize(
    ("words", "env", "said"),
    [
        (["versions"], {"SEAWALL_URL": "http://127.0.0.1:9"}, "no control plane's token is set"),
        (["versions"], {"SEAWALL_URL": "http://127.0.0.1:9", "SEAWALL_TOKEN": "x"}, "not answer"),
        (["versions"], {"SEAWALL_URL": "127.0.0.1", "SEAWALL_TOKEN": "x"}, "address"),
        (["identity", "claim", "t"], {"SEAWALL_URL": "http://127.0.0.1:9"}, "does not answer"),
        (["versions"], {"SEAWALL_PROT": "1"}, "did you mean SEAWALL_PORT?"),
    ],
)
def test_no_address_token_or_answer_is_one_line_also_with_json(
    words: list[str],
    env: dict[str, str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert ran(*words, "--json", monkeypatch=monkeypatch) == 2
    out, err = capsys.readouterr()
    assert out == ""
    [line] = err.strip().splitlines()
    assert said.replace("'", "") in line.replace("'", "")


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (BadInput("odd", where="a.csv", remedy="mend it"), 2, "seawall: odd (a.csv); mend it"),
        (Forbidden("no"), 2, "seawall: no"),
        (Corrupt("torn"), 2, "seawall: torn"),
        (ZeroDivisionError("oops"), 70, "our own error, please report it: ZeroDivisionError: oops"),
        (KeyboardInterrupt(), 130, "seawall: stopped"),
        (BrokenPipeError(), 141, ""),
    ],
)
def test_each_kind_of_end_has_its_exit_status(
    error: BaseException,
    status: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fails(**_: object) -> None:
        raise error

    monkeypatch.setattr(main, "app", fails)
    monkeypatch.setattr("sys.stderr.close", lambda: None)
    assert ran(monkeypatch=monkeypatch) == status
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err


def test_a_group_alone_shows_what_it_offers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ran("rollout", monkeypatch=monkeypatch) == 2
    assert "analyse" in "".join(capsys.readouterr())


def test_the_version_is_the_packages(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import seawall as package

    assert ran("--version", monkeypatch=monkeypatch) == 0
    assert capsys.readouterr().out == f"{package.__version__}\n"


SERVERS = {("serve",), ("gateway",)}
"""What goes on until it is ended, and has no document to print."""


def test_every_command_that_ends_takes_json() -> None:
    lacking = [
        " ".join(words)
        for words in commands()
        if not (command := _command(words)).__dict__.get("commands")
        and words not in SERVERS
        and not any("--json" in option.opts for option in command.params)
    ]
    assert lacking == []


def _command(words: tuple[str, ...]) -> Any:
    found: Any = get_command(app)
    for word in words:
        found = found.commands[word]
    return found


# --- doctor ---


def test_doctor_says_all_is_well_or_what_is_not(tmp_path: Path) -> None:
    well = seawall("doctor", "--json", cwd=tmp_path)
    assert well.returncode == 0
    checks = {c["name"]: c for c in document(well)["checks"]}
    assert checks["settings"]["ok"] is True
    assert checks["control plane"]["ok"] is None
    assert (checks["data folder"]["ok"], "not there yet" in checks["data folder"]["said"]) == (
        None, True,
    )  # fmt: skip
    (tmp_path / ".seawall").mkdir()
    there = {c["name"]: c for c in document(seawall("doctor", "--json", cwd=tmp_path))["checks"]}
    assert there["data folder"]["ok"] is True
    assert {f"extra {e}" for e in ("server", "gateway", "charts")} <= checks.keys()

    env = {"SEAWALL_URL": "http://127.0.0.1:9", "SEAWALL_TOKEN": "swl_x"}
    ill = seawall("doctor", env=env, cwd=tmp_path)
    assert ill.returncode == 1
    assert ill.stdout.startswith("1 thing needs attention.")
    assert "does not answer" in ill.stdout
    (tmp_path / "seawall.toml").write_text("prot = 1\n")
    misset = seawall("doctor", "--json", cwd=tmp_path)
    assert misset.returncode == 1
    [said] = [c["said"] for c in document(misset)["checks"] if c["ok"] is False]
    assert "seawall.toml" in said


def test_doctor_names_the_extra_that_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from importlib import util

    find = util.find_spec
    monkeypatch.setattr(util, "find_spec", lambda n: None if n == "litestar" else find(n))
    assert ran("doctor", monkeypatch=monkeypatch) == 0
    assert "pip install 'seawall[server]' brings litestar" in capsys.readouterr().out


def test_no_colour_where_none_is_wanted(tmp_path: Path) -> None:
    colours = re.compile(r"\x1b\[[0-9;]*3[0-9]")
    plain = seawall("doctor", env={"TERM": "xterm"}, cwd=tmp_path)
    assert "\x1b" not in plain.stdout
    forced = {"FORCE_COLOR": "1", "TERM": "xterm-256color"}
    assert colours.search(seawall("doctor", env=forced, cwd=tmp_path).stdout)
    wanted_not = forced | {"NO_COLOR": "1"}
    assert not colours.search(seawall("doctor", env=wanted_not, cwd=tmp_path).stdout)


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    import subprocess
    import sys

    from tests.server.api.served import HERE

    done = subprocess.run(
        f"{sys.executable} -m seawall doctor --json | true",
        shell=True, capture_output=True, env=HERE, cwd=tmp_path, check=True,
    )  # fmt: skip
    assert done.stderr == b""


def test_every_document_is_json_that_reads_back() -> None:
    shown = CliRunner().invoke(app, ["doctor", "--json"])
    assert msgspec.json.decode(shown.stdout)["checks"]
