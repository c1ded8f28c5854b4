"""Encryption at rest: nothing readable without the key, nothing lost by a missing one."""

import base64
from pathlib import Path

import pytest

from seawall.adapters.decisions import DecisionLog, Keyring, find, find_subject, prove, ship
from seawall.kernel import BadInput, Corrupt

OLD, NEW = b"o" * 32, b"n" * 32
ADA = "ada-lovelace-1815"


def put(wal, clock, records, keys):
    log = DecisionLog(wal, gateway="edge-1", clock=clock, keys=keys)
    log.append(records, durable=False)
    log.close()


def test_neither_the_log_nor_the_table_shows_a_value_of_a_person(wal, table, decide, clock):
    import pyarrow.parquet as pq

    keys, made = Keyring(OLD), decide(3, subject=ADA)
    put(wal, clock, made, keys)
    (path,) = (wal / "decisions").glob("*.wal")
    assert not any(word in path.read_bytes() for word in (b"Private", ADA.encode()))
    ship(wal, table, clock=clock, keys=keys)
    for path in Path(table).rglob("*.parquet"):
        shown = repr(pq.ParquetFile(path).read().to_pylist())
        assert "Private" not in shown
        assert ADA not in shown
    assert find_subject(table, ADA, keys=keys) == made
    assert prove(table, made[0].id, keys=keys).record == made[0]


def test_after_a_rotation_the_old_and_the_new_are_read_and_found(wal, table, decide, clock):
    first, second = decide(2, subject=ADA), decide(2, subject=ADA)
    put(wal, clock, first, Keyring(OLD))
    ship(wal, table, clock=clock, keys=Keyring(OLD))
    both = Keyring(NEW, OLD)
    put(wal, clock, second, both)
    ship(wal, table, clock=clock, keys=both)
    assert find_subject(table, ADA, keys=both) == first + second
    assert find(table, second[0].id, keys=Keyring(NEW)) == second[0]
    with pytest.raises(BadInput, match="which is not in the key file"):
        find(table, first[0].id, keys=Keyring(NEW))


@pytest.mark.parametrize("keys", [None, Keyring(NEW)])
def test_a_shipper_without_the_key_ships_nothing_and_loses_nothing(wal, table, decide, clock, keys):
    made = decide(2)
    put(wal, clock, made, Keyring(OLD))
    with pytest.raises(BadInput, match="key"):
        ship(wal, table, clock=clock, keys=keys)
    ship(wal, table, clock=clock, keys=Keyring(OLD))
    assert [find(table, r.id, keys=Keyring(OLD)) for r in made] == made


def test_what_was_logged_before_there_was_a_key_is_read_beside_the_rest(wal, table, decide, clock):
    made, keys = decide(2), Keyring(OLD)
    put(wal, clock, made[:1], None)
    put(wal, clock, made[1:], keys)
    ship(wal, table, clock=clock, keys=keys)
    assert [find(table, r.id, keys=keys) for r in made] == made


def test_an_encrypted_record_that_was_changed_is_corrupt():
    keys = Keyring(OLD)
    data = bytearray(keys.seal(b"record"))
    assert keys.open(bytes(data)) == b"record"
    data[-1] ^= 1
    with pytest.raises(Corrupt, match="changed or cut"):
        keys.open(bytes(data))


def test_a_key_file_is_read_first_key_first_and_a_wrong_line_is_named(tmp_path):
    path = tmp_path / "keys"
    good = base64.b64encode(NEW).decode()
    path.write_text(f"{good}\n{base64.b64encode(OLD).decode()}\n\n")
    assert Keyring(NEW).open(Keyring.read(path).seal(b"x")) == b"x"
    for wrong in ("c2hvcnQ=", "no base64!"):
        path.write_text(f"{good}\n{wrong}\n")
        with pytest.raises(BadInput, match=r"not 32 bytes.*keys:2") as refused:
            Keyring.read(path)
        assert wrong not in str(refused.value)
    path.write_text("")
    with pytest.raises(BadInput, match="empty"):
        Keyring.read(path)
    with pytest.raises(BadInput, match="cannot be read"):
        Keyring.read(tmp_path / "none")


@pytest.mark.parametrize("own", [True, False], ids=["of their own for the first time", "changed"])
def test_by_the_documented_steps_nobody_meets_what_it_cannot_open(tmp_path, own):
    """The steps of docs/a-prediction.md, with two gateways that are restarted one by one."""
    old, new = (base64.b64encode(key).decode() for key in (OLD, NEW))
    decisions, names = tmp_path / "decision-keys", ("control plane", "east", "west")
    decisions.write_text(old)
    files = {name: tmp_path / name for name in names}
    written: list[bytes] = []

    def step(*changed: str, lines: list[str]) -> None:
        for name in changed:
            files[name].write_text("\n".join(lines))
        ring = {n: Keyring.apart(f if f.exists() else None, decisions) for n, f in files.items()}
        written.extend(ring[name].seal(name.encode()) for name in names)
        assert [ring["control plane"].open(one) for one in written]
        for name in ("east", "west"):
            assert all(
                ring[name].open(one) == name.encode() for one in written[names.index(name) :: 3]
            )

    step(*(() if own else names), lines=[old])
    step("control plane", lines=[new] if own else [old, new])
    step("east", lines=[new] if own else [new, old])
    step("west", lines=[new] if own else [new, old])
    step("control plane", lines=[new] if own else [new, old])
    assert all(Keyring(NEW).is_first(one) for one in written[-3:])


def test_without_any_file_there_are_no_keys():
    assert Keyring.read() is Keyring.read(None) is Keyring.apart(None, None) is None
