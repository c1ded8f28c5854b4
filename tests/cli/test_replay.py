"""`seawall replay` and `seawall decision again` as their users run them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.gateway.control import onnx_bytes
from tests.sdk.logs import Logged
from typer.testing import CliRunner

from seawall.cli.main import app
from seawall.kernel import BadInput, NotFound


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Logged:
    made = Logged(tmp_path_factory.mktemp("logged") / "gateway", hours=2, rows=300)
    (made.folder.parent / "other.onnx").write_bytes(onnx_bytes(4))
    (made.folder.parent / "same.onnx").write_bytes(onnx_bytes(3))
    return made


def ran(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, list(map(str, words)), env={"COLUMNS": "80"})
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout


def test_the_status_is_the_judgement_and_every_output_is_written(
    logged: Logged, tmp_path: Path
) -> None:
    other = logged.folder.parent / "other.onnx"
    files = {form: tmp_path / f"r.{form}" for form in ("html", "md", "pdf")}
    options: list[Any] = [w for form, path in files.items() for w in (f"--{form}", path)]
    options += ["--rows", tmp_path / "rows.csv", "--tolerance", "flips=0.001", "--by", "sex"]
    status, printed = ran("replay", logged.folder, other, "--json", *options)
    told = msgspec.json.decode(printed)
    assert (status, told["verdict"]["outcome"]) == (1, "fail")
    assert told["replayed"] == 600
    assert all(path.stat().st_size > 1_000 for path in files.values())
    assert len((tmp_path / "rows.csv").read_text().splitlines()) == 601


def test_the_terminal_fits_and_begins_with_what_would_change(logged: Logged) -> None:
    _, printed = ran("replay", logged.folder, logged.folder.parent / "other.onnx", "--by", "sex")
    assert "recorded decisions of m otherwise" in " ".join(printed.splitlines()[:5])
    assert max(map(len, printed.splitlines())) <= 80


def test_a_window_is_given_as_times_or_spans(logged: Logged) -> None:
    same = logged.folder.parent / "same.onnx"

    def read(*options: str) -> int:
        return msgspec.json.decode(ran("replay", logged.folder, same, "--json", *options)[1])[
            "replayed"
        ]

    assert read("--since", "2026-03-02T13:00") == 300
    with pytest.raises(BadInput, match=r"no decision to replay .*widen the window"):
        read("--since", "1h")
    with pytest.raises(BadInput, match="--since 'noon' is no time"):
        read("--since", "noon")


def test_what_is_no_candidate_is_said_in_one_line(logged: Logged, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"there is no file gone\.onnx"):
        ran("replay", logged.folder, "gone.onnx")
    pickle = tmp_path / "model.pkl"
    pickle.write_bytes(b"\x80\x04")
    with pytest.raises(BadInput, match="name does not tell its format"):
        ran("replay", logged.folder, pickle)


def test_a_folder_that_is_no_gateways_is_named(logged: Logged, tmp_path: Path) -> None:
    other = logged.folder.parent / "other.onnx"
    for words in (
        ("replay", tmp_path / "gone", other),
        ("decision", "again", logged.ids[17], "--state", tmp_path / "gone"),
        ("score", tmp_path / "gone", other, "-o", tmp_path / "a.csv"),
    ):
        with pytest.raises(NotFound, match=r"there is no state folder .*gone"):
            ran(*words)
    with pytest.raises(NotFound, match="no gateway keeps its state here"):
        ran("replay", tmp_path, other)


def test_a_folder_of_tables_that_is_not_there_is_named(logged: Logged) -> None:
    for words in (
        ("replay", logged.folder, logged.folder.parent / "other.onnx"),
        ("decision", "again", logged.ids[17], "--state", logged.folder),
    ):
        with pytest.raises(NotFound, match="no folder of tables gone; name it with --table"):
            ran(*words, "--table", "gone")


def test_an_arm_that_is_none_suggests_the_nearest(logged: Logged) -> None:
    other = logged.folder.parent / "other.onnx"
    with pytest.raises(BadInput, match=r"did you mean 'champion'\? \('chanpion' is no arm\)"):
        ran("replay", logged.folder, other, "--arm", "chanpion")


def test_what_records_do_not_keep_is_in_no_table_beside_the_candidates(logged: Logged) -> None:
    _, printed = ran("replay", logged.folder, logged.folder.parent / "other.onnx")
    assert "Verdicts on the candidate's answers: pass 600." in " ".join(printed.split())
    assert "verdict pass" not in printed


def test_a_decision_is_performed_again_from_a_folder(logged: Logged) -> None:
    words = ("decision", "again", logged.ids[17], "--state", logged.folder)
    status, printed = ran(*words)
    assert status == 0
    assert "was performed again: every value is the same" in " ".join(printed.split())
    told = msgspec.json.decode(ran(*words, "--json")[1])
    assert told["recorded"] == told["again"]
    assert told["differences"] == []
