"""Replays of a made log: against scikit-learn and ONNX Runtime, and with everything broken."""

from __future__ import annotations

import base64
import shutil
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnxruntime
import pytest
from sklearn.metrics import accuracy_score, brier_score_loss, roc_auc_score
from tests.adapters.wild_onnx import endless_above, nan_above, plain
from tests.gateway.control import FIELDS, SIGNATURE, START, arm, bundle, onnx_bytes
from tests.sdk.logs import SAFE, Logged

from seawall.adapters.decisions import Keyring, record_erasure
from seawall.gateway.state import State
from seawall.kernel import BadInput, Corrupt, Unavailable
from seawall.sdk.again import again
from seawall.sdk.candidate import Candidate
from seawall.sdk.replay import replay
from seawall.serving.decision import DecisionRecord
from seawall.serving.fallback import Fallback
from seawall.serving.guard import Disagreement, Guard
from seawall.serving.signature import Field, Signature

OTHER = Candidate("other.onnx", onnx_bytes(4), "onnx")
SAME = Candidate("same.onnx", onnx_bytes(3), "onnx")


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Logged:
    return Logged(tmp_path_factory.mktemp("logged") / "gateway")


@pytest.fixture
def copied(logged: Logged, tmp_path: Path) -> Path:
    """The folder for tests that change it."""
    return Path(shutil.copytree(logged.folder, tmp_path / "gateway"))


def scores(artefact: bytes, matrix: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(artefact)
    return session.run(["probabilities"], {session.get_inputs()[0].name: matrix})[0][:, 1]


def told(report: Any) -> dict[str, Any]:
    return msgspec.json.decode(msgspec.json.encode(report.to_dict()))


def test_quality_of_both_is_scikit_learns_on_the_rows_with_an_outcome(logged: Logged) -> None:
    cost = {"tp": 1.0, "fp": -5.0, "fn": -50.0, "tn": 0.0}
    quality = told(replay(logged.folder, OTHER, cost=cost))["quality"]
    place = {id_: at for at, id_ in enumerate(logged.ids)}
    at = np.array([place[id_] for id_ in logged.labels])
    truth = np.array(list(logged.labels.values()))
    assert quality["n"] == quality["labelled"] == len(truth)
    for who, seed in (("model", 4), ("other", 3)):
        score = scores(onnx_bytes(seed), logged.matrix[at])
        calls = score >= 0.5
        found = {name: m[who] for name, m in quality["measures"].items()}
        assert found["roc_auc"] == pytest.approx(roc_auc_score(truth, score), abs=2e-3)
        assert found["accuracy"] == pytest.approx(accuracy_score(truth, calls))
        assert found["brier"] == pytest.approx(brier_score_loss(truth, score), abs=2e-3)
        worth = np.array([[0.0, -5.0], [-50.0, 1.0]])[truth, calls.astype(int)].mean()
        assert found["value"] == pytest.approx(worth)


def test_flips_directions_and_the_largest_difference_are_numpys(logged: Logged) -> None:
    found = told(replay(logged.folder, OTHER))
    then, now = (scores(onnx_bytes(s), logged.matrix).astype(float) for s in (3, 4))
    flips = (then >= 0.5) != (now >= 0.5)
    assert found["measures"]["flips"]["value"] == pytest.approx(flips.mean())
    assert found["measures"]["1_to_0"]["value"] == pytest.approx((flips & (then >= 0.5)).mean())
    largest = int(np.abs(now - then).argmax())
    assert found["scores"]["largest"]["decision_id"] == logged.ids[largest]
    assert found["scores"]["mean_difference"]["value"] == pytest.approx((now - then).mean())
    assert found["scores"]["quantiles"]["0.5"] == pytest.approx(np.median(np.abs(now - then)))


def test_the_verdict_is_on_the_bounds_and_follows_the_tolerance(logged: Logged) -> None:
    def outcome(**tolerances: float) -> str:
        wide = {"flips": 1.0, "ks": 1.0, "roc_auc_difference": 1.0}
        return replay(logged.folder, OTHER, tolerances=wide | tolerances).verdict.outcome.value

    then, now = (scores(onnx_bytes(s), logged.matrix) for s in (3, 4))
    share = float(((then >= 0.5) != (now >= 0.5)).mean())
    assert outcome() == "pass"
    assert outcome(flips=share / 3) == "fail"
    assert outcome(flips=share) == "undecided"
    with pytest.raises(BadInput, match=r"no tolerance for 'flip'.*flips"):
        outcome(flip=0.1)


def test_slices_and_groups_say_where_decisions_flip(logged: Logged) -> None:
    found = told(replay(logged.folder, Candidate("age", plain(), "onnx"), by=["sex", "grade"]))
    then, now = scores(onnx_bytes(3), logged.matrix), logged.matrix[:, 0] / 100
    flips = (then >= 0.5) != (now >= 0.5)
    by = {g["by"].get("grade"): g for g in found["groups"]}
    for code, grade in enumerate(("low", "mid", "high")):
        mine = logged.matrix[:, 2] == code
        assert by[grade]["n"] == mine.sum()
        assert by[grade]["flips"]["value"] == pytest.approx(flips[mine].mean())
    assert found["segments"]["segments"]
    assert {n for s in found["segments"]["segments"] for n in s["by"]} <= set(FIELDS)
    with pytest.raises(BadInput, match="called 'gender'"):
        replay(logged.folder, SAME, by=["gender"])


def test_scores_that_are_no_numbers_fall_back_and_are_told(logged: Logged) -> None:
    found = told(replay(logged.folder, Candidate("nan", nan_above(60), "onnx")))
    older = logged.matrix[:, 0] > 60
    assert found["measures"]["unanswered"]["value"] == pytest.approx(older.mean())
    assert found["answers"]["fallbacks"] == {"default": int(older.sum())}
    assert found["answers"]["guards"] == {"valid_score": older.sum()}
    assert found["verdict"]["outcome"] == "fail"
    labelled = np.array([i in logged.labels for i in logged.ids])
    assert found["quality"]["n"] == labelled.sum()  # the fallback's answers count as answers
    assert found["quality"]["scored"] == (labelled & ~older).sum()


def test_other_arms_that_a_fallback_or_a_guard_asks_answer_as_at_the_gateway(
    tmp_path: Path,
) -> None:
    chain = Fallback(label=0, reason="the safe answer", arms=("adviser",))
    apart = Guard(
        name="apart", action="flag", disagreement=Disagreement(arms=("adviser",), more_than=0.05)
    )
    State(tmp_path / "gateway").keep_artefact(onnx_bytes(4))
    arms = (arm(), arm("adviser", "m@2", seed=4))
    made = Logged(
        tmp_path / "gateway", hours=1, rows=200, arms=arms, fallback=chain, guards=(apart,)
    )
    found = told(replay(made.folder, Candidate("nan", nan_above(60), "onnx")))
    older = int((made.matrix[:, 0] > 60).sum())
    assert found["answers"]["fallbacks"] == {"adviser": older}
    then, now = (scores(onnx_bytes(s), made.matrix) for s in (3, 4))
    recorded = found["answers"]["recorded"]["guards"]
    assert recorded == {"apart": int((np.abs(then - now) > 0.05).sum())}


def test_a_candidate_that_never_answers_for_some_rows_ends_and_fails(tmp_path: Path) -> None:
    made = Logged(tmp_path / "gateway", hours=1, rows=16)
    oldest = float(made.matrix[:, 0].max())
    hung = Candidate("hung", endless_above(oldest - 0.5), "onnx")
    found = told(replay(made.folder, hung, seconds=0.3))
    older = int((made.matrix[:, 0] == oldest).sum())
    assert found["measures"]["unanswered"]["value"] == pytest.approx(older / 16)
    why = "the model's worker gave no answer within 0.3 s"
    assert found["sandbox"]["failures"] == {why: older}
    assert found["verdict"]["outcome"] == "fail"


def test_a_candidate_of_other_fields_is_refused_by_name(logged: Logged) -> None:
    with pytest.raises(BadInput, match="takes 4 fields and the endpoint has 3: age, hours, grade"):
        replay(logged.folder, Candidate("wide.onnx", plain(4), "onnx"))
    income = Field(name="income", kind="number")
    wide = Candidate("m@7", plain(4), "onnx", Signature((*SIGNATURE.fields, income)))
    with pytest.raises(BadInput, match="takes income, which the log does not hold"):
        replay(logged.folder, wide)


def test_a_candidate_of_fewer_fields_in_another_order_brings_its_signature(
    logged: Logged,
) -> None:
    hours_age = Signature((SIGNATURE.fields[1], SIGNATURE.fields[0]))
    found = told(replay(logged.folder, Candidate("m@7", plain(2), "onnx", hours_age)))
    then, now = scores(onnx_bytes(3), logged.matrix) >= 0.5, logged.matrix[:, 1] / 100 >= 0.5
    assert found["measures"]["flips"]["value"] == pytest.approx((then != now).mean())


def test_rows_that_a_stricter_signature_refuses_are_counted_by_field(logged: Logged) -> None:
    young = msgspec.structs.replace(SIGNATURE.fields[0], maximum=50.0)
    strict = Candidate("m@7", onnx_bytes(3), "onnx", Signature((young, *SIGNATURE.fields[1:])))
    found = told(replay(logged.folder, strict))
    older = int((logged.matrix[:, 0] > 50).sum())
    assert found["answers"]["invalid"] == {"age: out of range": older}
    assert found["answers"]["verdicts"]["refused"] == older
    assert found["measures"]["answer_to_none"]["value"] == pytest.approx(older / 1_200)


def test_erased_rows_are_left_out_and_counted(logged: Logged, copied: Path) -> None:
    table = str(copied / "table")
    for who in ("s0-1", "s1-2"):
        record_erasure(table, who, ["input.age"], clock=logged.clock)  # carried out or not
    found = told(replay(copied, SAME))
    assert found["replayed"] == 1_198
    assert found["not_replayed"] == {"age was erased": 2}


def test_hidden_fields_cannot_be_asked_again(tmp_path: Path) -> None:
    hidden = Logged(tmp_path / "gateway", hours=1, rows=30, privacy={"hours": "digest"})
    with pytest.raises(BadInput, match="30: hours is kept as a digest only"):
        replay(hidden.folder, SAME)
    hidden.adopt(bundle(2, privacy={"age": "drop"}, fallback=SAFE))
    with pytest.raises(BadInput, match="no decision can be asked again"):
        replay(hidden.folder, SAME)


def test_an_encrypted_log_is_replayed_and_performed_again_with_its_keys(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_bytes(base64.b64encode(bytes(32)) + b"\n")
    made = Logged(tmp_path / "gateway", hours=1, rows=60, keys=Keyring.read(keys))
    assert told(replay(made.folder, SAME, keys=keys))["replayed"] == 60
    assert again(made.folder, made.ids[5], keys=keys).verdict.outcome == "pass"
    with pytest.raises(BadInput, match="encrypted"):
        replay(made.folder, SAME)


def test_an_empty_log_says_so(logged: Logged, copied: Path) -> None:
    shutil.rmtree(copied / "table")
    with pytest.raises(BadInput, match=r"there is no decision to replay.*gateway/table"):
        replay(copied, SAME)


@pytest.mark.parametrize("damage", ["cut", "flipped", "gone"])
def test_a_broken_file_of_the_table_is_named_and_nothing_is_skipped(
    logged: Logged, copied: Path, damage: str
) -> None:
    file = sorted((copied / "table" / "decisions").rglob("*.parquet"))[0]
    data = file.read_bytes()
    if damage == "gone":
        file.unlink()
    else:
        half = len(data) // 2
        file.write_bytes(data[:half] if damage == "cut" else b"\xff" * half + data[half:])
    with pytest.raises(Unavailable if damage == "gone" else Corrupt, match=file.name):
        replay(copied, SAME)


def test_what_was_kept_at_unequal_rates_is_thinned_to_the_lowest(
    logged: Logged, tmp_path: Path
) -> None:
    few = Logged(tmp_path / "gateway", hours=1, rows=1)
    log, ids = few.log(), list(logged.ids)
    given = {"endpoint": "m", "arm": "champion", "model": "m@1", "threshold": 0.5, "score": 0.6}
    inputs = {"age": 40, "hours": 1.0, "grade": "mid"}
    output = {"score": 0.6, "label": 1}
    kept = [
        DecisionRecord(id=i, time=START, input=inputs, output=output, kept_probability=p, **given)  # type: ignore[arg-type]
        for i, p in zip(ids, [0.25, 1.0, 0.5] * 400, strict=True)
    ]
    log.append(kept, durable=False)
    log.close()
    few.ship()
    found = told(replay(few.folder, SAME))
    assert found["window"]["decisions"] == 1_201
    assert found["window"]["kept"] == 0.25
    assert 200 < found["window"]["read"] == found["replayed"] < 400


def test_every_format_of_the_report_opens_with_the_judgement(
    logged: Logged, tmp_path: Path
) -> None:
    report = replay(logged.folder, OTHER, by=["sex"], cost={"fp": -1.0})
    for name in ("r.html", "r.md", "r.json"):
        text = report.save(tmp_path / name).read_text()
        assert "flips" in text
    page = (tmp_path / "r.md").read_text()
    assert "other.onnx would have decided" in page
    assert "<svg" in (tmp_path / "r.html").read_text()


def test_progress_is_told_to_the_last_row(logged: Logged) -> None:
    steps: list[tuple[str, int, int | None]] = []
    replay(logged.folder, SAME, progress=lambda *step: steps.append(step))
    assert steps[-1] == ("replaying", 1_200, 1_200)
