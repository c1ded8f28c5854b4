import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seawall.audit.entry import Entry, canonical, parse
from seawall.kernel import BadInput, Corrupt, Digest

MOMENT = datetime(2026, 3, 1, 12, 0, 0, 5, tzinfo=UTC)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


def entry(detail: dict[str, Any] | None = None, **changes: Any) -> Entry:
    fields = {
        "id": "0198", "time": MOMENT, "actor": "ana", "action": "registry:version:registered",
        "subject": "income@3", "detail": detail or {},
    }  # fmt: skip
    return Entry(**(fields | changes))


def test_an_entry_is_canonical_json() -> None:
    assert canonical(entry({"b": 1.0, "a": "é"})) == (
        b'{"action":"registry:version:registered","actor":"ana","detail":{"a":"\xc3\xa9","b":1},'
        b'"id":"0198","subject":"income@3","time":"2026-03-01T12:00:00.000005Z"}'
    )


@given(st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), json_values, max_size=4))
def test_an_entry_reads_back(detail: dict[str, Any]) -> None:
    data = canonical(entry(detail))
    assert parse(data).detail == detail
    assert json.loads(data, parse_int=float)["detail"] == json.loads(
        json.dumps(detail), parse_int=float
    )


@pytest.mark.parametrize(
    "number", [2.0**53, 5.082731754944034e16, 1e20, -1e20, 1e21, 1e300, 5e-324]
)
def test_a_large_float_reads_back(number: float) -> None:
    assert parse(canonical(entry({"x": [number]}))).detail == {"x": [number]}


def test_a_time_in_another_zone_is_the_same_entry() -> None:
    there = MOMENT.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert canonical(entry(time=there)) == canonical(entry())


def test_digests_and_times_stand_in_detail_as_text() -> None:
    data = canonical(entry({"digest": Digest.of(b""), "at": MOMENT}))
    assert parse(data).detail["digest"] == str(Digest.of(b""))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**60, {"x"}.__iter__()])
def test_what_json_cannot_say_is_refused(value: object) -> None:
    with pytest.raises(BadInput, match="registry:version:registered"):
        canonical(entry({"value": value}))


def test_an_entry_without_zone_is_refused() -> None:
    with pytest.raises(BadInput, match="zone"):
        canonical(entry(time=datetime(2026, 1, 1)))  # noqa: DTZ001


def test_an_entry_above_65535_bytes_is_refused() -> None:
    rest = len(canonical(entry({"x": ""})))
    assert len(canonical(entry({"x": "a" * (65_535 - rest)}))) == 65_535
    with pytest.raises(BadInput, match="digest"):
        canonical(entry({"x": "a" * (65_536 - rest)}))


@pytest.mark.parametrize("action", ["registered", "registry:version", "A:b:c", "a:b:c:d", ""])
def test_an_action_reads_source_subject_action(action: str) -> None:
    with pytest.raises(ValueError, match="source:subject:action"):
        entry(action=action)


@pytest.mark.parametrize("old", [b'"actor"', b'"ana",', b"2026-", b'"registry:version:registered"'])
def test_bytes_that_are_not_canonical_are_refused(old: bytes) -> None:
    data = canonical(entry())
    for new in (b" " + old, old[:-1], old.replace(b":", b"")):
        if new != old:
            with pytest.raises(Corrupt):
                parse(data.replace(old, new))


def test_another_rendering_of_the_same_entry_is_refused() -> None:
    with pytest.raises(Corrupt, match="canonical"):
        parse(msgspec.json.encode(entry()))
