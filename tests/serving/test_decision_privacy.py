"""The privacy rule: what of an input may be kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seawall.kernel import BadInput
from seawall.serving.decision import apply_privacy
from seawall.serving.decision_privacy import digest, is_value, token

KEY = bytes(range(32))
small = st.integers(0, 200) | st.text(max_size=5) | st.booleans()


def test_each_rule_keeps_what_it_says():
    given_ = {"age": 41, "name": "Ada", "zip": "02139", "ssn": "1"}
    rules = {"name": "digest", "zip": "token", "ssn": "drop"}
    kept = apply_privacy(given_, rules, KEY)
    assert list(kept) == ["age", "name", "zip"]
    assert kept["age"] == 41
    assert is_value(kept["name"], "name", "Ada", KEY)
    assert is_value(kept["zip"], "zip", "02139", KEY)


def test_a_star_rules_the_fields_without_a_rule():
    assert apply_privacy({"age": 41, "zip": "0"}, {"*": "drop", "age": "plain"}, KEY) == {"age": 41}


def test_an_absent_value_stays_absent():
    rules = {"a": "token", "b": "digest", "c": "drop"}
    assert apply_privacy(dict.fromkeys("abcd"), rules, KEY) == dict.fromkeys("abd")


@given(small, small)
def test_a_token_or_digest_is_of_its_value_and_of_no_other(one, two):
    same = type(one) is type(two) and one == two
    assert is_value(token("f", one, KEY), "f", two, KEY) == same
    assert is_value(digest("f", one, KEY), "f", two, KEY) == same


def test_tokens_join_within_a_field_and_a_key_only():
    assert token("f", 1, KEY) == token("f", 1, KEY)
    assert len({token("f", 1, KEY), token("g", 1, KEY), token("f", 1, KEY[::-1])}) == 3


def test_no_two_digests_are_alike():
    assert digest("f", 1, KEY) != digest("f", 1, KEY)


def test_without_the_key_a_value_cannot_be_tried():
    assert not is_value(digest("f", 1, KEY), "f", 1, bytes(32))


def test_an_unknown_rule_is_refused_with_the_nearest_name():
    with pytest.raises(BadInput) as refused:
        apply_privacy({"a": 1}, {"a": "tokn"}, KEY)  # pyright: ignore[reportArgumentType]
    assert str(refused.value) == "no privacy rule 'tokn' (a); did you mean 'token'?"


@pytest.mark.parametrize("rule", ["token", "digest"])
def test_a_short_key_is_refused_before_anything_is_kept_under_it(rule):
    with pytest.raises(BadInput, match="key is too short"):
        apply_privacy({"a": 1}, {"a": rule}, b"secret")


@pytest.mark.parametrize("text", ["plain", "token", "digest:zz", "sha256:00:00:00", "digest:zz:00"])
def test_a_text_that_is_neither_is_refused(text):
    with pytest.raises(BadInput, match="neither a token nor a digest"):
        is_value(text, "f", 1, KEY)
