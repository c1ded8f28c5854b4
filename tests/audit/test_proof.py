import pytest

from seawall.audit.merkle import leaf_hash, root_hash
from seawall.audit.proof import Consistency, Inclusion, consistency, inclusion
from seawall.audit.reader import TileReader
from seawall.audit.tiles import tile_bytes, tiles_of
from seawall.kernel import BadInput, Corrupt, NotFound

HASHES = [leaf_hash(i.to_bytes(2, "big")) for i in range(600)]
ROOTS = [root_hash(HASHES[:size]) for size in range(301)]
SIZES = [1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65, 127, 130, 255, 256, 257, 300]


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]


@pytest.mark.parametrize("size", range(1, 301))
def test_every_entry_of_every_tree_has_a_proof_that_holds(size: int) -> None:
    for index in {0, 1, size // 3, size // 2, size - 2, size - 1} & set(range(size)):
        proof = inclusion(HASHES[:size], index)
        assert proof.verify(HASHES[index], ROOTS[size])
        assert not proof.verify(HASHES[(index + 1) % 600], ROOTS[size])


@pytest.mark.parametrize("size", SIZES)
def test_an_altered_inclusion_proof_does_not_hold(size: int) -> None:
    index = size * 2 // 3
    proof, leaf, root = inclusion(HASHES[:size], index), HASHES[index], ROOTS[size]
    for step in range(len(proof.path)):
        for at in range(32):
            path = list(proof.path)
            path[step] = flipped(path[step], at)
            assert not Inclusion(index, size, tuple(path)).verify(leaf, root)
    assert all(not proof.verify(flipped(leaf, at), root) for at in range(32))
    assert all(not proof.verify(leaf, flipped(root, at)) for at in range(32))
    for other in set(range(size)) - {index}:
        assert not Inclusion(other, size, proof.path).verify(leaf, root)
    assert not Inclusion(index, size, (*proof.path, HASHES[0])).verify(leaf, root)
    if proof.path:
        assert not Inclusion(index, size, proof.path[:-1]).verify(leaf, root)
        assert not Inclusion(index, size, proof.path[1:]).verify(leaf, root)


@pytest.mark.parametrize("new", range(301))
def test_every_tree_begins_with_every_smaller_one(new: int) -> None:
    for old in {0, 1, new // 3, new // 2, new - 1, new} & set(range(new + 1)):
        proof = consistency(HASHES[:new], old)
        assert proof.verify(ROOTS[old], ROOTS[new])
        if old:
            assert not proof.verify(ROOTS[old - 1], ROOTS[new])


@pytest.mark.parametrize("new", SIZES)
def test_an_altered_consistency_proof_does_not_hold(new: int) -> None:
    for old in {1, new // 2, new - 1} & set(range(1, new)):
        proof = consistency(HASHES[:new], old)
        for step in range(len(proof.path)):
            for at in range(32):
                path = list(proof.path)
                path[step] = flipped(path[step], at)
                assert not Consistency(old, new, tuple(path)).verify(ROOTS[old], ROOTS[new])
        assert not proof.verify(flipped(ROOTS[old], 3), ROOTS[new])
        assert not proof.verify(ROOTS[old], flipped(ROOTS[new], 3))
        longer = Consistency(old, new, (*proof.path, HASHES[0]))
        assert not longer.verify(ROOTS[old], ROOTS[new])
        assert not Consistency(old, new, proof.path[:-1]).verify(ROOTS[old], ROOTS[new])
        assert not Consistency(old, new, ()).verify(ROOTS[old], ROOTS[new])
        assert not Consistency(new, old, proof.path).verify(ROOTS[new], ROOTS[old])


def test_the_consistency_proof_is_the_published_one() -> None:
    """From 6 to 8 leaves of the certificate-transparency test tree."""
    leaves = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657"]
    leaves.append("606162636465666768696a6b6c6d6e6f")
    proof = consistency([leaf_hash(bytes.fromhex(leaf)) for leaf in leaves], 6)
    assert [node.hex() for node in proof.path] == [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


def test_a_proof_of_what_is_not_there_is_refused() -> None:
    with pytest.raises(BadInput, match="no entry 3"):
        inclusion(HASHES[:3], 3)
    with pytest.raises(BadInput, match="no beginning"):
        consistency(HASHES[:3], 4)


def tiles(size: int) -> dict[str, bytes]:
    rows = [HASHES[:size]]
    while len(rows[-1]) >= 256:
        full = range(0, len(rows[-1]) // 256 * 256, 256)
        rows.append([root_hash(rows[-1][i : i + 256]) for i in full])
    return {
        tile.path: tile_bytes(rows[tile.level][tile.index * 256 :][: tile.width])
        for tile in tiles_of(size)
    }


def reader(files: dict[str, bytes], size: int) -> TileReader:
    def read(path: str) -> bytes:
        if path not in files:
            raise NotFound("no such file", where=path)
        return files[path]

    return TileReader(read, size)


@pytest.mark.parametrize("size", [0, 1, 5, 255, 256, 257, 511, 512, 513, 600])
def test_proofs_read_from_tiles_are_those_of_the_whole_tree(size: int) -> None:
    log = reader(tiles(size), size)
    assert log.root == root_hash(HASHES[:size])
    for index in {0, 100, 255, 256, size - 1} & set(range(size)):
        assert log.inclusion(index) == inclusion(HASHES[:size], index)
    for old in {0, 1, 255, 256, 300, size} & set(range(size + 1)):
        assert log.consistency(old) == consistency(HASHES[:size], old)


def test_an_older_tree_is_read_from_the_full_tiles_of_a_newer() -> None:
    files = {path: data for path, data in tiles(600).items() if "/0/" in path}
    assert reader(files, 100).root == root_hash(HASHES[:100])


def test_a_tile_that_is_too_short_is_refused() -> None:
    files = tiles(300)
    files["tile/0/001.p/44"] = files["tile/0/001.p/44"][:-32]
    with pytest.raises(Corrupt, match="43 hashes, not 44"):
        _ = reader(files, 300).root
