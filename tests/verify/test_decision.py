import base64
import contextlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.verify.logs import KEY, START, make_entry, signed

from seawall.audit.entry import Entry, canonical
from seawall.audit.evidence import SEGMENT_SEALED, decision_proof, segment_detail
from seawall.audit.merkle import leaf_hash, root_hash
from seawall.audit.proof import inclusion
from seawall.serving import decision
from seawall.serving.decision import DecisionRecord
from seawall_verify import Malformed, verify_decision
from seawall_verify.msgpack import unpack

RECORDS = [
    DecisionRecord(
        id=f"decision-{i}",
        time=START,
        endpoint="income",
        model="income@3",
        input={"age": 40 + i, "hours": 38.5, "job": "Prof-specialty"},
        output={"label": True},
        score=0.25,
        reasons=("capital_gain", "age"),
        salt=bytes([i]) * 16,
    )
    for i in range(5)
]


def prove(
    record: DecisionRecord = RECORDS[3],
    *,
    hide: tuple[str, ...] = (),
    action: str = SEGMENT_SEALED,
    seal: Callable[[bytes, int], dict[str, Any]] = segment_detail,
) -> bytes:
    leaves = [decision.leaf_hash(r) for r in RECORDS]
    sealing = canonical(
        Entry(
            id="seal",
            time=START,
            actor="gateway-1",
            action=action,
            subject="segment-7",
            detail=seal(root_hash(leaves), len(leaves)),
        )
    )
    entries = [make_entry(0), make_entry(1), sealing, make_entry(3)]
    return decision_proof(
        decision.leaf_data(record),
        decision.leaf_hash(record),
        {
            path: (decision.value_salts(record)[path], decision.canonical(value))
            for path, value in decision.values(record).items()
            if path not in hide
        },
        segment=inclusion(leaves, 3),
        entry=sealing,
        log=inclusion([leaf_hash(entry) for entry in entries], 2),
        checkpoint=signed(entries),
    )


def test_a_decision_is_proven_with_its_values() -> None:
    report = verify_decision(prove(), KEY)
    assert report.finding is None
    assert dict(report.values)["input.age"] == 43
    assert dict(report.values)["time"] == START
    assert dict(report.values)["output"] == {"label": True}
    assert (report.segment, report.entry, report.size, report.hidden) == ("segment-7", 2, 4, ())
    assert report.to_dict()["values"]["time"] == "2026-01-01T00:00:00+00:00"


def test_values_can_be_withheld_without_breaking_the_proof() -> None:
    report = verify_decision(prove(hide=("input.age", "score")), KEY)
    assert report.ok
    assert report.hidden == ("input.age", "score")


def test_an_erased_value_leaves_the_proof_whole() -> None:
    report = verify_decision(prove(decision.erase(RECORDS[3], ["input"])), KEY)
    assert report.ok
    assert report.hidden == ("input.age", "input.hours", "input.job")


def test_no_altered_character_of_the_proof_passes() -> None:
    proof = msgspec.json.encode(msgspec.json.decode(prove()))
    passed: list[bytes] = []
    for at in range(len(proof)):
        altered = proof[:at] + bytes([proof[at] ^ 1]) + proof[at + 1 :]
        try:
            if verify_decision(altered, KEY).ok:
                passed.append(altered)
        except Malformed:
            continue
    assert passed == []


@pytest.mark.parametrize(
    ("path", "value", "finding"),
    [
        (("values", "input.age", "value"), base64.b64encode(b"\x1e").decode(), "'input.age'"),
        (("values", "input.age", "salt"), "00" * 16, "'input.age'"),
        (("leaf",), "00" * 32, "digests"),
        (("segment", "index"), 2, "not in the segment"),
        (("segment", "size"), 6, "not in the segment"),
        (("segment", "path"), [], "not in the segment"),
        (("log", "index"), 1, "not in the signed log"),
        (("log", "size"), 3, "not in the signed log"),
        (("log", "path"), ["00" * 32] * 2, "not in the signed log"),
    ],
)
def test_a_changed_step_is_named(path: tuple[str, ...], value: Any, finding: str) -> None:
    proof = json.loads(prove())
    place = proof
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    report = verify_decision(json.dumps(proof).encode(), KEY)
    assert finding in str(report.finding)
    assert report.to_dict()["ok"] is False


def test_a_value_that_was_never_recorded_is_refused() -> None:
    proof = json.loads(prove())
    proof["values"]["input.race"] = proof["values"]["input.job"]
    assert "input.race" in str(verify_decision(json.dumps(proof).encode(), KEY).finding)


def test_a_salt_cannot_take_up_the_head_of_a_value() -> None:
    proof = json.loads(prove())
    shown = proof["values"]["reasons"]
    value = base64.b64decode(shown["value"])
    shown["salt"] += value[:1].hex()
    shown["value"] = base64.b64encode(value[1:]).decode()
    assert "reasons" in str(verify_decision(json.dumps(proof).encode(), KEY).finding)


def test_an_entry_of_another_kind_seals_nothing() -> None:
    proof = prove(action="registry:version:registered")
    assert "registry:version:registered" in str(verify_decision(proof, KEY).finding)


@pytest.mark.parametrize(
    "seal",
    [
        lambda root, size: {"root": "", "size": size},
        lambda root, size: {"root": root.hex(), "size": 4},
    ],
)
def test_an_entry_of_another_segment_seals_nothing(seal: Any) -> None:
    assert "not in the segment" in str(verify_decision(prove(seal=seal), KEY).finding)
    assert "not one that seals" in str(verify_decision(prove(seal=lambda *_: {}), KEY).finding)


def test_a_checkpoint_that_is_not_signed_proves_nothing() -> None:
    proof = json.loads(prove())
    proof["checkpoint"] = proof["checkpoint"].replace("\n4\n", "\n5\n")
    assert "signature" in str(verify_decision(json.dumps(proof).encode(), KEY).finding)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "other"}', "\x00"])
def test_what_is_no_proof_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        verify_decision(text.encode(), KEY)


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=300)
    | st.binary(max_size=300)
    | st.datetimes(datetime(1950, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.text(), inner, max_size=20),
)


@given(values)
def test_every_recorded_value_is_read(value: Any) -> None:
    assert unpack(msgspec.msgpack.encode(value)) == value


@pytest.mark.parametrize("size", [2**8, 2**16])
def test_long_values_are_read(size: int) -> None:
    for value in ("x" * size, b"x" * size, [1] * size, {str(i): i for i in range(size)}):
        assert unpack(msgspec.msgpack.encode(value)) == value


@given(st.binary(max_size=30))
def test_no_bytes_crash_the_reader(data: bytes) -> None:
    with contextlib.suppress(Malformed):
        unpack(data)


@pytest.mark.parametrize(
    "data", [b"\x91" * 100_000, b"\x82\xa1a\x01\xa1a\x02", b"\xc1", b"\x01\x01"]
)
def test_hostile_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        unpack(data)
