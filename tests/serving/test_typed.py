"""The fast reader beside the validator, which is slower and says what is wrong."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from hypothesis import given
from tests.serving.test_validate import GOOD, VALIDATOR, records

from seawall.serving.typed import TypedReader

READER = TypedReader(VALIDATOR.signature, ("who",))


def body(*rows: dict[str, Any]) -> bytes:
    return msgspec.json.encode({"dataframe_records": rows})


@given(records)
def test_it_takes_only_what_the_validator_takes_with_equal_numbers(record: dict[str, Any]):
    checked = VALIDATOR.records([record])
    in_memory, as_json = READER.record(record), READER.invocation(body(record))
    if in_memory is not None:
        assert not checked.bad[0]
        assert not checked.violations
        np.testing.assert_array_equal(checked.matrix[0], in_memory.values)
    if as_json is not None:
        assert not checked.bad[0]
        np.testing.assert_array_equal(checked.matrix[0], as_json[0][0].values)


def test_a_good_record_is_taken():
    assert READER.record(GOOD) is not None
    found = READER.invocation(body(GOOD, GOOD))
    assert found is not None
    assert [row.sent for row in found[0]] == [GOOD, GOOD]


def test_fields_beside_the_inputs_are_kept_where_they_are_known_and_nowhere_else():
    found = READER.record(GOOD | {"who": "anna"})
    assert found is not None
    assert (len(found.values), found.sent["who"]) == (5, "anna")
    assert READER.record(GOOD | {"other": 1}) is None
    assert READER.record(GOOD | {"who": "x" * 129}) is None
    assert READER.record(GOOD | {"who": 2**64}) is None


def test_parameters_come_with_the_rows():
    given_ = msgspec.json.encode({"dataframe_records": [GOOD], "params": {"subject": "s-1"}})
    found = READER.invocation(given_)
    assert found is not None
    assert found[1] == {"subject": "s-1"}


def test_what_is_not_such_a_body_is_left_to_others():
    for other in (b"", b"[]", b"{", b"\xff", b"[" * 5_000, body(), b'{"inputs": [[1]]}'):
        assert READER.invocation(other) is None
