import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seawall.audit.merkle import EMPTY_ROOT, Frontier, leaf_hash, node_hash, root_hash, split

# the reference inputs and roots of the certificate-transparency project's Merkle tree tests
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]  # fmt: skip
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def defined(hashes: list[bytes]) -> bytes:
    """RFC 6962, 2.1, word by word."""
    if not hashes:
        return hashlib.sha256().digest()
    if len(hashes) == 1:
        return hashes[0]
    k = max(2**i for i in range(20) if 2**i < len(hashes))
    return node_hash(defined(hashes[:k]), defined(hashes[k:]))


def test_the_hash_of_an_empty_tree_is_that_of_nothing() -> None:
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert root_hash([]) == EMPTY_ROOT


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_the_published_ones(size: int) -> None:
    assert root_hash([leaf_hash(leaf) for leaf in LEAVES[:size]]).hex() == ROOTS[size - 1]


@pytest.mark.parametrize("size", [0, 1, 2, 3, 7, 8, 9, 100, 255, 256, 257, 300])
def test_roots_follow_the_definition(size: int) -> None:
    hashes = [leaf_hash(bytes([i % 256])) for i in range(size)]
    assert root_hash(hashes) == defined(hashes)


@given(st.lists(st.binary(max_size=4), max_size=40), st.integers(0, 40))
def test_growing_in_two_steps_is_growing_in_one(entries: list[bytes], cut: int) -> None:
    hashes = [leaf_hash(entry) for entry in entries]
    whole = Frontier().extend(hashes)
    assert Frontier().extend(hashes[:cut]).extend(hashes[cut:]) == whole
    assert len(whole.peaks) == len(hashes).bit_count()
    assert whole.root == defined(hashes)


@given(st.integers(2, 10_000))
def test_a_tree_divides_at_the_largest_smaller_power_of_two(size: int) -> None:
    assert split(size) < size <= 2 * split(size)
    assert split(size).bit_count() == 1
