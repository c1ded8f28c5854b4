"""Protected attributes kept apart: in no record, under keys of their own, gone with the person."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.adapters.decisions.disk import holds

from seawall.adapters.decisions import (
    DecisionLog,
    Keyring,
    carry_out,
    compact,
    fairness_rows,
    find,
    prove,
    recent,
    record_erasure,
    ship,
)
from seawall.adapters.decisions.apart import paired, parted
from seawall.adapters.decisions.erasures import PERSONAL
from seawall.adapters.decisions.schema import PROTECTED
from seawall.adapters.decisions.tables import open_table
from seawall.kernel import BadInput, now
from seawall.serving.decision import leaf_hash, to_bytes
from seawall.serving.outcome import Outcome

ADA = "ada-lovelace-1815"
KEYS, APART = Keyring(b"k" * 32), Keyring(b"a" * 32)


@pytest.fixture(params=[(None, None), (None, APART), (KEYS, None), (KEYS, APART)])
def rings(request):
    return request.param


def put(wal, clock, records, rings, sex="woman"):
    log = DecisionLog(wal, gateway="edge-1", clock=clock, keys=rings[0], apart_keys=rings[1])
    values = {"sex": sex, "region": "north-north-west"}
    log.append_packed([paired(to_bytes(r), values) for r in records], durable=False)
    log.close()


def read(table, clock, rings, **given):
    day = timedelta(days=1)
    span = {"since": now(clock) - day, "until": now(clock) + day, "limit": 100}
    apart = rings[1] or rings[0]
    return fairness_rows(table, "income", **(span | {"apart_keys": apart} | given))


@given(st.binary(min_size=1, max_size=40), st.dictionaries(st.text(max_size=5), st.integers(0, 9)))
def test_a_record_comes_out_of_its_pair_as_it_went_in(record, values):
    if record[:1] == b"\x92":
        record = b"\x80" + record
    own, apart = parted(paired(record, values))
    assert (own, list(apart)) == (record, list(values))


def test_what_is_kept_apart_is_in_no_record_and_read_for_audits_alone(
    wal, table, decide, clock, rings
):
    made = decide(3)
    put(wal, clock, made, rings)
    waiting = find(table, made[0].id, wal_folders=[wal], keys=rings[0])
    ship(wal, table, clock=clock, keys=rings[0])
    assert waiting == find(table, made[0].id, keys=rings[0]) == made[0]
    assert recent(table, [], None, 9, keys=rings[0]) == made[::-1]
    assert prove(table, made[1].id, keys=rings[0]).leaf_hash == leaf_hash(made[1])
    rows = read(table, clock, rings)
    assert [(r["id"], r["sex"], r["score"]) for r in rows] == [
        (m.id, "woman", m.score) for m in made
    ]


def test_the_table_of_decisions_never_has_it_and_with_keys_no_file_does(
    wal, table, decide, clock, rings
):
    put(wal, clock, decide(3), rings)
    before = holds(wal, "north-north-west")
    ship(wal, table, clock=clock, keys=rings[0])
    assert holds(f"{table}/decisions", "north-north-west") == []
    assert (before == []) == any(rings)
    kept = open_table(table, PROTECTED).to_pyarrow_table().to_pylist()
    assert (b"north-north-west" in repr(kept).encode()) != any(rings)


def test_keys_of_decisions_open_nothing_that_has_keys_of_its_own(wal, table, decide, clock):
    put(wal, clock, decide(1), (KEYS, APART))
    ship(wal, table, clock=clock, keys=KEYS)
    with pytest.raises(BadInput, match="not in the key file"):
        read(table, clock, (KEYS, KEYS))


@pytest.mark.parametrize("moment", ["before shipping", "after shipping"])
@pytest.mark.parametrize(("fields", "left"), [(PERSONAL, set()), (["input.sex"], {"region"})])
def test_it_is_erased_with_its_person_wherever_it_is(
    wal, table, decide, clock, rings, moment, fields, left
):
    hers, his = decide(2, subject=ADA), decide(1, subject="bob")
    put(wal, clock, [*hers, *his], rings)
    if moment == "after shipping":
        ship(wal, table, clock=clock, keys=rings[0])
    carry_out(
        table,
        record_erasure(table, ADA, fields, clock=clock, keys=rings[0]),
        clock=clock,
        keys=rings[0],
    )
    ship(wal, table, clock=clock, keys=rings[0])
    kept = open_table(table, PROTECTED).to_pyarrow_table().to_pylist()
    of = {r.id: {k["attribute"] for k in kept if k["decision_id"] == r.id} for r in (*hers, *his)}
    assert of == {hers[0].id: left, hers[1].id: left, his[0].id: {"sex", "region"}}
    assert len(open_table(table, PROTECTED).file_uris()) == len(
        list((wal.parent / "table" / PROTECTED).rglob("*.parquet"))
    )


def test_it_ends_with_the_retention_of_its_endpoint(wal, table, decide, clock):
    put(wal, clock, [*decide(1), *decide(1, endpoint="credit")], (None, None))
    ship(wal, table, clock=clock)
    clock.advance(timedelta(days=40))
    compact(table, clock=clock, retention={"income": 30})
    kept = open_table(table, PROTECTED).to_pyarrow_table().to_pylist()
    assert {row["endpoint"] for row in kept} == {"credit"}


def test_an_audit_has_the_last_label_and_only_what_was_asked_for(wal, table, decide, clock):
    made = decide(2)
    put(wal, clock, made, (None, None))
    log = DecisionLog(wal, gateway="edge-1", clock=clock)
    at = now(clock)
    log.append_told([Outcome(made[0].id, 0, at + timedelta(hours=2)), Outcome(made[0].id, 1, at)])
    log.close()
    ship(wal, table, clock=clock)
    assert [r["label"] for r in read(table, clock, (None, None))] == [0, None]
    assert len(read(table, clock, (None, None), limit=1)) == 1
    assert read(table, clock, (None, None), until=now(clock) - timedelta(hours=1)) == []
