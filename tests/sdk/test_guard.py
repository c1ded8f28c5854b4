"""The inline safety layer in a process of one's own: one record, a table, and what is logged."""

from __future__ import annotations

from collections.abc import Callable
from csv import DictReader
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.gateway.control import GOOD, arm, bundle, onnx_bytes

from seawall.adapters.decisions import find_subject, prove, ship
from seawall.adapters.runtimes import load
from seawall.adapters.signing.envelope import seal
from seawall.adapters.signing.keys import public_pem
from seawall.gateway.state import State
from seawall.kernel import BadInput, SystemClock, Unavailable
from seawall.sdk.guard import Guard
from seawall.sdk.score import Scored, score
from seawall.serving.bundle import PAYLOAD_TYPE
from seawall.serving.fallback import Fallback
from seawall.serving.guard import Guard as OutputGuard
from seawall.serving.packing import Said

KEY = Ed25519PrivateKey.generate()


def made(log: Path | None = None, **given: Any) -> Guard:
    from seawall.adapters.decisions import DecisionLog

    arms = (arm(weight=0.5), arm("canary", "m@2", seed=4, weight=0.5))
    models = {a.name: load(onnx_bytes(seed), "onnx") for a, seed in zip(arms, (3, 4), strict=True)}
    kept = None if log is None else DecisionLog(log, gateway="guard", clock=SystemClock())
    return Guard(bundle(arms=arms, **given), models, log=kept)


def table(rows: int = 200) -> dict[str, Any]:
    rng = np.random.default_rng(1)
    grades = np.array(["low", "mid", "high"])
    return {
        "person": [f"p{i}" for i in range(rows)],
        "age": rng.integers(18, 90, rows),
        "hours": rng.uniform(0, 80, rows),
        "grade": grades[rng.integers(0, 3, rows)].tolist(),
    }


def csv_rows(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(DictReader(file))


def adopt(folder: Path, key: Ed25519PrivateKey = KEY, number: int = 1, **given: Any) -> State:
    """Keep a bundle in a state folder as a gateway does."""
    state = State(folder)
    state.keep_artefact(onnx_bytes(3))
    state.keep_envelope("m", seal(PAYLOAD_TYPE, bundle(number, **given).to_bytes(), key), safe=True)
    return state


def until(condition: Callable[[], bool]) -> None:
    """Wait for what is seen 0.2 s later at most."""
    end = monotonic() + 10.0
    while not condition():
        assert monotonic() < end
        sleep(0.02)


SAFE = Fallback(label=0, score=0.1, reason="a person decides")


def test_the_kill_switch_of_the_folder_holds_at_the_first_call_and_between_calls(tmp_path: Path):
    state = adopt(tmp_path, fallback=SAFE)
    state.kill("m")
    guard = Guard.load(tmp_path)
    killed = guard.decide(GOOD)
    assert (killed.verdict, killed.score, killed.fallback) == ("fallback", 0.1, "default")
    assert [a.fallback for a in guard.score(table(3)).answers] == ["default"] * 3
    state.unkill("m")
    until(lambda: guard.decide(GOOD).verdict == "pass")
    state.kill("m")
    until(lambda: guard.decide(GOOD).verdict == "fallback")


def test_an_endpoint_switched_off_without_a_fallback_is_unavailable(tmp_path: Path):
    adopt(tmp_path).kill("m")
    with pytest.raises(Unavailable, match="switched off"):
        Guard.load(tmp_path).decide(GOOD)


def test_a_newer_bundle_on_disk_is_adopted_and_an_older_is_not(tmp_path: Path):
    adopt(tmp_path, number=2)
    guard = Guard.load(tmp_path, public_key=public_pem(KEY.public_key()))
    flags = (OutputGuard(name="all", action="flag", score_at_least=0.0),)
    assert guard.decide(GOOD).verdict == "pass"
    adopt(tmp_path, number=3, guards=flags)
    until(lambda: guard.decide(GOOD).verdict == "flag")
    adopt(tmp_path, number=1)
    adopt(tmp_path, number=4)
    until(lambda: guard.decide(GOOD).verdict == "pass")
    assert guard.bundle.number == 4


def test_a_newer_bundle_that_does_not_verify_is_refused_and_the_last_good_one_decides_on(
    tmp_path: Path,
):
    adopt(tmp_path)
    guard = Guard.load(tmp_path, public_key=public_pem(KEY.public_key()))
    flags = (OutputGuard(name="all", action="flag", score_at_least=0.0),)
    adopt(tmp_path, Ed25519PrivateKey.generate(), 2, guards=flags)
    until(lambda: guard.decide(GOOD).verdict == "pass" and guard.refused != "")
    adopt(tmp_path, number=3, guards=flags, arms=(arm(seed=4),))
    until(lambda: "artefact" in (guard.decide(GOOD).reason or guard.refused))
    assert guard.bundle.number == 1
    adopt(tmp_path, number=4, guards=flags)
    until(lambda: guard.decide(GOOD).verdict == "flag")
    assert guard.refused == ""


def test_a_decision_is_logged_shipped_and_proven(tmp_path: Path):
    with made(tmp_path / "log", privacy={"age": "drop"}) as guard:
        decided = guard.decide(GOOD | {"person": "p1"}, said=Said(subject="s1", purpose="credit"))
    ship(tmp_path / "log", str(tmp_path / "table"), clock=SystemClock())
    (record,) = find_subject(str(tmp_path / "table"), "s1")
    assert (record.id, record.purpose) == (decided.decision_id, "credit")
    assert record.input.keys() == {"hours", "grade"}
    assert record.output == {"score": decided.score, "label": decided.label}
    prove(str(tmp_path / "table"), record.id).check()


def test_a_table_gets_the_answers_that_its_rows_get_alone(tmp_path: Path):
    guards = (OutputGuard(name="high", action="flag", score_at_least=0.6),)
    guard = made(guards=guards)
    data = table()
    alone = [
        guard.decide({name: column[i] for name, column in data.items()})
        for i in range(len(data["person"]))
    ]
    done = score(guard, data, tmp_path / "out.parquet")
    rows = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert done.rows == len(alone)
    assert [r["person"] for r in rows] == data["person"]
    np.testing.assert_allclose(
        [r["score"] for r in rows], [a.score for a in alone], rtol=0, atol=2e-7
    )
    assert [r["arm"] for r in rows] == [a.arm for a in alone]
    assert [r["verdict"] for r in rows] == [a.verdict for a in alone]


def test_rows_that_do_not_fit_are_answered_beside_the_others(tmp_path: Path):
    data = table(4)
    data["age"] = np.array([30, -5, 40, 50])
    fallback = Fallback(label=0, reason="a person decides")
    done = score(made(), data, tmp_path / "blocked.csv")
    assert (done.verdicts, done.rows) == ({"pass": 3}, 4)
    assert (done.refused.rows, done.refused.first) == (1, (2,))
    assert done.violations == {"age": {"out_of_range": 1}}
    assert msgspec.json.decode((tmp_path / "blocked.csv.json").read_bytes(), type=Scored) == done
    (refused,) = [r for r in csv_rows(tmp_path / "blocked.csv") if r["verdict"] == "reject"]
    assert (refused["decision_id"], refused["score"]) == ("", "")
    assert refused["reason"] == "the input is not valid: age out of range"
    fallen = score(made(fallback=fallback, on_invalid="fallback"), data, tmp_path / "fallen.csv")
    assert fallen.verdicts == {"pass": 3, "fallback": 1}
    assert fallen.arms["default"] == 1


def test_a_file_larger_than_one_part_is_scored_part_by_part(tmp_path: Path):
    pq.write_table(pa.table(table(1_000)), tmp_path / "in.parquet", row_group_size=300)
    done = score(made(tmp_path / "log"), tmp_path / "in.parquet", tmp_path / "out.parquet")
    ids = pq.read_table(tmp_path / "out.parquet")["decision_id"].to_pylist()
    assert done.rows == len(set(ids)) == 1_000


def test_a_table_without_any_input_of_the_model_is_refused_and_nothing_is_written(tmp_path: Path):
    with pytest.raises(BadInput, match=r"no column is an input.*the model takes age"):
        score(made(), {"other": [1, 2]}, tmp_path / "out.parquet", unit="other")
    assert list(tmp_path.iterdir()) == []
