import base64

import pytest

from seawall.audit.evidence import decision_proof, segment_detail, tlog_proof
from seawall.audit.merkle import leaf_hash, root_hash
from seawall.audit.proof import Inclusion, inclusion
from seawall.kernel import BadInput

HASHES = [leaf_hash(bytes([i])) for i in range(7)]


def test_a_tlog_proof_is_written_as_in_the_specification() -> None:
    proof = inclusion(HASHES, 4)
    lines = tlog_proof(proof, b"example.com/log\n7\nroot\n\nsignature\n").decode().split("\n")
    assert lines[:2] == ["c2sp.org/tlog-proof@v1", "index 4"]
    assert [base64.b64decode(line) for line in lines[2:4]] == list(proof.path)[:2]
    assert lines[2 + len(proof.path)] == ""
    assert lines[3 + len(proof.path)] == "example.com/log"


def test_a_sealed_segment_is_told_by_root_and_size() -> None:
    assert segment_detail(root_hash(HASHES), 7) == {"root": root_hash(HASHES).hex(), "size": 7}


def test_a_path_that_does_not_fit_is_refused() -> None:
    with pytest.raises(BadInput):
        decision_proof(
            b"", HASHES[0], {}, segment=Inclusion(3, 2, ()), entry=b"", log=inclusion(HASHES, 0),
            checkpoint=b"",
        )  # fmt: skip
