from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any
from unittest import mock

import numpy as np
import pytest
from tests.app.world import HOUR, World, table

from seawall.app import declare, monitor_standing, monitors, respond, rollouts, watch
from seawall.app.monitors import MonitorLook
from seawall.kernel import BadInput, Digest, Forbidden, now, to_json
from seawall.serving.counted import error_grids
from seawall.serving.endpoint import Endpoint
from seawall.serving.label_groups import GroupCounts
from seawall.serving.labelled import errors_of
from seawall.serving.output import Output
from seawall.serving.telemetry import Labels
from seawall.statistics.score import summarise_scores

EVERYTHING = (
    {"measure": "error_rate", "tolerance": 0.25},
    {"measure": "error_rate", "tolerance": 0.3, "by": "sex", "groups": ["f", "m"]},
    {"measure": "error_rate_gap", "by": "sex", "groups": ["f"]},
    {"measure": "selection_rate_gap", "by": "sex", "groups": ["f"]},
    {"measure": "calibration"},
    {"measure": "distribution"},
)


class Watched(World):
    """A control plane whose one endpoint has monitors, hour by hour."""

    def begin(self, *watches: dict[str, Any], **spec: Any) -> None:
        """The first version serves; a monitor is declared, and begins at the hour."""
        self.version = self.serving()
        self.monitor(*watches, **spec)
        self.clock.advance(timedelta(minutes=45))
        self.start = now(self.clock).replace(minute=0)
        self.hours = 0
        self.looks()

    def declare(self, **changes: dict[str, Any]) -> None:
        grouped = {"protected": ["sex"]} | changes.get("Endpoint", {})
        super().declare(**(changes | {"Endpoint": grouped}))

    version: str
    start: datetime
    hours: int

    def objects(self, columns: dict[str, np.ndarray] | None = None) -> dict[str, Digest]:
        scores = np.random.default_rng(1).uniform(0, 1, 20_000)
        known = self.app.objects.put(summarise_scores(scores).to_bytes())
        many = table(20_000, seed=7)
        return super().objects(columns or many) | {"baseline_scores": known}

    def monitor(self, *watches: dict[str, Any], name: str = "lasting", **spec: Any) -> None:
        document = {
            "apiVersion": "seawall/v1",
            "kind": "Monitor",
            "metadata": {"name": name},
            "spec": {"endpoint": "income", "watches": list(watches)} | spec,
        }
        declare.apply(self.app, self.otto, document)

    @property
    def endpoint(self) -> Endpoint:
        return self.app.store.get(Endpoint, "income")

    def looks(self) -> list[MonitorLook]:
        return monitors.look_at_monitors(self.app, self.endpoint)

    def hour(self, **change: Any) -> MonitorLook:  # type: ignore[override]
        """The next hour, of the one monitor there is."""
        (look,) = self.next_hour(**change)
        return look

    def next_hour(
        self, *, rows: int = 400, shift: float = 0.0, off: float = 0.0, harsh: float = 0.0
    ) -> list[MonitorLook]:
        """The next hour's inputs and the labels that mature in it; then a look.

        Labels are right as often as their scores say, less `off`; the scores of group f are
        lowered by `harsh` and its labels with them.
        """
        rng = np.random.default_rng(self.hours)
        self.inputs(self.start + self.hours * HOUR, table(rows, shift=shift, seed=self.hours),
                    self.version)  # fmt: skip
        sex = np.array(["f", "m"], object)[rng.integers(0, 2, rows)]
        score = np.clip(rng.uniform(0, 1, rows) - harsh * (sex == "f"), 0, 1)
        label = (rng.uniform(0, 1, rows) < np.clip(score - off, 0, 1)).astype(np.int64)
        known = summarise_scores(score, label, {"sex": sex})
        right = int(((score >= 0.5) == label).sum())
        body = Labels(arrived=rows, correct=right, wrong=rows - right,
                      added={"sex": known.to_bytes()})  # fmt: skip
        self.report(
            (self.version, "champion", "labels", self.start + (self.hours - 1) * HOUR, body)
        )
        self.clock.advance(HOUR)
        self.hours += 1
        return self.looks()


@pytest.fixture
def bare(tmp_path, migrated):
    import shutil

    shutil.copy(migrated, tmp_path / "seawall.db")
    world = Watched(tmp_path, tmp_path / "seawall.db")
    yield world
    world.close()


def test_errors_that_last_beyond_what_is_tolerated_alarm_and_open_an_incident(world):
    world.begin({"measure": "error_rate", "tolerance": 0.25}, severity="page")
    for _ in range(12):
        look = world.hour()
        assert watch.firing(world.app, world.endpoint, None) == []
    for _ in range(24):
        look = world.hour(off=0.25)
        if firing := watch.firing(world.app, world.endpoint, None):
            break
    assert look.alarmed is not None
    assert look.alarmed.streams == ("error_rate",)
    (alert,) = firing
    assert alert.labels == {"alert": "monitor", "endpoint": "income", "monitor": "lasting"}
    assert re.search(
        "error_rate is beyond 0.25, .* 1 of the 1 streams .*once in 365 days", alert.summary
    )
    (incident,) = respond.respond(world.app, world.endpoint, firing)
    assert incident.severity == "page"
    assert "monitoring:monitor:alarmed" in world.actions(subject="income/lasting")


@pytest.mark.parametrize(
    ("change", "stream"),
    [
        ({"off": 0.3}, "calibration"),
        ({"shift": 4.0}, "distribution of hours"),
        ({"harsh": 0.4}, "selection_rate_gap, sex=f"),
    ],
)
def test_a_change_is_found_within_two_days_and_named_among_all_that_is_watched(
    world, change, stream
):
    world.begin(*EVERYTHING)
    for _ in range(3):
        assert world.hour().alarmed is None
    for _ in range(48):
        look = world.hour(**change)
        if look.alarmed:
            break
    assert look.alarmed is not None
    assert stream in look.alarmed.streams
    assert sum(name.startswith("distribution") for name in look.monitor.detectors) == 3


def test_an_alarm_holds_a_day_and_the_monitor_begins_anew_or_ends_by_its_contract(world):
    rate = {"measure": "error_rate", "tolerance": 0.05}
    world.begin(rate, name="endless")
    world.monitor(rate, name="once", contract="ever")
    world.looks()
    world.labels(world.start - HOUR, world.version, "champion", 500, 500)
    world.clock.advance(HOUR)
    endless, once = world.looks()
    assert endless.alarmed == endless.reading
    assert once.ended
    named = [a.labels["monitor"] for a in watch.firing(world.app, world.endpoint, None)]
    assert sorted(named) == ["endless", "once"]
    world.clock.advance(timedelta(days=2))
    endless, later = world.looks()
    assert later == once
    assert endless.monitor.detectors["error_rate"].log_value < 1
    [anew, ended] = monitor_standing.standing(world.app, "income")
    assert anew["streams"][0]["at_alarm"] is None
    assert ended["streams"][0]["at_alarm"] >= ended["log_boundary"]
    left = watch.firing(world.app, world.endpoint, None)
    assert [a.labels["monitor"] for a in left] == ["once"]


def test_evidence_is_null_until_something_is_counted_and_what_alarmed_keeps_its_own(world):
    world.begin({"measure": "error_rate", "tolerance": 0.05})
    [begun] = monitor_standing.standing(world.app, "income")
    assert (begun["state"], begun["log_value"]) == ("quiet", None)
    assert [s["log_value"] for s in begun["streams"]] == [None]
    world.labels(world.start - HOUR, world.version, "champion", 500, 500)
    world.clock.advance(HOUR)
    world.looks()
    [alarmed] = monitor_standing.standing(world.app, "income")
    [stream] = alarmed["streams"]
    assert (alarmed["state"], stream["log_value"]) == ("alarmed", None)
    assert stream["at_alarm"] == alarmed["alarm"]["log_value"] >= alarmed["log_boundary"]


def test_a_monitor_begins_anew_with_another_champion_and_with_another_plan(world):
    world.begin({"measure": "error_rate", "tolerance": 0.25})
    first = world.hour()
    assert first.hours == {"error_rate": 1}
    world.monitor({"measure": "error_rate", "tolerance": 0.2})
    (again,) = world.looks()
    assert (again.hours, again.tolerances) == ({}, {"error_rate": 0.2})
    second = world.approved(b"model 2")
    rollout = world.rollout(second)
    rollouts.by_hand(world.app, world.otto, rollout.key, "promote", "now")
    (anew,) = world.looks()
    assert (again.version, anew.version) == (world.version, second)
    assert world.actions(subject="income/lasting").count("monitoring:monitor:begun") == 3


def test_what_repeats_every_week_alarms_only_without_a_season(world):
    world.begin({"measure": "error_rate", "tolerance": 0.9}, name="first")

    def busy(at: datetime) -> float:
        return 8.0 if at.hour < 6 else 0.0

    for hour in range(15 * 24):
        at = world.start + hour * HOUR
        columns = table(2_000, shift=busy(at), seed=hour)
        world.inputs(at, columns, world.version)
    world.clock.advance(timedelta(days=14))
    begun = world.start + timedelta(days=14)
    hours = {"measure": "distribution", "of": ["hours"], "tolerance": 0.2}
    season = {"since": world.start.isoformat(), "until": begun.isoformat()}
    world.monitor(hours, name="plain")
    world.monitor(hours, name="seasonal", season=season)
    world.looks()
    world.clock.advance(timedelta(days=1))
    found = {look.name: look for look in world.looks()}
    assert found["plain"].alarmed is not None
    assert found["seasonal"].alarmed is None
    assert found["seasonal"].hours == found["plain"].hours


def test_a_monitor_is_declared_by_operators_and_says_what_is_wrong_with_it(world):
    rate = {"measure": "error_rate", "tolerance": 0.25}
    for bad, says in [
        ({"measure": "error_rate"}, "error_rate needs a tolerance"),
        ({"measure": "eror_rate", "tolerance": 0.1}, "'eror_rate' is none of the values"),
        ({"measure": "calibration", "by": "sex", "groups": ["f"]}, "not watched by group"),
        ({"measure": "error_rate_gap"}, "name their column in `by`"),
        ({"measure": "error_rate", "tolerance": 1.5}, "tolerance of error_rate is below 1"),
        ({"measure": "mean_error_gap", "by": "sex", "groups": ["f"]}, "needs a tolerance"),
        (rate | {"by": "sex"}, "`by` needs `groups`"),
        (rate | {"of": ["age"]}, "`of` is for a distribution"),
    ]:
        with pytest.raises(BadInput, match=says):
            world.monitor(bad)
    with pytest.raises(BadInput, match="a season is from an earlier moment"):
        world.monitor(
            rate, season={"since": "2026-02-01T00:00:00Z", "until": "2026-01-01T00:00:00Z"}
        )
    with pytest.raises(Forbidden):
        declare.apply(
            world.app,
            world.vera,
            {"apiVersion": "seawall/v1", "kind": "Monitor", "metadata": {"name": "m"},
             "spec": {"endpoint": "income", "watches": [rate]}},
        )  # fmt: skip


def test_what_has_no_baseline_is_told_and_the_rest_is_watched(world):
    world.monitor({"measure": "distribution", "of": ["age", "agee"]}, name="early")
    world.monitor({"measure": "distribution", "of": ["agee"]}, name="nothing")
    world.begin({"measure": "error_rate", "tolerance": 0.25})
    early, _ = world.next_hour()
    assert early.lacking == ("distribution of agee",)
    assert early.hours == {"distribution of age": 1}
    stands = {m["monitor"]: m["state"] for m in monitor_standing.standing(world.app, "income")}
    assert stands == {"early": "quiet", "lasting": "quiet", "nothing": "not begun"}


def test_a_monitor_of_what_is_not_there_is_refused_in_one_line_with_the_nearest_name(world):
    rate = {"measure": "error_rate", "tolerance": 0.25}
    world.begin(rate)
    for watched, spec, says in [
        (rate, {"endpoint": "incom"}, "no endpoint 'incom' is declared (monitor 'new'); "
                                      "did you mean 'income'?"),
        ({"measure": "distribution", "of": ["score", "agee"]}, {},
         "income@1 has no input 'agee' (monitor 'new', watches[0]); did you mean 'age'?"),
        (rate | {"by": "sexx", "groups": ["f"]}, {},
         "labels of endpoint 'income' are not grouped by 'sexx' (monitor 'new', watches[0]); "
         "did you mean 'sex'?"),
    ]:  # fmt: skip
        with pytest.raises(BadInput) as refused:
            world.monitor(watched, name="new", **spec)
        assert str(refused.value) == says
    world.monitor(*EVERYTHING)
    with pytest.raises(BadInput, match=r"not grouped by 'sex'.*`protected`, which has none"):
        world.declare(Endpoint={"protected": []})


def test_an_endpoint_that_serves_nothing_yet_may_be_watched_and_an_undeclared_one_not(bare):
    rate = {"measure": "error_rate", "tolerance": 0.25}
    with pytest.raises(BadInput, match=r"no endpoint 'income' is declared.*there is none yet"):
        bare.monitor(rate)
    bare.declare()
    bare.monitor(rate)
    assert monitor_standing.standing(bare.app, "income")[0]["state"] == "not begun"


@pytest.mark.parametrize(
    ("output", "watched", "says"),
    [
        ({"kind": "regression"}, {"measure": "error_rate", "tolerance": 0.1},
         "neither right nor wrong.*give `value.tolerance` of endpoint 'income'"),
        ({"kind": "regression"}, {"measure": "calibration"},
         "calibration is not watched of a model of values.*there is error_rate"),
        ({"kind": "regression"},
         {"measure": "mean_error_gap", "by": "sex", "groups": ["f"], "tolerance": 3},
         "bounded by the range.*give `value.minimum` and `value.maximum`"),
        ({"kind": "multiclass", "classes": ("a", "b", "c")}, {"measure": "calibration"},
         "calibration is not watched of a model of several classes"),
        ({"kind": "multiclass", "classes": ("a", "b", "c")},
         {"measure": "selection_rate_gap", "by": "sex", "groups": ["f"]},
         "`favourable` of endpoint 'income' is no class of the model.*there is a, b, c"),
    ],
)  # fmt: skip
def test_a_measure_that_a_model_has_not_is_refused(world, output, watched, says):
    put = world.app.objects.put
    known = {"output": put(to_json(Output(**output)))} | world.objects()
    with mock.patch.object(world, "objects", return_value=known):
        world.registered()
    with pytest.raises(BadInput, match=says):
        world.monitor(watched)


def test_an_hour_in_which_the_threshold_changed_stops_no_monitor(world):
    from seawall.statistics.grid import score_grid

    world.begin({"measure": "calibration"})
    scores, labels = np.full(50, 0.7), np.ones(50, np.int64)
    for arm, grid in (("canary", score_grid((0.3,))), ("champion", score_grid((0.5,)))):
        known = summarise_scores(scores, labels, grid=grid)
        body = Labels(arrived=50, correct=50, added={"": known.to_bytes()})
        world.report((world.version, arm, "labels", world.start - HOUR, body))
    assert world.hour().hours == {"calibration": 1}


def test_another_monitor_takes_its_part_of_the_budget_and_the_evidence_there_is_stays(world):
    world.begin({"measure": "error_rate", "tolerance": 0.25}, name="first")
    for _ in range(3):
        before = world.hour(off=0.2)
    world.monitor({"measure": "distribution", "of": ["age", "hours", "score"]}, name="second")
    (first, second) = world.looks()
    assert first == before
    told = {m["monitor"]: m for m in monitor_standing.standing(world.app, "income")}
    assert {name: m["share"] for name, m in told.items()} == {"first": 0.25, "second": 0.75}
    assert "watches 1 of the 4 streams" in told["first"]["promise"]
    assert told["first"]["budget"] == {"days_between_false_alarms": 365.0, "alpha": 0.05}
    (after, _) = world.next_hour(off=0.2)
    kept, more = before.monitor.detectors["error_rate"], after.monitor.detectors["error_rate"]
    assert more.steps == kept.steps + 1
    assert (kept.share, more.share) == (1.0, 0.25)
    assert more.log_value > kept.log_value
    assert second.before == 1


def test_the_budget_is_declared_with_the_endpoint_and_another_one_begins_anew(world):
    world.begin({"measure": "error_rate", "tolerance": 0.25})
    first = world.hour()
    world.declare(Endpoint={"alarms": {"days_between_false_alarms": 30}})
    (anew,) = world.looks()
    assert (anew.hours, anew.origin, anew.before) == ({}, first.origin, 1)
    (stands,) = monitor_standing.standing(world.app, "income")
    assert "falsely once in 30 days" in stands["promise"]
    assert anew.monitor.alpha == pytest.approx(1 / (24 * 60))  # half of it is the look at drift's
    with pytest.raises(BadInput, match="alarms"):
        world.declare(Endpoint={"alarms": {"days_between_false_alarms": 0}})


def test_a_monitor_that_ended_leaves_its_part_to_the_others(world):
    rate = {"measure": "error_rate", "tolerance": 0.05}
    world.begin(rate, name="once", contract="ever")
    world.monitor(rate | {"tolerance": 0.9}, name="lasting", contract="ever")
    world.looks()
    world.labels(world.start - HOUR, world.version, "champion", 500, 500)
    world.clock.advance(HOUR)
    lasting, once = world.looks()
    assert (once.ended, lasting.ended) == (True, False)
    told = {m["monitor"]: m["share"] for m in monitor_standing.standing(world.app, "income")}
    assert told == {"lasting": 1.0, "once": 0.0}


SEVERAL = {"kind": "multiclass", "classes": ("a", "b", "c")}
OTHERWISE = {"label": "a", "reason": "the most frequent"}


def labelled(kind: str, rng: np.random.Generator, worse: float, hour: int) -> Labels:
    """Four hundred labels of two groups, the answers for f `worse` than those for m."""
    groups: dict[str, GroupCounts] = {}
    for name, more in (("f", worse), ("m", 0.0)):
        if kind == "multiclass":
            wrong = int((rng.random(200) < 0.1 + more).sum())
            fitting = {"a": {"a": 200 - wrong, "b": wrong}}
            groups[name] = GroupCounts(correct=200 - wrong, wrong=wrong, confusion=fitting)
        else:
            label = rng.uniform(20, 80, 200)
            grids = error_grids(None)
            errors = errors_of(label, label + rng.normal(30 * more, 5, 200), grids)
            groups[name] = GroupCounts(errors=errors)
    return Labels(arrived=400, groups={"sex": groups})


@pytest.mark.parametrize(
    ("output", "endpoint", "watched"),
    [
        (SEVERAL, {"fallback": OTHERWISE}, "error_rate_gap"),
        (SEVERAL, {"fallback": OTHERWISE, "favourable": "a"}, "selection_rate_gap"),
        ({"kind": "regression"}, {}, "mean_error_gap"),
        ({"kind": "regression"}, {}, "absolute_error_gap"),
    ],
)  # fmt: skip
def test_a_gap_between_groups_of_classes_or_values_alarms_and_none_does_not(
    world, output, endpoint, watched
):
    values = {"value": {"minimum": 0, "maximum": 100}} if output["kind"] == "regression" else {}
    world.declare(Endpoint=endpoint | values)
    known = {"output": world.app.objects.put(to_json(Output(**output)))} | world.objects()
    tolerance = {"tolerance": 3.0} if values else {}
    with mock.patch.object(world, "objects", return_value=known):
        world.begin({"measure": watched, "by": "sex", "groups": ["f"]} | tolerance)
    rng = np.random.default_rng(1)
    hour = 0
    for hour in range(48):
        body = labelled(output["kind"], rng, 0.0 if hour < 8 else 0.5, hour)
        at = world.start + (hour - 1) * HOUR
        world.report((world.version, "champion", "labels", at, body))
        world.clock.advance(HOUR)
        (look,) = world.looks()
        if look.alarmed:
            break
    assert hour >= 8
    assert look.alarmed is not None
    assert look.alarmed.streams == (f"{watched}, sex=f",)


@pytest.mark.soak
def test_monitors_at_their_tolerance_alarm_no_more_often_than_they_promise(world):
    """A false alarm in two days is left to them: 400 hours may show 8.3, and 16 at 1%."""
    world.declare(Endpoint={"alarms": {"days_between_false_alarms": 1}})
    world.begin(*EVERYTHING)
    world.monitor(*EVERYTHING, name="second")
    for _ in range(400):
        world.next_hour(rows=200)
    alarms = [world.actions(subject=f"income/{name}").count("monitoring:monitor:alarmed")
              for name in ("lasting", "second")]  # fmt: skip
    assert sum(alarms) <= 16
