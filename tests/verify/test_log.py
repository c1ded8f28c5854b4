import random
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.verify.logs import (
    KEY,
    ORIGIN,
    PRIVATE,
    make_entry,
    rows_of,
    signed,
    write_log,
    write_tiles,
)

from seawall.audit.checkpoint import VerifierKey, checkpoint_body, sign_note
from seawall.audit.tiles import bundle_bytes, bundle_path, tile_bytes, tile_path
from seawall_verify import Finding, Malformed, Report, verify
from seawall_verify.source import Tile

Log = Callable[[int], Path]


def flip(file: Path, at: int, bit: int = 0) -> None:
    data = bytearray(file.read_bytes())
    data[at] ^= 1 << bit
    file.write_bytes(data)


def only(report: Report) -> Finding:
    assert len(report.findings) == 1, report.findings
    return report.findings[0]


@pytest.mark.parametrize("size", [0, 1, 2, 7, 255, 256, 257, 511, 512, 513, 1000])
def test_an_untouched_log_passes(log: Log, size: int) -> None:
    report = verify(log(size), KEY)
    assert report.ok
    assert (report.size, report.origin, report.notes) == (size, ORIGIN, ())


@pytest.mark.parametrize("size", [3, 300])
def test_any_flipped_bit_is_found_in_the_file_where_it_is(log: Log, size: int) -> None:
    folder, draw = log(size), random.Random(7)
    for file in sorted(f for f in folder.rglob("*") if f.is_file()):
        data = file.read_bytes()
        places = (
            range(len(data))
            if size == 5
            else sorted(draw.sample(range(len(data)), min(60, len(data))))
        )
        for at in places:
            flip(file, at, draw.randrange(8))
            assert only(verify(folder, KEY)).file == file.relative_to(folder).as_posix()
            file.write_bytes(data)
    assert verify(folder, KEY).ok


def test_an_altered_entry_is_named_with_what_it_says(log: Log) -> None:
    folder = log(300)
    file = folder / "tile/entries/001.p/44"
    file.write_bytes(file.read_bytes().replace(b'"id-270"', b'"id-271"'))
    found = only(verify(folder, KEY))
    assert found == Finding(
        "tile/entries/001.p/44",
        "is not what was logged",
        entry=270,
        action="registry:version:registered income@270",
    )


@pytest.mark.parametrize(
    ("path", "position"),
    [("tile/0/000", 17), ("tile/0/001.p/44", 43), ("tile/1/000.p/1", 0)],
)
def test_an_altered_hash_is_named_by_tile_and_position(log: Log, path: str, position: int) -> None:
    folder = log(300)
    flip(folder / path, position * 32 + 5)
    assert only(verify(folder, KEY)) == Finding(path, "is not what was logged", position=position)


def test_two_faults_in_different_files_are_told_apart(log: Log) -> None:
    folder = log(600)
    flip(folder / "tile/entries/000", 30)
    flip(folder / "tile/0/001", 40)
    flip(folder / "tile/0/002.p/88", 70)
    report = verify(folder, KEY)
    assert [(f.file, f.entry, f.position) for f in report.findings] == [
        ("tile/entries/000", 0, None),
        ("tile/0/001", None, 1),
        ("tile/0/002.p/88", None, 2),
    ]


def test_an_entry_and_its_hash_altered_together_are_found_by_the_tile_above(log: Log) -> None:
    entries = [make_entry(i) for i in range(300)]
    folder = log(300)
    entries[9] = make_entry(9, forged=True)
    (folder / "tile/entries/000").write_bytes(bundle_bytes(entries[:256]))
    (folder / "tile/0/000").write_bytes(tile_bytes(rows_of(entries)[0][:256]))
    found = only(verify(folder, KEY))
    assert found.file == "tile/0/000"
    assert "not with the tile above" in found.message


def test_a_log_rewritten_without_the_key_is_found(log: Log) -> None:
    entries = [make_entry(i) for i in range(300)]
    folder = log(300)
    entries[9] = make_entry(9, forged=True)
    write_tiles(folder, entries)
    found = only(verify(folder, KEY))
    assert found.file == "checkpoint"
    assert "both were rewritten" in found.message


def test_an_entry_and_its_hash_in_the_last_tile_are_found_by_the_checkpoint(log: Log) -> None:
    folder = log(5)
    flip(folder / "tile/entries/000.p/5", 10)
    flip(folder / "tile/0/000.p/5", 100)
    report = verify(folder, KEY)
    assert [f.file for f in report.findings[:1]] == ["checkpoint"]
    assert {f.entry for f in report.findings[1:]} == {0, 3}


@pytest.mark.parametrize("dropped", [0, 100, 255, 256, 299])
def test_a_dropped_entry_is_found_at_its_place(log: Log, dropped: int) -> None:
    folder = log(300)
    entries = [make_entry(i) for i in range(300)]
    del entries[dropped]
    (folder / "tile/entries/000").write_bytes(bundle_bytes(entries[:256]))
    (folder / "tile/entries/001.p/44").write_bytes(bundle_bytes(entries[256:]))
    report = verify(folder, KEY)
    assert report.findings[0].entry == dropped
    if dropped < 255:
        assert report.findings[0].message == f"holds what was logged as entry {dropped + 1}"


def test_entries_that_changed_places_are_found(log: Log) -> None:
    folder = log(10)
    entries = [make_entry(i) for i in range(10)]
    entries[3], entries[6] = entries[6], entries[3]
    (folder / "tile/entries/000.p/10").write_bytes(bundle_bytes(entries))
    report = verify(folder, KEY)
    assert [(f.entry, f.message) for f in report.findings] == [
        (3, "holds what was logged as entry 6"),
        (6, "holds what was logged as entry 3"),
    ]


@pytest.mark.parametrize("path", ["tile/entries/000", "tile/0/001.p/44", "tile/1/000.p/1"])
def test_a_missing_file_is_named(log: Log, path: str) -> None:
    folder = log(300)
    (folder / path).unlink()
    found = only(verify(folder, KEY))
    assert (found.file, found.message) == (path, "the file is missing")


@pytest.mark.parametrize("path", ["tile/entries/000", "tile/entries/001.p/44", "tile/0/000"])
@pytest.mark.parametrize("cut", [1, 32, 1000])
def test_a_file_cut_short_or_with_something_added_is_named(log: Log, path: str, cut: int) -> None:
    folder = log(300)
    data = (folder / path).read_bytes()
    for changed in (data[:-cut], data + bytes(cut), b""):
        (folder / path).write_bytes(changed)
        assert only(verify(folder, KEY)).file == path


def test_a_log_without_checkpoint_proves_nothing(log: Log) -> None:
    folder = log(3)
    (folder / "checkpoint").unlink()
    assert only(verify(folder, KEY)).file == "checkpoint"


def test_the_partial_files_of_earlier_sizes_are_compared_too(log: Log) -> None:
    folder = log(5)
    write_log(folder, [make_entry(i) for i in range(300)], since=5)
    assert verify(folder, KEY).ok
    flip(folder / "tile/0/000.p/5", 64)
    assert only(verify(folder, KEY)) == Finding(
        "tile/0/000.p/5", "is not what was logged", position=2
    )


def test_a_full_file_stands_for_a_partial_one_that_was_dropped(log: Log) -> None:
    old = signed([make_entry(i) for i in range(5)])
    folder = log(300)
    (folder / "checkpoint").write_bytes(old)
    report = verify(folder, KEY)
    assert report.ok
    assert report.size == 5
    assert "beyond the checkpoint" in report.notes[0]


def test_foreign_files_are_noted_and_not_judged(log: Log) -> None:
    folder = log(3)
    (folder / "tile/readme.txt").write_text("hello")
    (folder / "tile/0/0000").write_text("hello")
    report = verify(folder, KEY)
    assert report.ok
    assert len(report.notes) == 2


def test_a_log_that_grew_is_consistent_with_every_older_checkpoint(log: Log) -> None:
    folder = log(600)
    for size in (0, 1, 255, 256, 257, 600):
        since = signed([make_entry(i) for i in range(size)])
        assert verify(folder, KEY, since=since).ok


def test_a_rolled_back_log_is_found_by_an_older_checkpoint(log: Log) -> None:
    since = signed([make_entry(i) for i in range(12)])
    found = only(verify(log(10), KEY, since=since))
    assert found.file == "checkpoint"
    assert found.message == "it was rolled back: 12 entries were signed before, now 10"


def test_a_rewritten_and_signed_history_is_found_by_an_older_checkpoint(log: Log) -> None:
    since = signed([make_entry(i) for i in range(12)])
    folder = log(3)
    entries = [make_entry(i, forged=i == 5) for i in range(20)]
    write_log(folder, entries, since=3)
    report = verify(folder, KEY, since=since)
    assert "not those of the older checkpoint" in report.findings[-1].message


def test_an_older_checkpoint_of_another_key_is_refused(log: Log) -> None:
    foreign = signed([make_entry(0)]).replace(b"AA", b"BB")
    with pytest.raises(Malformed, match="older checkpoint"):
        verify(log(3), KEY, since=foreign[:-5] + b"\n")


def test_another_logs_checkpoint_under_the_same_key_is_refused(log: Log) -> None:
    folder = log(3)
    body = checkpoint_body("example.com/other", 3, bytes(32))
    (folder / "checkpoint").write_bytes(sign_note(body, ORIGIN, PRIVATE))
    assert "example.com/other" in only(verify(folder, KEY)).message


def test_another_key_verifies_nothing(log: Log) -> None:
    other = str(VerifierKey.of("example.com/x", PRIVATE))
    assert "not signed by example.com/x" in only(verify(log(3), other)).message


@pytest.mark.parametrize("key", ["", "a+b", "a+b+c", KEY[:-4], KEY.replace("+", "+0", 1)])
def test_what_is_no_key_is_refused(log: Log, key: str) -> None:
    with pytest.raises(Malformed, match="verifier key"):
        verify(log(1), key)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Malformed, match="no folder"):
        verify(tmp_path / "none", KEY)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def serve() -> Iterator[Callable[[Path], str]]:
    servers: list[ThreadingHTTPServer] = []

    def start(folder: Path) -> str:
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_log_is_verified_over_http(log: Log, serve: Callable[[Path], str]) -> None:
    folder = log(300)
    address = serve(folder)
    assert verify(address, KEY).ok
    flip(folder / "tile/entries/000", 50)
    assert only(verify(address, KEY)).entry == 0
    (folder / "tile/0/000").unlink()
    assert "tile/0/000" in {f.file for f in verify(address, KEY).findings}


def test_a_server_that_does_not_answer_is_bad_input() -> None:
    with pytest.raises(Malformed, match="cannot be read"):
        verify("http://127.0.0.1:1", KEY)


@given(st.integers(-1, 63), st.integers(0, 10**10), st.integers(1, 256))
def test_both_sides_name_files_alike(level: int, index: int, width: int) -> None:
    tile = Tile(level, index, width)
    named = bundle_path(index, width) if level < 0 else tile_path(level, index, width)
    assert tile.path == named
    assert Tile.parse(named) == tile


def test_a_beginning_that_cannot_be_read_is_not_called_consistent(log: Log) -> None:
    since = signed([make_entry(i) for i in range(4)])
    folder = log(5)
    (folder / "tile/entries/000.p/5").unlink()
    (folder / "tile/0/000.p/5").unlink()
    assert "cannot be compared" in verify(folder, KEY, since=since).findings[-1].message


def test_a_report_is_told_in_one_line(log: Log) -> None:
    folder = log(3)
    all_agree = "all 3 entries of example.com/seawall agree with its signed checkpoint"
    assert verify(folder, KEY).sentence == all_agree
    (folder / "tile/0/000.p/3").write_bytes(bytes(96))
    told = "tile/0/000.p/3, hash 0: is not what was logged (and 2 more)"
    assert verify(folder, KEY).sentence == told
