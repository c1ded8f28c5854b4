"""Labels joined from the log, against a plain oracle over random histories with crashes."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections import defaultdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.gateway.control import START, bundle
from tests.gateway.keeping import Place, totals

from seawall.adapters.decisions import Keyring, ShadowScore, ship
from seawall.adapters.decisions.apart import paired
from seawall.adapters.decisions.tail import ends
from seawall.gateway import joins as module
from seawall.gateway.live import Cohort
from seawall.gateway.strata import Strata
from seawall.kernel import BadInput, Corrupt, FixedClock, Ids, from_ns, to_ns
from seawall.serving.decision import to_bytes
from seawall.serving.outcome import Outcome
from seawall.serving.telemetry import decode

KEY = Ed25519PrivateKey.generate()
AGE = timedelta(hours=5)
BUNDLE = bundle(label_age_seconds=AGE.total_seconds())
HOUR = 3_600_000_000_000


class Died(Exception):
    pass


class Oracle:
    """Decisions and outcomes one by one, in dictionaries."""

    def __init__(self) -> None:
        self.decisions: dict[str, Any] = {}
        self.shadows: dict[str, float] = {}
        self.labels: dict[str, int] = {}
        self.late: set[str] = set()
        self.totals = dict.fromkeys(("joined", "corrected", "late", "unknown", "unfit"), 0)

    def outcome(self, id_: str, label: int, seen_ns: int) -> None:
        if id_ not in self.decisions:
            self.totals["unknown"] += 1
        elif seen_ns - to_ns(self.decisions[id_].time) > AGE.total_seconds() * 1e9:
            self.totals["late"] += 1
            if id_ not in self.labels:
                self.late.add(id_)
        else:
            self.totals["corrected" if id_ in self.labels else "joined"] += 1
            self.labels[id_] = label

    def cohorts(self) -> dict[tuple[str, str, int], tuple[int, ...]]:
        found: dict[Any, list[int]] = defaultdict(lambda: [0] * 8)
        for id_, record in self.decisions.items():
            said = [("m@1", "champion", record.score), ("m@2", "shadow", self.shadows.get(id_))]
            for version, arm, score in said:
                if score is None:
                    continue
                counts = found[version, arm, to_ns(record.time) // HOUR * HOUR]
                if id_ in self.labels:
                    label = self.labels[id_]
                    counts[0] += 1
                    counts[1 if (score >= 0.5) == bool(label) else 2] += 1
                    counts[4 + 2 * "fm".index(record.input["sex"]) + label] += 1
                counts[3] += id_ in self.late
        return {key: tuple(counts) for key, counts in found.items() if any(counts)}


def fresh(folder: Path, clock: FixedClock | None = None) -> Place:
    return Place(folder, BUNDLE, KEY, clock or FixedClock(START))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return fresh(tmp_path)


steps = st.one_of(
    st.tuples(st.just("decide"), st.integers(1, 4)),
    st.tuples(st.just("shadow"), st.integers(0, 5)),
    st.tuples(st.just("label"), st.integers(0, 9), st.integers(0, 1), st.integers(0, 7)),
    st.tuples(st.just("unknown"), st.integers(1, 2)),
    st.tuples(st.just("advance"), st.sampled_from([1, 25, 61, 200])),
    st.tuples(st.just("join")),
    st.tuples(st.just("deliver")),
    st.tuples(st.just("ship")),
    st.tuples(st.just("seal")),
    st.tuples(st.just("reopen")),
    st.tuples(st.just("die"), st.integers(0, 25)),
)


@given(st.lists(steps, min_size=5, max_size=40))
@settings(max_examples=60)
def test_counts_are_those_of_joining_one_by_one_whatever_is_killed_when(history: list[Any]):
    with tempfile.TemporaryDirectory() as name:
        play(fresh(Path(name)), history)


def play(place: Place, history: list[Any]) -> None:
    oracle, made = Oracle(), list[str]()
    clock = place.clock
    assert isinstance(clock, FixedClock)
    strangers = Ids(clock)
    for what, *how in history:
        if what == "decide":
            scores = [0.1, 0.9, None, 0.5][: how[0]]
            records = [place.record(s, "fm"[i % 2]) for i, s in enumerate(scores)]
            place.log.append(records, durable=False)
            oracle.decisions |= {r.id: r for r in records}
            made += [r.id for r in records]
        elif what == "shadow":
            chosen = [i for i in made[-how[0] :] if i not in oracle.shadows] if how[0] else []
            scores = [ShadowScore(i, "m", "m@2", "shadow", 0.5, 0.7) for i in chosen]
            place.log.append_shadows(scores)
            oracle.shadows |= dict.fromkeys(chosen, 0.7)
        elif what == "label" and made:
            id_ = made[-1 - how[0] % len(made)]
            seen = from_ns(clock.now_ns()) + timedelta(hours=how[2])
            place.log.append_outcomes([Outcome(id_, how[1], seen)])  # type: ignore[arg-type]
            oracle.outcome(id_, how[1], to_ns(seen))
        elif what == "unknown":
            for _ in range(how[0]):
                place.log.append_outcomes([Outcome(id_ := strangers(), 1)])
                oracle.outcome(id_, 1, clock.now_ns())
        elif what == "advance":
            clock.advance(timedelta(minutes=how[0]))
        else:
            _act(place, what, how)
    place.joins.work()
    clock.advance(timedelta(minutes=11))
    place.joins.work()
    place.deliver()
    assert totals(place.joins) == oracle.totals
    assert place.told.cohorts() == oracle.cohorts()
    assert place.joins.behind() == place.joins.waiting == 0


def _act(place: Place, what: str, how: list[int]) -> None:
    if what == "join":
        place.joins.work()
    elif what == "deliver":
        place.deliver()
    elif what == "ship":
        for kind in ("decisions", "outcomes", "shadows"):
            for path in (place.log_folder / kind).glob("*.wal"):
                if place.joins.is_read(path):
                    path.unlink()
    elif what == "seal":
        place.log.seal()
    elif what == "reopen":
        place.joins = place.open()
    elif what == "die":
        with dying(how[0]), contextlib.suppress(Died):
            place.joins.work()
        place.joins = place.open()


class dying:  # noqa: N801 -- reads as a verb
    """Every write of a file's name or bytes to disk counts down; at zero the process is gone."""

    def __init__(self, left: int) -> None:
        self._left = left

    def __enter__(self) -> None:
        self._patch = pytest.MonkeyPatch()

        def watched(call: Any) -> Any:
            def wrapped(*args: Any, **options: Any) -> Any:
                self._left -= 1
                if self._left < 0:
                    raise Died
                return call(*args, **options)

            return wrapped

        self._patch.setattr(os, "fsync", watched(os.fsync))
        for name in ("unlink", "replace", "rename"):
            self._patch.setattr(Path, name, watched(getattr(Path, name)))
        self._patch.setattr(np.memmap, "flush", watched(np.memmap.flush), raising=True)

    def __exit__(self, *_: object) -> None:
        self._patch.undo()


def test_a_join_cut_at_any_step_counts_everything_once(tmp_path: Path):
    for step in range(200):
        place = fresh(tmp_path / str(step))
        records = [place.record(0.9, "f") for _ in range(3)]
        place.log.append(records, durable=False)
        place.log.append_shadows([ShadowScore(records[0].id, "m", "m@2", "shadow", 0.5, 0.2)])
        place.log.append_outcomes([Outcome(r.id, 1) for r in records])
        place.joins.work()
        place.log.append([place.record(0.1, "m")], durable=False)
        place.log.append_outcomes([Outcome(records[0].id, 0)])
        ended = False
        with dying(step):
            try:
                place.joins.work()
                place.deliver()
                ended = True
            except Died:
                pass
        place.joins = place.open()
        place.joins.work()
        place.deliver()
        start = to_ns(START)
        assert place.told.cohorts() == {
            ("m@1", "champion", start): (3, 2, 1, 0, 1, 2, 0, 0),
            ("m@2", "shadow", start): (1, 1, 0, 0, 1, 0, 0, 0),
        }
        assert totals(place.joins) == {
            "joined": 3,
            "corrected": 1,
            "late": 0,
            "unknown": 0,
            "unfit": 0,
        }
        if ended:
            break
    assert step > 15


def test_no_file_is_shipped_before_all_of_it_was_joined(place: Place, tmp_path: Path):
    record = place.record(0.9, "f")
    place.log.append([record], durable=False)
    place.log.seal()
    root = str(tmp_path / "table")
    assert ship(place.log_folder, root, clock=place.clock, may_go=place.joins.is_read) == []
    place.joins.work()
    (segment,) = ship(place.log_folder, root, clock=place.clock, may_go=place.joins.is_read)
    assert segment.count == 1
    place.log.append_outcomes([Outcome(record.id, 1)])
    place.joins.work()
    assert totals(place.joins)["joined"] == 1


def test_two_writers_of_one_log_join_each_others_decisions(place: Place):
    other = place.writer()
    record = place.record(0.9, "f")
    place.log.append([record], durable=False)
    other.append_outcomes([Outcome(record.id, 1)])
    place.joins.work()
    assert totals(place.joins)["joined"] == 1


def test_an_outcome_that_is_there_before_its_decision_waits_for_it(place: Place):
    record = place.record(0.9, "f")
    place.log.append_outcomes([Outcome(record.id, 1)])
    place.joins.work()
    assert place.joins.waiting == 1
    place.joins = place.open()
    place.log.append([record], durable=False)
    place.joins.work()
    assert (place.joins.waiting, totals(place.joins)["joined"]) == (0, 1)


def test_too_many_outcomes_without_a_decision_are_unknown_at_once(
    place: Place, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "MOST_WAITING", 5)
    place.log.append_outcomes([Outcome(place.ids(), 1) for _ in range(8)])
    place.joins.work()
    assert (place.joins.waiting, totals(place.joins)["unknown"]) == (5, 3)


def test_decisions_are_kept_for_twice_the_label_age_and_no_longer(place: Place):
    clock = place.clock
    assert isinstance(clock, FixedClock)
    for _ in range(30):
        place.log.append([place.record(0.9, "f")], durable=False)
        place.joins.work()
        place.joins.prune(clock.now_ns())
        clock.advance(timedelta(hours=1))
    assert 10 <= place.joins.decisions <= 12
    folders = list((place.folder / "labels" / "decisions").iterdir())
    assert len(folders) == place.joins.decisions
    place.joins = place.open()
    assert 10 <= place.joins.decisions <= 12


def test_an_hour_ends_as_one_run(place: Place):
    clock = place.clock
    assert isinstance(clock, FixedClock)
    records = []
    for _ in range(40):
        records.append(place.record(0.9, "f"))
        place.log.append(records[-1:], durable=False)
        place.joins.work()
    (hour,) = (place.folder / "labels" / "decisions").iterdir()
    assert len(list(hour.iterdir())) <= 8
    clock.advance(timedelta(hours=2))
    place.log.append_outcomes([Outcome(r.id, 1) for r in records])
    place.joins.work()
    assert len(list(hour.iterdir())) == 1
    assert totals(place.joins)["joined"] == 40


def test_groups_without_end_are_counted_as_other(place: Place, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("seawall.gateway.strata.MOST_STRATA", 3)
    records = [place.record(0.9, f"name {i}") for i in range(9)]
    place.log.append(records, durable=False)
    place.log.append_outcomes([Outcome(r.id, 1) for r in records])
    place.joins.work()
    place.deliver()
    (body,) = place.told.bodies.values()
    found: Any = decode("labels", body)
    groups = found.scores.family("sex").groups
    assert groups == (("(other)",), ("name 0",), ("name 1",), ("name 2",))
    assert found.arrived == 9


def test_a_write_that_a_full_disk_withdrew_is_followed_by_what_came_after(
    place: Place, monkeypatch: pytest.MonkeyPatch
):
    from seawall.kernel import Unavailable

    write = os.write
    first, lost, after = (place.record(0.9, "f") for _ in range(3))
    place.log.append([first], durable=False)

    def fills(fd: int, data: Any) -> int:
        write(fd, data)
        place.joins.work()  # follows the file in this moment
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", fills)
    with pytest.raises(Unavailable):
        place.log.append([lost], durable=False)
    monkeypatch.setattr(os, "write", write)
    place.log.append([after], durable=False)
    place.log.append_outcomes([Outcome(after.id, 1), Outcome(first.id, 1)])
    place.joins.work()
    place.log.seal()
    assert totals(place.joins)["joined"] == 2
    assert all(
        place.joins.is_read(end.path) for end in ends(place.log_folder / "decisions").values()
    )


@pytest.mark.parametrize("rule", ["drop", "token", "digest"])
@pytest.mark.parametrize("keys", [None, Keyring(b"a" * 32)])
def test_a_protected_field_that_records_hide_has_groups_and_with_keys_no_decision_names_its_own(
    tmp_path: Path, rule: Any, keys: Keyring | None
):
    place = Place(tmp_path, bundle(privacy={"sex": rule}), KEY, FixedClock(START), keys)
    groups = ["nonbinary", "nonbinary", "woman", None]
    records = [place.record(0.9, "token:" + "0" * 64) for _ in groups]
    kept = [
        paired(to_bytes(r), {"sex": g} if g else {}) for r, g in zip(records, groups, strict=True)
    ]
    place.log.append_packed(kept, durable=False)
    place.log.append_outcomes([Outcome(r.id, 1) for r in records])
    place.joins.work()
    place.joins = place.open()
    place.deliver()
    (body,) = place.told.bodies.values()
    found: Any = decode("labels", body)
    family = found.scores.family("sex")
    counts = dict(zip(family.groups, family.counts.sum(axis=(1, 2)).tolist(), strict=True))
    assert counts == {("nonbinary",): 2, ("woman",): 1, ("(missing)",): 1}
    named = {p.name for p in tmp_path.rglob("*") if p.is_file() and b"nonbinary" in p.read_bytes()}
    # counts by group are told to the control plane as they always were
    assert (named <= {"commit", "waiting", "1.report"}) == (keys is not None)


def test_without_the_key_of_what_is_kept_apart_labels_are_joined_without_groups(tmp_path: Path):
    hiding = bundle(privacy={"sex": "drop"})
    place = Place(tmp_path, hiding, KEY, FixedClock(START), Keyring(b"a" * 32))
    record = place.record(0.9, "f")
    place.log.append_packed([paired(to_bytes(record), {"sex": "woman"})], durable=False)
    place.log.append_outcomes([Outcome(record.id, 1)])
    place.apart_keys = Keyring(b"b" * 32)
    place.joins = place.open()
    place.joins.work()
    place.deliver()
    (body,) = place.told.bodies.values()
    found: Any = decode("labels", body)
    assert found.scores.family("sex").groups == (("(missing)",),)


def test_names_of_groups_are_under_the_first_key_however_they_were_written(tmp_path: Path):
    old, new = Keyring(b"a" * 32), Keyring(b"b" * 32)
    place = Place(tmp_path, BUNDLE, KEY, FixedClock(START))
    for ring in (None, old, Keyring(b"b" * 32, b"a" * 32)):
        place.apart_keys = ring
        place.joins = place.open()
        place.log.append([place.record(0.9, f"under {ring and ring.seal(b'')[1]}")], durable=False)
        place.joins.work()
    path = tmp_path / "labels" / "strata"
    groups = Strata(path, new).groups
    assert len(groups) == 3
    assert b"under" not in path.read_bytes()
    with pytest.raises(BadInput, match="not in the key file"):
        Strata(path, old)
    assert Strata(path, new).groups == groups


def test_a_kill_while_names_of_groups_are_written_anew_leaves_them_readable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path, rings = tmp_path / "strata", (Keyring(b"a" * 32), Keyring(b"b" * 32, b"a" * 32))
    cohort = Cohort("m", "m@1", "champion", 0.5, ("sex",), 1)
    strata = Strata(path, rings[0])
    for sex in "fm":
        strata.code(cohort, (sex,))
        strata.keep()

    def dies(_fd: int) -> None:
        raise Died

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", dies)
        with pytest.raises(Died):
            Strata(path, rings[1])
    assert Strata(path, rings[0]).groups == Strata(path, rings[1]).groups == [("f",), ("m",)]


def test_rotten_names_of_groups_are_named_and_not_counted_as_others(tmp_path: Path):
    path = tmp_path / "strata"
    strata = Strata(path)
    for sex in "fm":
        strata.code(Cohort("m", "m@1", "champion", 0.5, ("sex",), 1), (sex,))
        strata.keep()
    data = bytearray(path.read_bytes())
    data[20] ^= 1
    path.write_bytes(data)
    with pytest.raises(Corrupt, match="rotted"):
        Strata(path)


def test_an_hour_of_which_a_kill_left_only_the_folder_is_forgotten(place: Place):
    clock = place.clock
    assert isinstance(clock, FixedClock)
    place.log.append([place.record(0.9, "f")], durable=False)
    place.joins.work()
    (hour,) = (place.folder / "labels" / "decisions").iterdir()
    for run in hour.iterdir():
        run.unlink()  # as far as a keeper came that was killed while it forgot the hour
    place.joins = place.open()
    place.joins.work()
    clock.advance(timedelta(days=9))
    place.log.append([place.record(0.9, "f")], durable=False)
    place.joins.work()
    place.joins.prune(clock.now_ns())
    assert place.joins.decisions == 1
    assert not hour.exists()
