import pytest
from hypothesis import given
from hypothesis import strategies as st

from seawall.audit.tiles import (
    Tile,
    bundle_bytes,
    bundle_path,
    read_bundle,
    read_tile,
    tile_bytes,
    tile_path,
    tiles_of,
)
from seawall.kernel import BadInput, Corrupt


def test_paths_are_those_of_the_specification() -> None:
    assert tile_path(1, 1234067) == "tile/1/x001/x234/067"
    assert tile_path(0, 273, 112) == "tile/0/273.p/112"
    assert tile_path(63, 0) == "tile/63/000"
    assert bundle_path(1234067, 1) == "tile/entries/x001/x234/067.p/1"
    assert bundle_path(1000) == "tile/entries/x001/000"


@pytest.mark.parametrize(
    ("level", "index", "width"),
    [(64, 0, 1), (-1, 0, 1), (0, -1, 1), (0, 0, 0), (0, 0, 257)],
)
def test_a_place_outside_the_tree_has_no_path(level: int, index: int, width: int) -> None:
    with pytest.raises(BadInput):
        tile_path(level, index, width)


def test_a_tree_of_70000_has_the_tiles_of_the_specifications_example() -> None:
    tiles = list(tiles_of(70_000))
    assert [t for t in tiles if t.level == 0] == [
        *(Tile(0, i) for i in range(273)), Tile(0, 273, 112)
    ]  # fmt: skip
    assert tiles[274:] == [Tile(1, 0), Tile(1, 1, 17), Tile(2, 0, 1)]
    assert list(tiles_of(256)) == [Tile(0, 0), Tile(1, 0, 1)]
    assert list(tiles_of(0)) == []


@given(st.integers(0, 140_000), st.integers(0, 140_000))
def test_growth_writes_exactly_the_tiles_that_are_new(one: int, other: int) -> None:
    old, new = sorted((one, other))
    assert set(tiles_of(new, old)) == set(tiles_of(new)) - set(tiles_of(old))


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_a_bundle_reads_back(entries: list[bytes]) -> None:
    assert read_bundle(bundle_bytes(entries)) == tuple(entries)


def test_a_bundle_is_length_prefixed_big_endian() -> None:
    assert bundle_bytes([b"ab", b"", b"c" * 258]) == b"\0\2ab\0\0\1\2" + b"c" * 258


def test_an_entry_has_at_most_65535_bytes() -> None:
    assert len(bundle_bytes([bytes(65_535)])) == 65_537
    with pytest.raises(BadInput, match="digest"):
        bundle_bytes([bytes(65_536)])


@pytest.mark.parametrize("cut", [1, 2, 3, 5])
def test_a_truncated_bundle_is_refused(cut: int) -> None:
    with pytest.raises(Corrupt, match="within entry 1"):
        read_bundle(bundle_bytes([b"first", b"second"])[: 7 + cut])


@pytest.mark.parametrize("size", [0, 1, 31, 33, 257 * 32])
def test_a_tile_holds_1_to_256_whole_hashes(size: int) -> None:
    with pytest.raises(Corrupt):
        read_tile(bytes(size))


def test_a_tile_reads_back() -> None:
    hashes = tuple(bytes([i]) * 32 for i in range(256))
    assert read_tile(tile_bytes(hashes)) == hashes
