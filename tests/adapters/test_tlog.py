"""The log folder: what any reader sees is a whole, signed, growing log."""

from __future__ import annotations

import resource
import shutil
import signal
import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seawall.adapters.tlog import LogFolder
from seawall.adapters.tlog import folder as module
from seawall.audit.checkpoint import checkpoint_body, sign_note
from seawall.audit.merkle import leaf_hash, root_hash
from seawall.audit.tiles import bundle_bytes, bundle_path, read_bundle, tiles_of
from seawall.kernel import BadInput, Corrupt, NotFound, Unavailable

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
ORIGIN = "example.com/log"


def open_log(folder: Path) -> LogFolder:
    return LogFolder(folder, ORIGIN, ORIGIN, KEY)


def entries(first: int, end: int) -> list[bytes]:
    return [b"entry %d" % i for i in range(first, end)]


def grow(log: LogFolder, size: int) -> None:
    with log.writing() as writer:
        writer.append(entries(writer.size, size))


def expected_note(size: int) -> bytes:
    """The signed checkpoint, computed from all leaves at once."""
    root = root_hash([leaf_hash(entry) for entry in entries(0, size)])
    return sign_note(checkpoint_body(ORIGIN, size, root), ORIGIN, KEY)


def check(log: LogFolder, size: int) -> None:
    """The checkpoint, each tile and bundle that a reader would ask for, some proofs."""
    assert log.note() == expected_note(size)
    leaves = [leaf_hash(entry) for entry in entries(0, size)]
    root = log.checkpoint().root
    for tile in tiles_of(size):
        try:
            assert len(log.read(tile.path)) == 32 * tile.width
        except NotFound:
            assert len(log.read(f"tile/{tile.level}/{tile.index:03d}")) == 32 * 256
        if tile.level == 0:
            found = read_bundle(log.read(bundle_path(tile.index, tile.width)))
            assert list(found) == entries(tile.index * 256, tile.index * 256 + tile.width)
    for index in {0, size // 2, size - 1}:
        assert log.inclusion(index).verify(leaves[index], root)
        assert log.entry(index) == entries(index, index + 1)[0]


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.integers(1, 300), min_size=1, max_size=6))
def test_any_sequence_of_appends_gives_the_log_of_all_entries(
    tmp_path: Path, steps: list[int]
) -> None:
    shutil.rmtree(tmp_path / "log", ignore_errors=True)
    log, size = open_log(tmp_path / "log"), 0
    for step in steps:
        before, size = log.checkpoint(), size + step
        grow(log, size)
        proof = log.consistency(before.size)
        assert proof.verify(before.root, log.checkpoint().root)
    check(log, size)


def test_a_log_of_three_levels_is_right(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    for size in (65_000, 65_536, 65_793):
        grow(log, size)
    check(log, 65_793)
    assert (tmp_path / "tile/2/000.p/1").read_bytes() == root_hash(
        [leaf_hash(entry) for entry in entries(0, 65_536)]
    )


def test_partial_files_are_dropped_once_the_full_one_stands(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    for size in (10, 200, 300):
        grow(log, size)
    names = sorted(
        str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()
    )
    assert names == [
        ".lock",
        "checkpoint",
        "tile/0/000",
        "tile/0/001.p/44",
        "tile/1/000.p/1",
        "tile/entries/000",
        "tile/entries/001.p/44",
    ]
    assert log.bundle(0, 10) == tuple(entries(0, 10))  # as a reader of the older checkpoint asks


def test_a_bundle_with_too_few_entries_is_corrupt(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    grow(log, 3)
    (tmp_path / "tile/entries/000.p/3").write_bytes(bundle_bytes(entries(0, 2)))
    with pytest.raises(Corrupt, match="holds 2 entries, not 3"):
        log.entry(0)


def test_before_the_first_entry_there_is_no_checkpoint(tmp_path: Path) -> None:
    log = open_log(tmp_path / "log")
    assert log.size == 0
    with pytest.raises(NotFound):
        log.note()
    with pytest.raises(NotFound, match="0 entries"):
        log.entry(0)
    with pytest.raises(BadInput):
        log.inclusion(0)
    with log.writing() as writer:
        assert writer.append([]).size == 0


def test_two_writers_take_turns(tmp_path: Path) -> None:
    def write() -> None:
        for _ in range(5):
            with open_log(tmp_path).writing() as writer:
                writer.append(entries(writer.size, writer.size + 7))

    threads = [threading.Thread(target=write) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check(open_log(tmp_path), 105)


def test_a_writer_that_keeps_the_log_is_told_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WAIT", 0.05)
    log = open_log(tmp_path)
    with log.writing(), pytest.raises(Unavailable, match="another process"), log.writing():
        pass


def test_a_full_disk_leaves_the_log_as_it_was(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    grow(log, 100)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        for bytes_left in (0, 1_000, 4_000):
            resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_left, limits[1]))
            with pytest.raises(Unavailable, match="the disk is full"):
                grow(log, 400)
            assert log.note() == expected_note(100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, old)
    grow(log, 400)
    check(log, 400)


def test_an_entry_too_long_is_refused_whole(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    with log.writing() as writer, pytest.raises(BadInput, match="65,535"):
        writer.append([b"short", bytes(65_536)])
    assert log.size == 0


@pytest.mark.parametrize("path", ["tile/0/001.p/44", "tile/1/000.p/1", "checkpoint"])
def test_an_altered_file_stops_the_writer(tmp_path: Path, path: str) -> None:
    log = open_log(tmp_path)
    grow(log, 300)
    data = bytearray((tmp_path / path).read_bytes())
    data[20] ^= 1
    (tmp_path / path).write_bytes(data)
    with log.writing() as writer, pytest.raises(Corrupt):
        writer.append([b"next"])


def test_another_log_s_checkpoint_is_refused(tmp_path: Path) -> None:
    grow(open_log(tmp_path), 3)
    with pytest.raises(Corrupt, match=r"of 'example\.com/log', not of 'example\.com/other'"):
        LogFolder(tmp_path, "example.com/other", ORIGIN, KEY).checkpoint()
    with pytest.raises(Corrupt, match="not signed"):
        LogFolder(tmp_path, ORIGIN, ORIGIN, Ed25519PrivateKey.generate()).checkpoint()
