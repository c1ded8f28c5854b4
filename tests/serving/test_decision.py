"""Properties of the decision record: its bytes, its leaf hash, and erasure."""

import hashlib
import struct
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seawall.kernel import BadInput, Corrupt
from seawall.serving.decision import (
    DecisionRecord,
    disclose,
    erase,
    from_bytes,
    leaf_data,
    leaf_hash,
    to_bytes,
    value_digests,
    values,
)
from seawall.serving.leaf import leaf_of

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ID = "019ca9d5-e400-7000-8000-000000000000"

FULL = DecisionRecord(
    id=ID,
    time=NOON,
    endpoint="income",
    caller="branch",
    purpose="credit",
    unit="u1",
    subject="s1",
    model="income@3",
    version_digest="sha256:aa",
    bundle_digest="sha256:bb",
    policy_digest="sha256:cc",
    arm="stable",
    arm_probability=0.9,
    input={"age": 41, "work": "Private"},
    output=1,
    score=0.7,
    probabilities={"no": 0.25, "yes": 0.75},
    threshold=0.5,
    reasons=("age", "work"),
    guards={"range": "pass"},
    fallback="rules",
    action="approved",
    override="declined",
    override_reason="fraud",
    reviewer="dana",
    notice="n1",
    latency_ms=1.5,
    trace_id="t1",
    kept_probability=0.25,
    minimal=True,
    salt=b"0123456789abcdef",
)

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
)
plain_values = st.recursive(
    scalars, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(), v, max_size=3)
)
inputs = st.dictionaries(st.text(max_size=8), plain_values, max_size=5)
optional_text = st.none() | st.text(max_size=12)
records = st.builds(
    DecisionRecord,
    id=st.just(ID),
    time=st.datetimes(timezones=st.just(UTC)),
    endpoint=st.text(min_size=1, max_size=12),
    subject=optional_text,
    purpose=optional_text,
    input=inputs,
    output=plain_values,
    score=st.none() | st.floats(allow_nan=False),
    reasons=st.lists(st.text(max_size=5), max_size=3).map(tuple),
    guards=st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2),
    action=optional_text,
    salt=st.binary(min_size=16, max_size=16),
)


def pack(value: Any) -> bytes:
    """MessagePack written from its specification, for the types that the example uses."""
    if isinstance(value, dict):
        items = sorted(value.items())
        head = (
            bytes([0x80 | len(items)]) if len(items) < 16 else struct.pack(">BH", 0xDE, len(items))
        )
        return head + b"".join(pack(k) + pack(v) for k, v in items)
    if isinstance(value, list | tuple):
        return bytes([0x90 | len(value)]) + b"".join(map(pack, value))
    if isinstance(value, datetime):
        return b"\xd6\xff" + struct.pack(">I", int(value.timestamp()))
    if isinstance(value, bytes):
        return struct.pack(">BB", 0xC4, len(value)) + value
    if isinstance(value, float):
        return struct.pack(">Bd", 0xCB, value)
    if isinstance(value, str):
        text = value.encode()
        head = bytes([0xA0 | len(text)]) if len(text) < 32 else struct.pack(">BB", 0xD9, len(text))
        return head + text
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    assert isinstance(value, int)
    assert 0 <= value < 128
    return bytes([value])


def test_the_leaf_hash_is_the_one_that_the_contract_writes_down():
    present: dict[str, Any] = {}
    for name in DecisionRecord.__struct_fields__:
        if name not in ("input", "salt", "salts", "erased"):
            present[name] = getattr(FULL, name)
    present |= {"input.age": 41, "input.work": "Private"}
    digests, paths = {}, sorted(present)
    stream = hashlib.shake_128(b"0123456789abcdef").digest(16 * len(paths))
    for i, path in enumerate(paths):
        salt = stream[16 * i : 16 * i + 16]
        digests[path] = hashlib.sha256(salt + pack(present[path])).digest()
    assert leaf_hash(FULL) == hashlib.sha256(b"\x00" + pack(digests)).digest()


@given(records)
def test_a_record_survives_its_bytes_with_its_leaf_hash(record):
    again = from_bytes(to_bytes(record))
    assert again == record
    assert leaf_hash(again) == leaf_hash(record)


@given(records, st.lists(st.sampled_from(["output", "input", "guards"]), max_size=1))
def test_the_leaf_hash_is_the_same_straight_from_the_bytes(record, gone):
    less = erase(record, gone)
    assert leaf_of(to_bytes(less)) == leaf_hash(record)


@pytest.mark.parametrize("data", [b"", b"\x93\x01\x02\x03", b"\x81\xa2id\x01"])
def test_bytes_that_are_no_record_have_no_leaf(data):
    with pytest.raises(Corrupt, match="not a decision record"):
        leaf_of(data)


@given(records, st.data())
def test_erasing_values_keeps_the_leaf_hash_and_removes_the_values(record, data):
    names = sorted({"subject", "output", "guards", "reasons", "input", *values(record)})
    erasable = [n for n in names if n not in ("id", "time", "endpoint")]
    chosen = data.draw(st.lists(st.sampled_from(erasable)))
    less = erase(record, chosen)
    assert leaf_hash(less) == leaf_hash(record)
    left = set(values(less))
    assert not left & set(chosen)
    assert "input" not in chosen or not less.input
    assert left | set(less.erased) == set(values(record))
    assert from_bytes(to_bytes(less)) == less


@given(records, st.data())
def test_erasing_in_two_steps_is_erasing_at_once(record, data):
    erasable = [p for p in values(record) if p not in ("id", "time", "endpoint")]
    first = data.draw(st.sets(st.sampled_from(erasable))) if erasable else set()
    second = data.draw(st.sets(st.sampled_from(erasable))) if erasable else set()
    assert erase(erase(record, first), second) == erase(record, first | second)


@pytest.mark.parametrize("name", [f for f in DecisionRecord.__struct_fields__ if f != "salts"])
def test_the_leaf_hash_depends_on_every_field(name):
    other: dict[str, Any] = {
        "time": NOON + timedelta(microseconds=1),
        "input": {"age": 41, "work": "Public"},
        "output": 0,
        "reasons": ("work", "age"),
        "guards": {"range": "clipped"},
        "salt": b"0123456789abcdeF",
        "erased": {"gone": bytes(32)},
        "arm_probability": 0.8,
        "score": 0.6,
        "threshold": 0.4,
        "latency_ms": 1.25,
        "kept_probability": 0.5,
        "probabilities": {"no": 0.75, "yes": 0.25},
        "minimal": False,
    }
    changed = msgspec.structs.replace(FULL, **{name: other.get(name, "another")})
    assert leaf_hash(changed) != leaf_hash(FULL)


@given(inputs, inputs)
def test_inputs_that_differ_have_leaf_hashes_that_differ(one, two):
    hashes = [leaf_hash(msgspec.structs.replace(FULL, input=i)) for i in (one, two)]
    alike = msgspec.msgpack.encode(one, order="sorted") == msgspec.msgpack.encode(
        two, order="sorted"
    )
    assert (hashes[0] == hashes[1]) == alike


def test_an_absent_field_is_not_in_the_leaf_so_that_fields_can_be_added_later():
    bare = DecisionRecord(id=ID, time=NOON, endpoint="income")
    assert set(value_digests(bare)) == {"id", "time", "endpoint"}


def test_a_zero_a_false_and_an_empty_text_are_present():
    record = DecisionRecord(
        id=ID, time=NOON, endpoint="e", score=0.0, output=False, action="", input={"a": None}
    )
    assert {"score", "output", "action", "input.a"} <= set(values(record))


def test_equal_values_of_two_records_have_unequal_digests():
    one, two = (DecisionRecord(id=ID, time=NOON, endpoint="e", score=0.5) for _ in range(2))
    assert value_digests(one)["score"] != value_digests(two)["score"]


def test_nothing_left_in_an_erased_record_tells_a_guessed_value_from_another():
    less = erase(FULL, ["input.age"])
    known = [less.salt, *less.salts.values()]
    streams = [hashlib.shake_128(salt).digest(16 * 64) for salt in known]
    salts = known + [s[at : at + 16] for s in streams for at in range(0, len(s), 16)]
    guesses = [hashlib.sha256(salt + msgspec.msgpack.encode(41)).digest() for salt in salts]
    assert less.erased["input.age"] not in guesses


def test_erasing_what_is_absent_or_gone_changes_nothing():
    bare = DecisionRecord(id=ID, time=NOON, endpoint="e")
    assert erase(bare, ["subject"]) is bare
    less = erase(FULL, ["subject", "input.age"])
    assert erase(less, ["subject", "input.age"]) is less


def test_what_a_record_is_found_by_cannot_be_erased():
    with pytest.raises(BadInput, match="'time' cannot be erased"):
        erase(FULL, ["time"])


def test_an_unknown_field_to_erase_is_refused_with_the_nearest_name():
    with pytest.raises(BadInput) as refused:
        erase(FULL, ["input.agee"])
    assert "did you mean 'input.age'?" in str(refused.value)


def test_a_value_shown_in_the_place_of_an_erased_one_is_refused():
    less = erase(FULL, ["input.age"])
    forged = msgspec.structs.replace(
        less, input={**less.input, "age": 99}, salts={**less.salts, "input.age": bytes(16)}
    )
    with pytest.raises(Corrupt, match=r"'input\.age' is erased and yet shown"):
        leaf_hash(forged)


def test_a_salt_that_swallows_the_head_of_a_list_is_refused():
    record = erase(msgspec.structs.replace(FULL, output=[1, 2]), ["subject"])
    head = msgspec.msgpack.encode([1, 2])[:-1]
    salts = {**record.salts, "output": record.salts["output"] + head}
    with pytest.raises(Corrupt, match="no salt of 16 bytes for 'output'"):
        leaf_hash(msgspec.structs.replace(record, output=2, salts=salts))


def test_what_is_disclosed_leads_to_the_digests_in_the_leaf():
    less = erase(FULL, ["subject"])
    leaf = msgspec.msgpack.decode(leaf_data(less))
    shown = disclose(less)
    assert set(leaf) - set(shown) == {"subject"}
    assert all(hashlib.sha256(s + v).digest() == leaf[p] for p, (s, v) in shown.items())


def test_a_time_is_the_same_value_in_any_zone():
    shifted = NOON.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert leaf_hash(msgspec.structs.replace(FULL, time=shifted)) == leaf_hash(FULL)


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="needs its zone"):
        DecisionRecord(id=ID, time=NOON.replace(tzinfo=None), endpoint="e")


def test_bytes_that_are_no_record_are_corrupt():
    with pytest.raises(Corrupt, match="not a decision record"):
        from_bytes(b"\x93\x01\x02\x03")
