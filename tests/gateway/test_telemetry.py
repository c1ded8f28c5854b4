from __future__ import annotations

import re
from datetime import timedelta

import numpy as np
from tests.gateway.conftest import Serve, Served
from tests.gateway.control import FIELDS, GOOD, START, Control, arm, bundle, model, training_rows

from seawall.gateway.outbox import Outbox
from seawall.kernel import FixedClock
from seawall.serving.guard import Guard
from seawall.serving.telemetry import Counters, encode, read
from seawall.statistics.counting import summarise, summarise_table
from seawall.statistics.grid import score_grid
from seawall.statistics.score import summarise_scores

GRADES = ["low", "mid", "high"]


def outcomes(served: Served) -> dict[str, int]:
    """The metric of outcomes, by result."""
    found = re.findall(
        r'seawall_outcomes_total{result="(\w+)"} (\d+)', served.http.get("/metrics").text
    )
    return {result: int(count) for result, count in found}


def records(rows: np.ndarray) -> list[dict[str, object]]:
    return [
        {"age": int(a), "hours": float(h), "grade": GRADES[int(g)], "sex": "fm"[i % 2]}
        for i, (a, h, g) in enumerate(rows)
    ]


def test_counts_and_summaries_are_those_of_the_rows_served(control: Control, serve: Serve):
    guards = (Guard(name="near", action="flag", score_at_least=0.4, score_at_most=0.6),)
    control.issue(bundle(guards=guards))
    served = serve()
    rows = training_rows(120, seed=9)
    found = served.score(*records(rows[:100]))
    for record in records(rows[100:]):
        found += served.score(record)
    served.http.post("/invocations", json={"instances": [GOOD | {"age": None}, GOOD]})
    served.worker.flush()
    scores = np.array([p["score"] for p in found])
    counters = control.body("counters")
    assert (counters.decisions, counters.rejected, counters.errors) == (120, 2, 0)
    assert counters.invalid == {"age: missing": 1}
    assert counters.guards == {"near: flag": int(np.sum((scores >= 0.4) & (scores <= 0.6)))}
    assert counters.latency.n == 120
    assert control.body("scores") == summarise(scores, score_grid())
    columns = {
        "age": rows[:, 0].astype(np.float64),
        "hours": rows[:, 1].astype(np.float64),
        "grade": (rows[:, 2].astype(np.int64), GRADES),
    }
    assert control.body("inputs") == summarise_table(columns, bundle().grids)


def test_windows_follow_the_clock(control: Control, serve: Serve, clock: FixedClock):
    control.issue(bundle())
    served = serve()
    for _ in range(3):
        served.score(GOOD)
        clock.advance(timedelta(minutes=25))
    served.worker.flush()
    starts = sorted((s, start) for _, _, s, start in control.bodies if s in ("counters", "scores"))
    minutes = [(s, (ns // 10**9 - int(START.timestamp())) // 60) for s, ns in starts]
    assert minutes == [("counters", 0), ("counters", 25), ("counters", 50), ("scores", 0)]


def test_a_shadow_is_scored_on_the_champions_inputs_and_answers_nobody(
    control: Control, serve: Serve
):
    control.issue(bundle(arms=(arm(), arm("shadow", "m@2", seed=4))))
    served = serve()
    rows = training_rows(80, seed=9)
    found = served.score(*records(rows))
    assert {p["arm"] for p in found} == {"champion"}
    served.worker.flush()
    pair = control.body("shadow", "shadow", "m@2").against["m@1"]
    champion, shadow = (model(seed).predict_proba(rows)[:, 1] for seed in (3, 4))
    expected, _, _ = np.histogram2d(champion, shadow, bins=20, range=[[0, 1], [0, 1]])
    assert pair.table.tolist() == expected.tolist()
    assert pair.flips == np.sum((champion >= 0.5) != (shadow >= 0.5))
    assert control.body("scores", "shadow", "m@2").n == 80


def test_a_shadow_that_fails_costs_callers_nothing(control: Control, serve: Serve):
    control.issue(bundle(arms=(arm(), arm("shadow", "m@2", seed=4))))
    served = serve()

    class Broken:
        def scores(self, matrix: np.ndarray) -> np.ndarray:
            raise RuntimeError("no memory")

    served.gateway.holder.live["m"].models["shadow"] = Broken()  # type: ignore[index]
    assert served.score(GOOD)[0]["verdict"] == "pass"
    served.worker.flush()
    assert control.body("counters", "shadow", "m@2").errors == 1
    assert control.body("counters").errors == 0


def test_labels_are_counted_once_in_the_hour_of_their_decision(
    control: Control, serve: Serve, clock: FixedClock
):
    control.issue(bundle(arms=(arm(), arm("shadow", "m@2", seed=4)), label_age_seconds=86_400))
    served = serve()
    rows = training_rows(40, seed=9)
    found = served.score(*records(rows))
    served.worker.flush()
    clock.advance(timedelta(hours=5))
    ids = [p["decision_id"] for p in found]
    truth = [i % 2 for i in range(40)]
    first = [{"decision_id": i, "label": t} for i, t in zip(ids, truth, strict=True)]
    wrong_first = [first[0] | {"label": 1 - truth[0]}, *first[1:30]]
    answer = served.http.post("/outcomes", json=wrong_first).json()
    assert answer == {"received": 30, "rejected": []}
    served.keeper.join()
    assert outcomes(served) == {"joined": 30, "corrected": 0, "late": 0, "unknown": 0, "unfit": 0}
    for _ in range(2):
        served.http.post("/outcomes", json=first[0])
        served.keeper.join()
    clock.advance(timedelta(days=1))
    served.http.post("/outcomes", json=[*first[30:32], *first[30:32]])
    served.keeper.join()
    assert outcomes(served) == {"joined": 30, "corrected": 2, "late": 4, "unknown": 0, "unfit": 0}
    for name, version, seed in (("champion", "m@1", 3), ("shadow", "m@2", 4)):
        labels = control.body("labels", name, version)
        scores = model(seed).predict_proba(rows[:30])[:, 1]
        right = int(np.sum((scores >= 0.5) == np.array(truth[:30])))
        assert (labels.arrived, labels.correct, labels.wrong) == (30, right, 30 - right)
        assert labels.late == 2
        sex = np.array([str(r["sex"]) for r in records(rows)[:30]])
        served_scores = [p["score"] for p in found[:30]] if seed == 3 else scores
        expected = summarise_scores(np.array(served_scores), np.array(truth[:30]), {"sex": sex})
        assert np.array_equal(labels.scores.counts.sum(1), expected.counts.sum(1))
        assert labels.scores.family("sex").groups == (("f",), ("m",))
    starts = {start for _, _, stream, start in control.bodies if stream == "labels"}
    assert starts == {int(START.timestamp()) * 10**9}


def test_outcomes_of_unknown_decisions_are_counted_when_they_had_their_time(
    control: Control, serve: Serve, clock: FixedClock
):
    control.issue(bundle())
    served = serve()
    body = {"decision_id": "0198c0de-0000-7000-8000-000000000000", "label": 1}
    assert served.http.post("/outcomes", json=body).json() == {"received": 1, "rejected": []}
    served.keeper.join()
    assert outcomes(served)["unknown"] == 0
    assert "seawall_outcomes_waiting 1\n" in served.http.get("/metrics").text
    clock.advance(timedelta(minutes=11))
    served.keeper.join()
    assert outcomes(served)["unknown"] == 1
    assert "seawall_outcomes_waiting 0\n" in served.http.get("/metrics").text


def test_what_is_no_outcome_is_named_with_why_and_the_others_are_received(
    control: Control, serve: Serve
):
    control.issue(bundle())
    served = serve()
    (good,) = served.score(GOOD)
    id_ = good["decision_id"]
    told = [("what", 1), (id_, ""), (id_, [1]), (id_, None), (id_, True), (id_, 0.0)]
    body = [{"decision_id": i, "label": label} for i, label in told]
    answer = served.http.post("/outcomes", json=body).json()
    assert answer["received"] == 2
    assert [(r["decision_id"], r["why"]) for r in answer["rejected"]] == [
        ("what", "'what' is not a Seawall id; ids look like 0198c0de-....-7...-"),
        (id_, "'' is no label; give 0 or 1, a number or the name of a class"),
        (id_, "[1] is no label; give 0 or 1, a number or the name of a class"),
        (id_, "None is no label; give 0 or 1, a number or the name of a class"),
    ]
    served.keeper.join()
    assert outcomes(served) == {"joined": 1, "corrected": 1, "late": 0, "unknown": 0, "unfit": 0}


def test_a_report_whose_reply_is_lost_is_sent_again_and_counted_once(
    control: Control, serve: Serve
):
    control.issue(bundle())
    served = serve()
    served.score(GOOD)
    control.deaf = True
    served.worker.flush()
    served.score(GOOD)
    served.worker.flush()
    assert control.body("counters").decisions == 1
    control.deaf = False
    served.worker.flush()
    assert control.body("counters").decisions == 2
    assert {sequence for _, sequence in control.seen} == {1, 2}


def test_telemetry_waits_on_disk_while_the_control_plane_is_gone(control: Control, serve: Serve):
    control.issue(bundle())
    serve().worker.flush()
    away = serve(control_url="http://127.0.0.1:9")
    for _ in range(4):
        away.score(GOOD)
        away.worker.flush()
    folder = away.gateway.settings.state_dir / "telemetry"
    # one report was tried, and all later ones are one
    assert sorted(p.name for p in folder.iterdir()) == ["1.report", "waiting"]
    serve().worker.flush()
    assert control.body("counters").decisions == 4


def test_the_outbox_keeps_its_numbers_across_restarts(tmp_path):
    row = ("m", "m@1", "champion", "counters", 0, encode(Counters(decisions=1)))
    box = Outbox(tmp_path, "g")
    box.add((row,))
    first = box.next()
    assert first is not None
    box.add((row,))
    box.add((row,))
    assert box.waiting == 2
    restarted = Outbox(tmp_path, "g")
    assert restarted.waiting == 2
    assert restarted.next() == first
    box.acknowledge(first)
    assert box.waiting == 1
    second = Outbox(tmp_path, "g").next()
    assert second is not None
    assert (first.sequence, second.sequence) == (1, 2)
    assert read(second.rows[0][5]) == Counters(decisions=2)


def test_names_that_callers_make_up_do_not_become_counters(control: Control, serve: Serve):
    control.issue(bundle())
    served = serve()
    served.score(GOOD | {f"x{i}": 1 for i in range(50)})
    served.http.post("/invocations", json={"instances": [{"age": 1, "y": 2}]})
    served.worker.flush()
    fields = {name.split(":")[0] for name in control.body("counters").invalid}
    assert fields <= {*FIELDS, "*"}


def test_the_metrics_page_does_not_grow_with_what_callers_make_up(control: Control, serve: Serve):
    control.issue(bundle())
    served = serve()

    def page() -> list[str]:
        served.worker.flush()
        return served.http.get("/metrics").text.splitlines()

    def ask(word: str) -> None:
        headers = {"seawall-caller": word, "traceparent": word}
        served.http.post("/invocations", json={"instances": [{word: 1} | GOOD]}, headers=headers)
        served.http.post("/invocations", json={"instances": [GOOD | {"grade": word}]})
        served.http.get(f"/{word}")
        served.http.post(f"/endpoints/{word}/invocations", json={})

    ask("first")
    page()  # which is counted too
    before = page()
    for number in range(100):
        ask(f"name-{number}")
    assert len(page()) == len(before)
    helped = {line.split()[2] for line in before if line.startswith("# HELP ")}
    typed = {line.split()[2] for line in before if line.startswith("# TYPE ")}
    assert helped == typed


def test_totals_go_on_where_a_predecessor_stopped(control: Control, serve: Serve):
    control.issue(bundle())
    first = serve()
    first.score(GOOD)
    first.worker.flush()
    second = serve()
    second.score(GOOD)
    second.worker.flush()
    text = second.http.get("/metrics").text
    assert re.findall(r"seawall_decisions_total{.*} (\d+)", text) == ["2"]
    assert re.findall(r"seawall_latency_seconds_count{.*} (\d+)", text) == ["2"]
    assert re.findall(r'seawall_replies_total{route="invocations",status="200"} (\d+)', text) == [
        "2"
    ]
