"""Finding decisions again, in the tables and before they are there, and proving one."""

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from deltalake import DeltaTable, write_deltalake
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seawall.adapters.decisions import (
    DecisionLog,
    find,
    find_subject,
    outcomes_of,
    prove,
    recent,
    sample,
    segments,
    ship,
)
from seawall.adapters.decisions.columns import decision_rows
from seawall.adapters.decisions.schema import DECISIONS, SEGMENTS, schema
from seawall.adapters.decisions.tables import open_table
from seawall.audit.evidence import decision_proof
from seawall.kernel import BadInput, Corrupt, NotFound, now
from seawall.serving.decision import DecisionRecord, erase, leaf_hash, to_bytes
from seawall.serving.outcome import Outcome


def as_row(record: DecisionRecord, row: dict) -> dict:
    """The row as it would be if this were its record."""
    day, packed = row["day"], to_bytes(record)
    return decision_rows([record], [packed], [day], row["segment"], row["position"]).to_pylist()[0]


def rewrite(table: str, change) -> None:
    """Replace every row of the table by what `change` makes of it."""
    import pyarrow as pa

    rows = [change(row) for row in open_table(table, DECISIONS).to_pyarrow_table().to_pylist()]
    data = pa.Table.from_pylist(rows, schema=schema(DECISIONS))
    write_deltalake(f"{table}/{DECISIONS}", data, mode="overwrite")


def test_a_decision_is_found_before_while_and_after_it_is_shipped(log, wal, table, decide, clock):
    (made,) = decide(1)
    log.append([made], durable=False)
    assert find(table, made.id, wal_folders=[wal]) == made
    log.close()
    assert find(table, made.id, wal_folders=[wal]) == made
    ship(wal, table, clock=clock)
    assert find(table, made.id, wal_folders=[wal]) == made
    assert find(table, made.id) == made


def test_a_decision_that_was_never_made_is_not_found(log, wal, table, decide, clock):
    made, other = decide(2)
    assert find(table, other.id, wal_folders=[wal]) is None
    log.append([made], durable=False)
    log.close()
    ship(wal, table, clock=clock)
    assert find(table, other.id, wal_folders=[wal]) is None


def test_an_id_that_is_none_is_refused(table):
    with pytest.raises(BadInput, match="not a Seawall id"):
        find(table, "42")


def test_a_decision_that_may_lie_in_damage_is_not_said_to_be_missing(log, wal, table, decide):
    made = decide(2)
    for record in made:
        log.append([record], durable=False)
    log.close()
    (path,) = (wal / DECISIONS).glob("*.wal")
    path.write_bytes(path.read_bytes()[:-1] + b"\xff")
    assert find(table, made[0].id, wal_folders=[wal]) == made[0]
    with pytest.raises(Corrupt, match="cannot be read"):
        find(table, made[1].id, wal_folders=[wal])


def test_a_subject_finds_all_their_decisions_and_nobody_elses(log, wal, table, decide, clock):
    ada = """Ada "O'Hara" --"""
    hers = decide(2, "income", ada) + decide(1, "cre'dit", ada)
    log.append([*hers, *decide(3, "income", "bob"), *decide(1)], durable=False)
    log.close()
    ship(wal, table, clock=clock)
    clock.advance(timedelta(days=40))
    later = decide(1, "income", ada)
    log.append(later, durable=False)
    assert find_subject(table, ada, wal_folders=[wal]) == hers + later
    assert find_subject(table, ada) == hers
    assert len(recent(table, [wal], "cre'dit", 5)) == 1
    assert find_subject(table, "eve", wal_folders=[wal]) == []


def test_outcomes_are_listed_as_they_were_received(log, wal, table, decide, clock):
    made, other = decide(2)
    log.append_outcomes([Outcome(made.id, 1), Outcome(other.id, 1), Outcome(made.id, 0)])
    log.close()
    ship(wal, table, clock=clock)
    clock.advance(timedelta(days=1))
    log.append_outcomes([Outcome(made.id, 1)])
    found = outcomes_of(table, made.id, wal_folders=[wal])
    assert [o.label for o in found] == [1, 0, 1]
    assert [o.label for o in outcomes_of(table, made.id)] == [1, 0]
    assert found[-1].received == now(clock)


def test_the_latest_come_first_from_the_log_and_the_table(log, wal, table, decide, clock):
    made = []
    for _ in range(4):
        made += decide(3, "income")
        log.append([*made[-3:], *decide(2, "credit")], durable=False)
        clock.advance(timedelta(hours=20))
    log.close()
    ship(wal, table, clock=clock)
    made += decide(2, "income")
    log.append(made[-2:], durable=False)
    newest = made[::-1]
    for limit in (0, 1, 2, 3, 6, 13, 14, 99):
        assert recent(table, [wal], "income", limit) == newest[:limit]
    assert recent(table, [], "income", 4) == newest[2:6]
    assert {r.endpoint for r in recent(table, [wal], None, 6)} == {"income", "credit"}
    assert recent(table, [wal], "fraud", 5) == []


def test_a_decision_in_both_places_is_shown_once(log, wal, table, decide, clock):
    log.append(decide(3), durable=False)
    log.close()
    (path,) = (wal / DECISIONS).glob("*.wal")
    data = path.read_bytes()
    ship(wal, table, clock=clock)
    path.write_bytes(data)
    assert len(recent(table, [wal], None, 9)) == 3


def test_a_sample_is_of_the_span_and_the_same_each_time(log, wal, table, decide, clock):
    log.append(decide(30), durable=False)
    clock.advance(timedelta(days=1))
    since, made = now(clock), decide(50)
    log.append([*made, *decide(20, "credit")], durable=False)
    log.close()
    ship(wal, table, clock=clock)
    chosen = sample(table, since, 10, endpoint="income")
    assert len(chosen) == 10
    assert all(record in made for record in chosen)
    assert sample(table, since, 10, endpoint="income") == chosen
    assert {r.id for r in chosen} <= {r.id for r in sample(table, since, 20, endpoint="income")}
    assert len(sample(table, since, 999)) == 70
    assert sample(table, since + timedelta(days=1), 5) == []


@settings(
    max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(st.integers(1, 20), st.data())
def test_every_decision_of_a_segment_is_proven(tmp_path_factory, decide, clock, count, data):
    folder: Path = tmp_path_factory.mktemp("log")
    log = DecisionLog(folder / "wal", gateway="edge-1", clock=clock)
    made = decide(count)
    log.append(made, durable=False)
    log.close()
    (segment,) = ship(folder / "wal", str(folder / "table"), clock=clock)
    record = made[data.draw(st.integers(0, count - 1))]
    proof = prove(str(folder / "table"), record.id)
    assert (proof.record, proof.segment, proof.root) == (record, segment.id, segment.root)
    assert proof.inclusion.verify(leaf_hash(record), bytes.fromhex(segment.root))


def test_files_may_be_compacted_without_breaking_a_proof(log, wal, table, decide, clock):
    made = decide(9)
    for record in made:
        log.append([record], durable=False)
        if record is made[4]:
            log.seal()
    log.close()
    ship(wal, table, clock=clock)
    before = [prove(table, record.id) for record in made]
    done = DeltaTable(f"{table}/{DECISIONS}").optimize.compact()
    assert done["numFilesRemoved"] == 2
    assert [prove(table, record.id) for record in made] == before


def test_values_may_be_erased_without_breaking_a_proof(log, wal, table, decide, clock):
    made = {record.id: record for record in decide(4, subject="ada")}
    log.append(list(made.values()), durable=False)
    log.close()
    ship(wal, table, clock=clock)
    less = {id_: erase(record, ["subject", "input"]) for id_, record in made.items()}
    rewrite(table, lambda row: as_row(less[row["id"]], row))
    assert [prove(table, id_).record for id_ in made] == list(less.values())
    assert find_subject(table, "ada") == []


def test_a_record_changed_in_the_table_is_not_proven(log, wal, table, decide, clock):
    made = {record.id: record for record in decide(3)}
    log.append(list(made.values()), durable=False)
    log.close()
    ship(wal, table, clock=clock)
    forged = {id_: msgspec.structs.replace(r, score=0.99) for id_, r in made.items()}
    rewrite(table, lambda row: as_row(forged[row["id"]], row))
    with pytest.raises(Corrupt, match="not the one that was logged"):
        prove(table, next(iter(made)))
    leaves = b"".join(leaf_hash(r) for r in forged.values())
    segments_ = DeltaTable(f"{table}/{SEGMENTS}")
    segments_.update(updates={"leaves": f"decode('{leaves.hex()}', 'hex')"})
    with pytest.raises(Corrupt, match="is not in segment"):
        prove(table, next(iter(made)))


def test_a_decision_is_proven_after_others_of_its_segment_are_gone(log, wal, table, decide, clock):
    made = decide(3)
    log.append(made, durable=False)
    log.close()
    ship(wal, table, clock=clock)
    DeltaTable(f"{table}/{DECISIONS}").delete(f"id = '{made[1].id}'")
    assert prove(table, made[0].id).record == made[0]
    with pytest.raises(NotFound, match="in no shipped segment"):
        prove(table, made[1].id)


def test_a_decision_that_is_not_shipped_has_no_proof_yet(log, table, decide):
    made = decide(1)
    log.append(made, durable=False)
    with pytest.raises(NotFound, match="in no shipped segment"):
        prove(table, made[0].id)


def test_segments_are_listed_in_the_order_they_were_shipped(log, wal, table, decide, clock):
    shipped = []
    for _ in range(3):
        log.append(decide(2), durable=False)
        log.seal()
        clock.advance(timedelta(hours=1))
        shipped += ship(wal, table, clock=clock)
    assert segments(table) == shipped
    assert segments(table, since=shipped[1].shipped) == shipped[1:]


def test_a_proof_goes_into_the_file_that_is_handed_on(log, wal, table, decide, clock):
    made = decide(3)
    log.append(made, durable=False)
    log.close()
    ship(wal, table, clock=clock)
    proof = prove(table, made[1].id)
    file = decision_proof(
        proof.leaf_data,
        proof.leaf_hash,
        proof.shown,
        segment=proof.inclusion,
        entry=b"{}",
        log=proof.inclusion,
        checkpoint=b"",
    )
    assert msgspec.json.decode(file)["leaf"] == leaf_hash(made[1]).hex()
