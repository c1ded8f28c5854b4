"""Objects are what their digest says, or there is an error that names them."""

from __future__ import annotations

import hashlib
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seawall.adapters.objects import ObjectStore
from seawall.adapters.objects import store as module
from seawall.kernel import BadInput, Conflict, Corrupt, Digest, NotFound, Unavailable


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "objects"


@pytest.fixture
def objects(folder: Path) -> ObjectStore:
    return ObjectStore(folder)


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large"
    path.write_bytes(bytes(range(256)) * 40_000)
    return path


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=200))
def test_what_is_put_is_got_by_its_sha256(objects: ObjectStore, data: bytes) -> None:
    digest = objects.put(data)
    assert digest == f"sha256:{hashlib.sha256(data).hexdigest()}"
    assert objects.get(digest) == data
    assert objects.has(digest)


def test_equal_bytes_are_stored_once(objects: ObjectStore, folder: Path, large: Path) -> None:
    first = objects.put_file(large)
    written = files(folder)[0].stat()
    assert objects.put(large.read_bytes()) == objects.put_file(large) == first
    assert [path.stat().st_mtime_ns for path in files(folder)] == [written.st_mtime_ns]


def test_a_large_file_goes_in_and_out(objects: ObjectStore, tmp_path: Path, large: Path) -> None:
    digest = objects.put_file(large)
    objects.get_file(digest, tmp_path / "out" / "copy")
    assert (tmp_path / "out" / "copy").read_bytes() == large.read_bytes()
    assert objects.get(digest) == large.read_bytes()


def test_a_large_file_is_never_held_in_memory(tmp_path: Path) -> None:
    code = """
import resource, sys
from pathlib import Path
from seawall.adapters.objects import ObjectStore
folder = Path(sys.argv[1])
store = ObjectStore(folder / "o")
store.put(b"warm")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
digest = store.put_file(folder / "sparse")
store.get_file(digest, folder / "copy")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(400_000_000)
    run = [sys.executable, "-c", code, str(tmp_path)]
    grown = int(subprocess.run(run, check=True, capture_output=True).stdout)
    assert grown < 150_000  # kilobytes


def test_what_is_not_there_is_not_found(objects: ObjectStore, tmp_path: Path) -> None:
    nowhere = Digest.of(b"nowhere")
    assert not objects.has(nowhere)
    with pytest.raises(NotFound, match=nowhere):
        objects.get(nowhere)
    with pytest.raises(NotFound, match=nowhere):
        objects.get_file(nowhere, tmp_path / "copy")
    with pytest.raises(NotFound, match="no such file"):
        objects.put_file(tmp_path / "nowhere")
    assert not (tmp_path / "copy").exists()


def test_altered_bytes_are_never_handed_out(
    objects: ObjectStore, folder: Path, tmp_path: Path, large: Path
) -> None:
    digest = objects.put_file(large)
    (stored,) = files(folder)
    data = bytearray(stored.read_bytes())
    data[5_000_000] ^= 1
    stored.write_bytes(data)
    with pytest.raises(Corrupt, match=digest):
        objects.get(digest)
    with pytest.raises(Corrupt, match=digest):
        objects.get_file(digest, tmp_path / "copy")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["large", "objects"]


def test_an_object_that_was_cut_short_is_replaced(objects: ObjectStore, folder: Path) -> None:
    digest = objects.put(b"whole")
    files(folder)[0].write_bytes(b"")
    objects.put(b"whole")
    assert objects.get(digest) == b"whole"


def test_a_file_that_changes_while_it_is_stored_is_a_conflict(
    objects: ObjectStore, folder: Path, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (Digest.of(b"before"), 6)
    monkeypatch.setattr(module, "_measure", lambda path: before)
    with pytest.raises(Conflict, match="changed while it was stored"):
        objects.put_file(large)
    assert files(folder) == []


def test_a_full_disk_is_one_clear_error_and_leaves_nothing(
    objects: ObjectStore, folder: Path, tmp_path: Path, large: Path
) -> None:
    kept = objects.put_file(large)
    (tmp_path / "other").write_bytes(large.read_bytes()[1:])
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, limits[1]))
    try:
        with pytest.raises(Unavailable, match="the disk is full"):
            objects.put(large.read_bytes()[2:])
        with pytest.raises(Unavailable, match="the disk is full"):
            objects.put_file(tmp_path / "other")
        with pytest.raises(Unavailable, match="the disk is full"):
            objects.get_file(kept, tmp_path / "copy")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, old)
    assert [path.name for path in files(folder)] == [kept.hex]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["large", "objects", "other"]


def test_a_location_may_be_a_file_url(folder: Path, objects: ObjectStore) -> None:
    digest = objects.put(b"x")
    assert ObjectStore(f"file://{folder}").get(digest) == b"x"


def test_a_location_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises((BadInput, Unavailable), match="object store"):
        ObjectStore(tmp_path / "file" / "objects")
