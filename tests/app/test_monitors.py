from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from tests.app.world import HOUR, World, table

from seawall.app import declare, monitors, respond, rollouts, watch
from seawall.app.monitors import MonitorLook
from seawall.kernel import BadInput, Digest, Forbidden, now
from seawall.serving.endpoint import Endpoint
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

    def hour(  # type: ignore[override]
        self, *, rows: int = 400, shift: float = 0.0, off: float = 0.0, harsh: float = 0.0
    ) -> MonitorLook:
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
        (look,) = self.looks()
        return look


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
    assert re.search("error_rate is beyond 0.25, .*alarms falsely once in 365 days", alert.summary)
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
    [anew, ended] = monitors.standing(world.app, "income")
    assert anew["streams"][0]["at_alarm"] is None
    assert ended["streams"][0]["at_alarm"] >= ended["log_boundary"]
    left = watch.firing(world.app, world.endpoint, None)
    assert [a.labels["monitor"] for a in left] == ["once"]


def test_evidence_is_null_until_something_is_counted_and_what_alarmed_keeps_its_own(world):
    world.begin({"measure": "error_rate", "tolerance": 0.05})
    [begun] = monitors.standing(world.app, "income")
    assert (begun["state"], begun["log_value"]) == ("quiet", None)
    assert [s["log_value"] for s in begun["streams"]] == [None]
    world.labels(world.start - HOUR, world.version, "champion", 500, 500)
    world.clock.advance(HOUR)
    world.looks()
    [alarmed] = monitors.standing(world.app, "income")
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
    world.begin({"measure": "distribution", "of": ["age", "agee"]})
    look = world.hour()
    assert look.lacking == ("distribution of agee",)
    assert look.hours == {"distribution of age": 1}
    world.monitor({"measure": "distribution", "of": ["agee"]}, name="nothing")
    world.looks()
    stands = {m["monitor"]: m["state"] for m in monitors.standing(world.app, "income")}
    assert stands == {"lasting": "quiet", "nothing": "not begun"}


def test_an_hour_in_which_the_threshold_changed_stops_no_monitor(world):
    from seawall.statistics.grid import score_grid

    world.begin({"measure": "calibration"})
    scores, labels = np.full(50, 0.7), np.ones(50, np.int64)
    for arm, grid in (("canary", score_grid((0.3,))), ("champion", score_grid((0.5,)))):
        known = summarise_scores(scores, labels, grid=grid)
        body = Labels(arrived=50, correct=50, added={"": known.to_bytes()})
        world.report((world.version, arm, "labels", world.start - HOUR, body))
    assert world.hour().hours == {"calibration": 1}


@pytest.mark.soak
def test_monitors_at_their_tolerance_alarm_no_more_often_than_they_promise(world):
    """One false alarm a day is asked for: 400 hours may show 16.7, and 27 with probability 1%."""
    world.begin(*EVERYTHING, days_between_false_alarms=1)
    for _ in range(400):
        world.hour(rows=200)
    alarms = world.actions(subject="income/lasting").count("monitoring:monitor:alarmed")
    assert alarms <= 27
