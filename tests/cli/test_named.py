from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from seawall.cli.named import coming, cost_values, moment, public_key, span, tolerances
from seawall.kernel import BadInput


@pytest.mark.parametrize(
    ("text", "hours"), [("90m", 1.5), ("12h", 12), ("7d", 168), ("1.5d", 36), ("2w", 336)]
)
def test_spans_of_time_are_read_as_people_write_them(text, hours):
    assert span(text, "--age") == timedelta(hours=hours)


@pytest.mark.parametrize("text", ["", "7", "d", "0d", "-1d", "7 days", "9999999w", "١d"])
def test_what_is_no_span_of_time_is_told(text):
    with pytest.raises(BadInput, match=r"--age .* is no span of time"):
        span(text, "--age")


def test_a_span_is_before_now_for_what_was_and_after_now_for_what_comes():
    now = datetime.now(UTC)
    assert moment("2h", "--since") < now < coming("2h", "--expires")
    assert coming("2026-03-02T12:00", "--expires") == datetime(2026, 3, 2, 12, tzinfo=UTC)
    with pytest.raises(BadInput, match="--expires 'soon' is no time"):
        coming("soon", "--expires")


@pytest.mark.parametrize("text", ["ks", "ks=", "=0.1", "ks=much"])
def test_a_tolerance_that_is_no_named_number_is_told(text):
    with pytest.raises(BadInput, match=r"--tolerance .* is not NAME=NUMBER"):
        tolerances([text])


def test_a_name_is_given_once():
    with pytest.raises(BadInput, match="--cost names tp twice"):
        cost_values("tp=1,tp=2")


def test_a_key_that_cannot_be_read_is_told_by_its_path(tmp_path):
    for path in (tmp_path, tmp_path / "nowhere.pem"):
        with pytest.raises(BadInput, match=f"no public key: .*{path.name}"):
            public_key(path)
