"""A log followed while it is written: every row once, through sealing, tearing and rot."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from seawall.adapters.decisions import ShadowScore, ship
from seawall.adapters.decisions.frame import frame
from seawall.adapters.decisions.shadows import SHADOWS
from seawall.adapters.decisions.tables import open_table
from seawall.adapters.decisions.tail import Positions, behind, ends, is_read, read_new
from seawall.adapters.decisions.wal import WalName
from seawall.serving.decision import from_bytes

SEAL_ROWS = 4


def follow(folder: Path, positions: Positions, most: int = 1 << 20) -> tuple[list[str], Positions]:
    """The ids that are new, and the position after them."""
    found = read_new(positions, ends(folder), most)
    return [from_bytes(p).id for p in found.payloads], found.positions


def test_every_row_is_read_once_in_the_order_of_its_writer(log, decide, wal):
    seen, positions, made = [], {}, decide(11)
    for record in made:
        log.append([record], durable=False)
        ids, positions = follow(wal / "decisions", positions)
        seen += ids
    log.seal()
    ids, positions = follow(wal / "decisions", positions)
    assert seen + ids == [record.id for record in made]
    assert behind(positions, ends(wal / "decisions")) == 0


def test_a_part_is_read_at_a_time_and_a_row_larger_than_a_part_is_read_whole(log, decide, wal):
    made = decide(9)
    log.append(made, durable=False)
    seen, positions = [], {}
    while (step := follow(wal / "decisions", positions, 50))[0]:
        seen += step[0]
        positions = step[1]
    assert seen == [record.id for record in made]


@given(st.lists(st.binary(max_size=30), min_size=1, max_size=5), st.data())
def test_a_row_that_is_being_written_is_read_when_it_is_whole(tmp_path_factory, rows, data):
    folder = tmp_path_factory.mktemp("log")
    path = folder / WalName("g", "log", 1).file(".open")
    whole = b"".join(map(frame, rows))
    cut = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:cut])
    first = read_new({}, ends(folder))
    path.write_bytes(whole)
    second = read_new(first.positions, ends(folder))
    assert [bytes(p) for p in (*first.payloads, *second.payloads)] == rows
    assert first.damaged == second.damaged == 0


def test_rot_costs_the_row_it_hit(log, decide, wal):
    made = decide(3)
    for record in made:
        log.append([record], durable=False)
    log.close()
    (path,) = (wal / "decisions").glob("*.wal")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)
    found = read_new({}, ends(wal / "decisions"))
    assert [from_bytes(p).id for p in found.payloads] == [made[0].id, made[2].id]
    assert found.damaged == 1
    assert is_read(path, found.positions)


def test_what_is_torn_at_the_end_of_a_sealed_file_is_not_waited_for(tmp_path):
    path = tmp_path / WalName("g", "log", 1).file(".wal")
    path.write_bytes(frame(b"one") + frame(b"two")[:-1])
    found = read_new({}, ends(tmp_path))
    assert [bytes(p) for p in found.payloads] == [b"one"]
    assert is_read(path, found.positions)


def test_a_file_that_is_gone_leaves_no_position(log, decide, wal):
    log.append(decide(2), durable=False)
    log.close()
    _, positions = follow(wal / "decisions", {})
    assert len(positions) == 1
    (path,) = (wal / "decisions").glob("*.wal")
    path.unlink()
    assert follow(wal / "decisions", positions) == ([], {})


def test_a_row_longer_than_what_was_there_at_the_last_look_stays_for_the_next(log, decide, wal):
    one, two = decide(2)
    log.append([one], durable=False)
    before = ends(wal / "decisions")
    log.append([two], durable=False)
    found = read_new({}, before)
    assert [from_bytes(p).id for p in found.payloads] == [one.id]
    assert follow(wal / "decisions", found.positions)[0] == [two.id]


def test_what_shadows_said_is_shipped_to_a_table_of_its_own(log, decide, wal, clock):
    (made,) = decide(1)
    said = ShadowScore(made.id, "income", "income@2", "shadow", 0.5, 0.75)
    log.append_shadows([said])
    log.close()
    for _ in range(2):
        ship(wal, str(wal / "table"), clock=clock)
    table = open_table(str(wal / "table"), SHADOWS)
    assert table is not None
    (row,) = table.to_pyarrow_table().to_pylist()
    kept = {n: row[n] for n in ("decision_id", "endpoint", "version", "arm", "threshold", "score")}
    assert kept == {n: getattr(said, n) for n in kept}
