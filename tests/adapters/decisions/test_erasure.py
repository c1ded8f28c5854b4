"""Erasing a person's values: gone from the disk, proofs intact, whenever the shipper came by."""

from datetime import timedelta

import pytest
from tests.adapters.decisions.disk import holds

from seawall.adapters.decisions import (
    Keyring,
    carry_out,
    compact,
    find,
    find_subject,
    prove,
    recent,
    record_erasure,
    ship,
)
from seawall.adapters.decisions import ship as ship_module
from seawall.adapters.decisions.erasures import PERSONAL, undone
from seawall.kernel import BadInput
from seawall.serving.decision import leaf_hash

ADA = "ada-lovelace-1815"


@pytest.fixture(params=[None, Keyring(bytes(32))], ids=["plain", "encrypted"])
def keys(request):
    return request.param


def test_an_erased_subjects_values_are_on_the_disk_no_more_and_the_proofs_hold(
    log, wal, table, decide, clock, keys
):
    hers, his = decide(3, subject=ADA), decide(2, subject="bob")
    log.append([*hers, *his], durable=False)
    log.close()
    ship(wal, table, clock=clock, keys=keys)
    before = {r.id: prove(table, r.id, keys=keys).leaf_hash for r in (*hers, *his)}
    assert (holds(table, ADA) == []) == (keys is not None)
    erased = carry_out(
        table, record_erasure(table, ADA, PERSONAL, clock=clock, keys=keys), clock=clock, keys=keys
    )
    assert erased.decisions == 3
    assert holds(table, ADA) == []
    assert find_subject(table, ADA, keys=keys) == []
    assert find_subject(table, "bob", keys=keys) == his
    for record in (*hers, *his):
        proof = prove(table, record.id, keys=keys)
        assert proof.leaf_hash == before[record.id] == leaf_hash(record)
        assert (proof.record.input == {}) == (record in hers)


def test_what_waits_in_the_log_is_not_shown_and_is_erased_as_it_is_shipped(
    log, wal, table, decide, clock, keys
):
    (hers,) = decide(1, subject=ADA)
    log.append([hers], durable=False)
    erasure = record_erasure(table, ADA, PERSONAL, clock=clock, keys=keys)
    assert carry_out(table, erasure, clock=clock, keys=keys).decisions == 0
    assert find(table, hers.id, wal_folders=[wal], keys=keys).subject is None
    assert find_subject(table, ADA, wal_folders=[wal], keys=keys) == []
    assert recent(table, [wal], None, 1, keys=keys)[0].input == {}
    log.close()
    ship(wal, table, clock=clock, keys=keys)
    assert holds(table, ADA) == holds(wal, ADA) == []
    assert prove(table, hers.id, keys=keys).leaf_hash == leaf_hash(hers)


@pytest.mark.parametrize("moment", ["decisions", "subjects"])
@pytest.mark.parametrize("dies", [False, True])
def test_an_erasure_while_a_file_is_shipped_leaves_nothing(
    log, wal, table, decide, clock, keys, monkeypatch, moment, dies
):
    hers = decide(2, subject=ADA)
    log.append([*hers, *decide(2, subject="bob")], durable=False)
    log.close()
    module = __import__("sys").modules[ship_module.__module__]
    real = module.append_once

    def meanwhile(root, kind, rows, **once):
        new = real(root, kind, rows, **once)
        if kind == moment:
            erasure = record_erasure(table, ADA, PERSONAL, clock=clock, keys=keys)
            carry_out(table, erasure, clock=clock, keys=keys)
            if dies:
                raise KeyboardInterrupt
        return new

    monkeypatch.setattr(module, "append_once", meanwhile)
    if dies:
        with pytest.raises(KeyboardInterrupt):
            ship(wal, table, clock=clock, keys=keys)
    else:
        ship(wal, table, clock=clock, keys=keys)
    monkeypatch.setattr(module, "append_once", real)
    ship(wal, table, clock=clock, keys=keys)
    assert holds(table, ADA) == holds(wal, ADA) == []
    assert find_subject(table, ADA, keys=keys) == []
    assert len(find_subject(table, "bob", keys=keys)) == 2
    assert [prove(table, r.id, keys=keys).leaf_hash for r in hers] == [leaf_hash(r) for r in hers]


def test_a_later_decision_about_the_subject_is_kept(log, wal, table, decide, clock, keys):
    log.append(decide(1, subject=ADA), durable=False)
    carry_out(
        table, record_erasure(table, ADA, PERSONAL, clock=clock, keys=keys), clock=clock, keys=keys
    )
    clock.advance(timedelta(hours=1))
    later = decide(1, subject=ADA)
    log.append(later, durable=False)
    log.close()
    ship(wal, table, clock=clock, keys=keys)
    assert find_subject(table, ADA, keys=keys) == later


def test_one_field_may_be_erased_and_the_rest_is_still_found(log, wal, table, decide, clock, keys):
    (made,) = decide(1, subject=ADA)
    log.append([made], durable=False)
    log.close()
    ship(wal, table, clock=clock, keys=keys)
    erasure = record_erasure(table, ADA, ["input.age"], clock=clock, keys=keys)
    carry_out(table, erasure, clock=clock, keys=keys)
    (left,) = find_subject(table, ADA, keys=keys)
    assert left.input == {"work": "Private"}


@pytest.mark.parametrize("field", ["inputt", "id", "time"])
def test_a_field_that_cannot_be_erased_is_refused_before_anything_is_written(table, clock, field):
    with pytest.raises(BadInput):
        record_erasure(table, ADA, [field], clock=clock)
    assert undone(table) == []


def test_an_erasure_that_was_killed_is_finished_by_the_next_upkeep(
    log, wal, table, decide, clock, keys
):
    log.append(decide(2, subject=ADA), durable=False)
    log.close()
    ship(wal, table, clock=clock, keys=keys)
    record_erasure(table, ADA, PERSONAL, clock=clock, keys=keys)  # and then the process dies
    assert compact(table, clock=clock, keys=keys).erasures == 1
    assert holds(table, ADA) == []
    assert compact(table, clock=clock, keys=keys).erasures == 0
