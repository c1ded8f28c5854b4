"""Shipping: every record in the table exactly once, in an order that proves, whatever happens."""

import threading
from datetime import timedelta

import msgspec
import pytest

from seawall.adapters.decisions import DecisionLog, prove, segments, ship
from seawall.adapters.decisions.schema import DECISIONS, OUTCOMES
from seawall.adapters.decisions.tables import open_table
from seawall.audit.merkle import root_hash
from seawall.kernel import Corrupt, SeawallError, Unavailable, now
from seawall.serving.decision import from_bytes, leaf_hash
from seawall.serving.outcome import Outcome

SEAL_ROWS = 10


def rows(table, kind):
    found = open_table(table, kind)
    return found.to_pyarrow_table().to_pylist() if found else []


def test_a_sealed_file_becomes_one_segment_in_the_order_of_the_log(log, wal, table, decide, clock):
    made = decide(4, "income") + decide(3, "credit/eu 1")
    made = made[::2] + made[1::2]
    log.append(made, durable=False)
    log.close()
    clock.advance(timedelta(minutes=5))
    (segment,) = ship(wal, table, clock=clock)
    assert segment.root == root_hash([leaf_hash(r) for r in made]).hex()
    assert (segment.gateway, segment.count, segment.damaged) == ("edge-1", 7, 0)
    assert (segment.first_id, segment.last_id) == (made[0].id, made[-1].id)
    assert segment.shipped == now(clock)
    stored = sorted(rows(table, DECISIONS), key=lambda row: row["position"])
    assert [from_bytes(row["record"]) for row in stored] == made
    assert {row["segment"] for row in stored} == {segment.id}
    assert segments(table) == [segment]
    assert [p for p in wal.rglob("*") if p.suffix in (".wal", ".open")] == []


def test_the_columns_say_what_the_record_says(log, wal, table, decide, clock):
    (made,) = decide(1)
    made = msgspec.structs.replace(made, model="income@3", arm="canary", action="approved")
    log.append([made], durable=False)
    log.close()
    ship(wal, table, clock=clock)
    (row,) = rows(table, DECISIONS)
    names = ["id", "time", "endpoint", "model", "arm", "action", "score", "subject"]
    assert [row[n] for n in names] == [getattr(made, n) for n in names]
    assert msgspec.json.decode(row["input"]) == made.input
    assert row["day"] == made.time.date()


def test_shipping_again_ships_nothing(log, wal, table, decide, clock):
    log.append(decide(2), durable=False)
    log.close()
    assert len(ship(wal, table, clock=clock)) == 1
    assert ship(wal, table, clock=clock) == []
    assert len(rows(table, DECISIONS)) == 2


def test_an_open_file_of_a_living_gateway_is_left_alone(log, wal, table, decide, clock):
    log.append(decide(2), durable=False)
    assert ship(wal, table, clock=clock) == []
    log.close()
    assert len(ship(wal, table, clock=clock)) == 1


def test_a_folder_without_a_log_ships_nothing(wal, table, clock):
    assert ship(wal, table, clock=clock) == []


def test_outcomes_go_to_a_table_of_their_own(log, wal, table, decide, clock):
    (made,) = decide(1)
    log.append_outcomes([Outcome(made.id, 1), Outcome(made.id, 0)])
    log.close()
    ship(wal, table, clock=clock)
    stored = sorted(rows(table, OUTCOMES), key=lambda row: row["position"])
    assert [(row["decision_id"], row["label"]) for row in stored] == [(made.id, 1), (made.id, 0)]


def test_a_damaged_file_ships_what_can_be_read_reports_the_rest_and_is_kept(
    log, wal, table, decide, clock
):
    made = decide(5)
    for record in made:
        log.append([record], durable=False)
    log.close()
    (path,) = (wal / DECISIONS).glob("*.wal")
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    with pytest.raises(
        Corrupt, match=r"cannot be read.*\.damaged:\d+.*every other record was kept"
    ):
        ship(wal, table, clock=clock)
    assert path.with_suffix(".damaged").read_bytes() == data
    (segment,) = segments(table)
    assert (segment.count, segment.damaged) == (4, 1)
    assert [prove(table, r.id).record for r in made[:4]] == made[:4]
    assert ship(wal, table, clock=clock) == []


def test_with_the_table_out_of_reach_nothing_is_lost(log, wal, tmp_path, decide, clock):
    log.append(decide(2), durable=False)
    log.close()
    blocked = tmp_path / "blocked"
    blocked.write_text("a file, where a folder is needed")
    with pytest.raises(Unavailable, match="decision table does not answer"):
        ship(wal, str(blocked / "table"), clock=clock)
    assert len(ship(wal, str(tmp_path / "table"), clock=clock)) == 1


def test_many_gateways_ship_to_one_table_at_once(tmp_path, table, decide, clock):
    folders = [tmp_path / f"wal{i}" for i in range(6)]
    for folder in folders:
        log = DecisionLog(folder, gateway=folder.name, clock=clock)
        log.append(decide(2), durable=False)
        log.close()
    start, failed = threading.Barrier(len(folders)), list[SeawallError]()

    def run(folder):
        start.wait()
        try:
            ship(folder, table, clock=clock)
        except SeawallError as error:
            failed.append(error)

    work = [threading.Thread(target=run, args=(folder,)) for folder in folders]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join(60)
    assert failed == []
    assert len(rows(table, DECISIONS)) == 12
    assert sorted(s.gateway for s in segments(table)) == sorted(f.name for f in folders)
