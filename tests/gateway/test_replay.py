"""A candidate over the log of a real gateway, and past decisions of it performed again."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pyarrow.parquet as pq
import pytest
from msgspec.structs import replace
from tests.gateway.conftest import Serve, Served
from tests.gateway.control import Control, arm, bundle, onnx_bytes, training_rows

from seawall.adapters.decisions import carry_out, find, record_erasure
from seawall.adapters.decisions.window import request_of
from seawall.kernel import FixedClock, NotFound
from seawall.sdk.again import again
from seawall.sdk.gateway_state import GatewayState
from seawall.sdk.replay import replay
from seawall.serving.again import told_again
from seawall.serving.condition import Condition
from seawall.serving.fallback import Fallback
from seawall.serving.guard import Guard

GRADES = ("low", "mid", "high")
SAFE = Fallback(label=0, reason="the safe answer")
ELDERLY = (Condition("age", at_least=70),)


def records(n: int, seed: int = 11) -> list[dict[str, Any]]:
    rows = training_rows(n, seed=seed)
    return [
        {
            "age": int(a), "hours": float(h), "grade": GRADES[int(g)],
            "sex": "fm"[i % 2], "person": f"p{i}",
        }
        for i, (a, h, g) in enumerate(rows.tolist())
    ]  # fmt: skip


def oracle(seed: int, rows: list[dict[str, Any]]) -> np.ndarray:
    """The scores of the artefact by ONNX Runtime itself, row by row."""
    session = onnxruntime.InferenceSession(onnx_bytes(seed))
    name = session.get_inputs()[0].name
    matrix = [[r["age"], r["hours"], GRADES.index(r["grade"])] for r in rows]
    each = [session.run(["probabilities"], {name: np.array([m], np.float32)})[0] for m in matrix]
    return np.array([e[0, 1] for e in each], np.float64)


def shipped(served: Served) -> None:
    served.gateway.log.seal()
    served.keeper.join()
    served.keeper.ship()


def test_a_replay_says_what_onnx_runtime_says_of_the_same_inputs_and_leaves_no_trace(
    control: Control, serve: Serve, tmp_path: Path
) -> None:
    control.issue(bundle())
    served, sent = serve(), records(120)
    ids = [served.score(one)[0]["decision_id"] for one in sent]
    shipped(served)
    ids += [one["decision_id"] for one in served.score(*sent[:5])]  # not shipped yet
    sent += sent[:5]
    state, file = tmp_path / "gateway", tmp_path / "candidate.onnx"
    file.write_bytes(onnx_bytes(4))
    before = {p: p.stat().st_mtime_ns for p in state.rglob("*") if p.is_file()}
    page = served.http.get("/metrics").text
    report = replay(state, file, by=["sex", "arm"], rows=tmp_path / "rows.parquet").to_dict()
    then, now = oracle(3, sent), oracle(4, sent)
    flips = int(((then >= 0.5) != (now >= 0.5)).sum())
    assert flips
    assert report["replayed"] == report["window"]["decisions"] == 125
    assert report["measures"]["flips"]["value"] == pytest.approx(flips / 125)
    up = int(((then < 0.5) & (now >= 0.5)).sum())
    assert report["measures"]["0_to_1"]["value"] == pytest.approx(up / 125)
    told = {row["decision_id"]: row for row in pq.read_table(tmp_path / "rows.parquet").to_pylist()}
    scores = np.array([told[i]["candidate_score"] for i in ids])
    np.testing.assert_allclose(scores, now, rtol=0, atol=1.2e-7)  # a batch may move the last place
    assert [told[i]["recorded_score"] for i in ids[:120]] == then[:120].tolist()
    by = {tuple(g["by"].items()): g["n"] for g in report["groups"]}
    assert by == {(("sex", "f"),): 63, (("sex", "m"),): 62, (("arm", "champion"),): 125}
    after = {p: p.stat().st_mtime_ns for p in state.rglob("*") if p.is_file()}
    assert after == before
    assert served.http.get("/metrics").text.count("\n") == page.count("\n")


def test_the_artefact_that_answered_replays_to_its_own_answers(
    control: Control, serve: Serve, tmp_path: Path
) -> None:
    guards = (
        Guard(name="sure", score_at_least=0.8, action="flag", reason="a person looks at it"),
        Guard(name="old", where=ELDERLY, action="fallback", reason="old"),
    )
    control.issue(bundle(guards=guards, fallback=SAFE))
    served = serve()
    served.score(*records(300))
    file = tmp_path / "same.onnx"
    file.write_bytes(onnx_bytes(3))
    report = replay(tmp_path / "gateway", file).to_dict()
    assert report["measures"]["flips"]["value"] == 0
    assert report["scores"]["equal"] == report["scores"]["n"] == 300
    answers = report["answers"]
    assert answers["guards"] == answers["recorded"]["guards"]
    older = sum(one["age"] >= 70 for one in records(300))
    assert answers["guards"]["old"] == answers["fallbacks"]["default"] == older
    assert answers["fallbacks"] == answers["recorded"]["fallbacks"]


def test_decisions_of_every_arm_guard_and_fallback_are_the_same_again_bit_by_bit(
    control: Control, serve: Serve, clock: FixedClock, tmp_path: Path
) -> None:
    old = Guard(name="old", where=ELDERLY, action="fallback", reason="old")
    arms = (
        arm(weight=0.6),
        arm("canary", "m@2", seed=4, weight=0.3),
        arm("holdout", "m@1", weight=0.1),
    )
    control.issue(bundle(arms=arms, guards=(old,), fallback=SAFE))
    served, sent = serve(), records(40)
    alone = [served.score(one)[0]["decision_id"] for one in sent[:25]]
    together = [one["decision_id"] for one in served.score(*sent[25:])]
    served.gateway.holder.switch("m", killed=True)
    alone.append(served.score(sent[0])[0]["decision_id"])
    served.gateway.holder.switch("m", killed=False)
    clock.advance(timedelta(minutes=1))
    control.issue(bundle(2, arms=(arm(weight=1.0, version="m@2", seed=4),)))
    served.worker.poll()
    alone.append(served.score(sent[0])[0]["decision_id"])
    shipped(served)
    state = tmp_path / "gateway"
    found = {i: again(state, i).to_dict() for i in (*alone, *together[:3])}
    assert {one["verdict"]["outcome"] for one in found.values()} == {"pass"}
    assert all(one["leaf"] for one in found.values())
    assert {one["bundle"]["number"] for one in found.values()} == {1, 2}
    assert {one["recorded"]["arm"] for one in found.values()} == {"champion", "canary", "holdout"}
    routed = [one for one in found.values() if not one["recorded"]["fallback"]]
    assert all(one["route"]["arm"] == one["recorded"]["arm"] for one in routed)
    assert {one["route"]["by"] for one in routed} == {"a key of the caller's"}
    assert any(one["recorded"]["fallback"] == "default" for one in found.values())
    killed = found[alone[-2]]
    assert "switched off at the gateway" in killed["notes"][0]


class Batched:
    """A model of which the last place of a score depends on how many rows are asked together."""

    def scores(self, matrix: np.ndarray) -> np.ndarray:
        return np.full(len(matrix), 0.25 if len(matrix) == 1 else np.nextafter(0.25, 1))


def test_an_answer_that_only_a_batch_gives_is_found_with_the_rest_of_its_request(
    control: Control, serve: Serve, tmp_path: Path
) -> None:
    control.issue(bundle(unit=None))
    served, state = serve(), tmp_path / "gateway"
    served.score(*records(3, seed=5))
    served.gateway.holder.live["m"].models["champion"] = Batched()  # type: ignore[index]
    ids = [one["decision_id"] for one in served.score(*records(7))]
    shipped(served)
    record = find(str(state / "table"), ids[3])
    assert record
    request = request_of(str(state / "table"), record)
    assert [r.id for r in request] == ids
    place, models = GatewayState(state), {"champion": Batched()}
    verdict, body = told_again(record, place.past, lambda *_: models, lambda: request)
    assert verdict.outcome == "pass"
    assert body["notes"] == ["asked together with the 6 other rows of its request"]
    assert body["route"]["by"] == "the decision's id"
    alone, _ = told_again(record, place.past, lambda *_: models, lambda: [record])
    assert alone.outcome == "fail"


def test_what_cannot_be_performed_again_says_why(
    control: Control, serve: Serve, clock: FixedClock, tmp_path: Path
) -> None:
    control.issue(bundle())
    served, state = serve(), tmp_path / "gateway"
    one, (other,) = records(1)[0], records(1, seed=12)
    erased = served.score(one, subject="ada")[0]["decision_id"]
    control.issue(bundle(2, privacy={"hours": "token"}))
    served.worker.poll()
    hidden = served.score(other)[0]["decision_id"]
    control.issue(bundle(3, privacy={"*": "drop"}))
    served.worker.poll()
    dropped = served.score(other)[0]["decision_id"]
    control.issue(bundle(4, arms=(arm(version="m@2", seed=4),)))
    served.worker.poll()
    retired = served.score(other)[0]["decision_id"]
    shipped(served)
    table = str(state / "table")
    carry_out(table, record_erasure(table, "ada", ["input.age"], clock=clock), clock=clock)

    def why(id_: str) -> str:
        told = again(state, id_).to_dict()
        assert told["verdict"]["outcome"] == "undecided"
        assert told["again"] is None
        return told["verdict"]["reasons"][0]["message"]

    assert "age was erased" in why(erased)
    assert "hours is kept as a token only" in why(hidden)
    assert "age is not kept, by the privacy rule" in why(dropped)
    assert again(state, retired).to_dict()["verdict"]["outcome"] == "pass"
    (state / "objects" / arm(seed=4).artefact.hex).unlink()
    assert "the artefact of m@2 is not there" in why(retired)
    for file in (state / "bundles").rglob("*"):
        if file.is_file():
            file.unlink()
    assert "the bundle sha256:" in why(retired)
    with pytest.raises(NotFound, match="no decision"):
        again(state, "019cae6b-6600-7007-bdbb-b13087fdc340")


def test_a_tampered_record_or_artefact_differs_and_is_named(
    control: Control, serve: Serve, tmp_path: Path
) -> None:
    control.issue(bundle())
    served, state = serve(), tmp_path / "gateway"
    id_ = served.score(records(1)[0])[0]["decision_id"]
    shipped(served)
    record = find(str(state / "table"), id_)
    assert record
    assert record.score is not None
    place = GatewayState(state)
    nudged = replace(record, score=float(np.nextafter(np.float32(record.score), np.float32(2))))
    verdict, body = told_again(nudged, place.past, place.models, lambda: [nudged])
    assert verdict.outcome == "fail"
    assert [(d["field"], d["ulps"]) for d in body["differences"]] == [("score", 1.0)]
    (state / "objects" / arm().artefact.hex).write_bytes(onnx_bytes(4))
    told = again(state, id_).to_dict()["verdict"]
    assert told["outcome"] == "undecided"
    assert "has changed" in told["reasons"][0]["message"]
