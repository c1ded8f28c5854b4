"""Erasing a person reaches what was told of their decisions, wherever and whenever it comes."""

from datetime import timedelta

import pytest
from tests.adapters.decisions.disk import holds

from seawall.adapters.decisions import (
    Keyring,
    carry_out,
    compact,
    prove,
    record_erasure,
    ship,
    story,
)
from seawall.adapters.decisions import ship as ship_module
from seawall.adapters.decisions.erasures import PERSONAL
from seawall.adapters.decisions.schema import ACTIONS, ERASED, EVENTS, OUTCOMES, OVERRIDES
from seawall.adapters.decisions.tables import open_table
from seawall.kernel import now
from seawall.serving.decision import leaf_hash
from seawall.serving.followup import ActionTaken, BusinessEvent, Override
from seawall.serving.outcome import Outcome

ADA = "ada-lovelace-1815"
HER = "her mother is ill"


@pytest.fixture
def keys():
    return Keyring(bytes(32))


def told_of_her(id_, at):
    return [
        Outcome(id_, 1, at),
        ActionTaken(id_, f"called, {HER}", by="dana", reason=HER, time=at),
        Override(id_, {"label": 0, "note": HER}, "dana", HER, at),
        BusinessEvent(id_, f"complaint: {HER}", 12.5, id=HER, time=at),
    ]


def erase_her(table, clock, keys):
    return carry_out(
        table, record_erasure(table, ADA, PERSONAL, clock=clock, keys=keys), clock=clock, keys=keys
    )


@pytest.mark.parametrize("decision", ["shipped", "waiting", "shipped last"])
@pytest.mark.parametrize("told", ["shipped", "waiting", "after"])
def test_no_word_about_an_erased_person_is_left_or_shown_wherever_it_was(
    log, wal, table, decide, clock, keys, decision, told
):
    (hers,), (his,) = decide(1, subject=ADA), decide(1, subject="bob")
    log.append([hers, his], durable=False)
    if decision == "shipped":
        log.seal()
        ship(wal, table, clock=clock, keys=keys)
    later = [*told_of_her(hers.id, now(clock)), Override(his.id, 1, "dana", "known", now(clock))]
    if told != "after":
        log.append_told(later)
    if told == "shipped":
        log.seal()
        held = decision == "shipped last"
        ship(wal, table, clock=clock, keys=keys, may_go=lambda p: not (held and _decisions(p)))
    erase_her(table, clock, keys)
    if told == "after":
        clock.advance(timedelta(hours=1))
        log.append_told(later)
    shown = story(table, hers.id, wal_folders=[wal], keys=keys)
    assert HER not in repr(shown)
    log.close()
    ship(wal, table, clock=clock, keys=keys)
    assert holds(table, HER) == holds(wal, HER) == []
    found = dict(story(table, hers.id, keys=keys))
    assert set(found) == {OUTCOMES, ACTIONS, OVERRIDES, EVENTS}
    assert found[OUTCOMES].label == 1
    assert (found[ACTIONS].by, found[ACTIONS].reason) == ("dana", None)
    assert found[OVERRIDES].output == {"label": 0, "note": "(erased)"}
    assert (found[EVENTS].value, found[EVENTS].id) == (12.5, None)
    ((_, his_override),) = story(table, his.id, keys=keys)
    assert his_override.reason == "known"
    assert prove(table, hers.id, keys=keys).leaf_hash == leaf_hash(hers)


def _decisions(path):
    return path.parent.name == "decisions"


def test_an_erasure_while_told_words_are_shipped_leaves_none(
    log, wal, table, decide, clock, keys, monkeypatch
):
    (hers,) = decide(1, subject=ADA)
    log.append([hers], durable=False)
    log.seal()
    ship(wal, table, clock=clock, keys=keys)
    log.append_told(told_of_her(hers.id, now(clock)))
    log.close()
    module = __import__("sys").modules[ship_module.__module__]
    real = module.append_once

    def meanwhile(root, kind, rows, **once):
        erase_her(table, clock, keys)
        return real(root, kind, rows, **once)

    monkeypatch.setattr(module, "append_once", meanwhile)
    ship(wal, table, clock=clock, keys=keys)
    assert holds(table, HER) == holds(wal, HER) == []


def test_an_event_and_its_correction_are_one_without_their_id(log, wal, table, decide, clock, keys):
    (hers,) = decide(1, subject=ADA)
    log.append([hers], durable=False)
    log.append_told([BusinessEvent(hers.id, "payment", 10.0, id="p1")])
    clock.advance(timedelta(days=1))
    log.append_told([BusinessEvent(hers.id, "payment", 9.0, id="p1")])
    log.close()
    ship(wal, table, clock=clock, keys=keys)
    erase_her(table, clock, keys)
    assert [one.value for _, one in story(table, hers.id, keys=keys)] == [9.0]


def test_erasing_one_field_leaves_what_was_told(log, wal, table, decide, clock, keys):
    (hers,) = decide(1, subject=ADA)
    log.append([hers], durable=False)
    log.append_told(told_of_her(hers.id, now(clock)))
    log.close()
    ship(wal, table, clock=clock, keys=keys)
    erasure = record_erasure(table, ADA, ["input.age"], clock=clock, keys=keys)
    assert carry_out(table, erasure, clock=clock, keys=keys).told == 0
    assert dict(story(table, hers.id, keys=keys))[OVERRIDES].reason == HER


def test_that_a_decision_was_erased_is_known_until_its_day_ends(
    log, wal, table, decide, clock, keys
):
    (hers,) = decide(1, subject=ADA)
    log.append([hers], durable=False)
    log.close()
    ship(wal, table, clock=clock, keys=keys)
    erase_her(table, clock, keys)
    clock.advance(timedelta(days=40))
    compact(table, clock=clock, keys=keys)
    log.append_told(told_of_her(hers.id, now(clock)))
    log.close()
    ship(wal, table, clock=clock, keys=keys)
    assert holds(table, HER) == []
    compact(table, clock=clock, retention={"income": 30}, keys=keys)
    for kind in (ERASED, ACTIONS, OVERRIDES, EVENTS):
        assert open_table(table, kind).to_pyarrow_table().num_rows == 0
