from __future__ import annotations

import math
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seawall.kernel import (
    SYSTEM,
    BadInput,
    Clock,
    Conflict,
    Corrupt,
    Digest,
    Estimate,
    Event,
    FixedClock,
    Forbidden,
    Ids,
    NotFound,
    Outcome,
    Reason,
    Rule,
    SeawallError,
    SystemClock,
    Unauthenticated,
    Unavailable,
    Verdict,
    Window,
    all_of,
    convert,
    from_json,
    from_ns,
    id_time,
    nearest,
    now,
    to_builtins,
    to_json,
    to_ns,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
INF, NAN = math.inf, math.nan
PASS, FAIL, UNDECIDED = Outcome.PASS, Outcome.FAIL, Outcome.UNDECIDED
first, last = (datetime(year, 1, 1) for year in (1970, 2200))  # noqa: DTZ001 -- as hypothesis asks
moments = st.datetimes(first, last, timezones=st.just(UTC))
sizes = st.timedeltas(timedelta(seconds=1), timedelta(days=400))
outcomes = st.sampled_from(Outcome)


def estimate(low: float, high: float, value: float = 0.5) -> Estimate:
    return Estimate(value, low, high, 0.95, 100, "by hand")


def verdict(outcome: Outcome, rule: str = "r") -> Verdict:
    return Verdict(outcome, (Reason(rule, "said", outcome),))


# --- errors ---


def test_an_error_says_what_where_and_what_to_do_in_one_line() -> None:
    error = BadInput("the file\nis torn", where="a.csv", remedy="write it\nagain")
    assert str(error) == "the file is torn (a.csv); write it again"
    assert str(NotFound("there is no model 'x'")) == "there is no model 'x'"


@pytest.mark.parametrize(
    ("kind", "http", "status"),
    [
        (BadInput, 400, 2),
        (Unauthenticated, 401, 2),
        (Forbidden, 403, 2),
        (NotFound, 404, 2),
        (Conflict, 409, 2),
        (Unavailable, 503, 2),
        (Corrupt, 500, 2),
    ],
)
def test_every_error_has_its_http_and_exit_status(
    kind: type[SeawallError], http: int, status: int
) -> None:
    assert (kind.http, kind.status) == (http, status)


# --- digests ---


@given(st.binary())
def test_a_digest_reads_back_from_its_text(data: bytes) -> None:
    digest = Digest.of(data)
    assert Digest.parse(str(digest)) == digest
    assert digest == f"sha256:{digest.hex}"
    assert digest.hex.startswith(digest.short)


def test_a_digest_is_that_of_the_standard() -> None:
    assert Digest.of(b"").hex == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize(
    "text", ["", "sha256:", "sha256:" + "A" * 64, "md5:" + "a" * 64, "sha256:" + "a" * 64 + "\n"]
)
def test_what_is_no_digest_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="not a digest"):
        Digest.parse(text)


# --- time ---


@given(moments)
def test_nanoseconds_read_back_to_the_microsecond(moment: datetime) -> None:
    assert from_ns(to_ns(moment)) == moment


def test_a_moment_in_any_zone_has_the_same_nanoseconds() -> None:
    from datetime import timezone

    east = NOON.astimezone(timezone(timedelta(hours=9)))
    assert to_ns(east) == to_ns(NOON)


@given(moments, sizes)
def test_a_window_holds_its_moment_and_stands_on_the_grid(
    moment: datetime, size: timedelta
) -> None:
    window = Window.containing(moment, size)
    assert moment in window
    assert window.end - window.start == size
    assert to_ns(window.start) % to_ns(datetime(1970, 1, 1, tzinfo=UTC) + size) == 0


def test_a_window_is_half_open() -> None:
    window = Window(NOON, NOON + timedelta(hours=1))
    assert NOON in window
    assert window.end not in window
    assert Window.containing(window.end, timedelta(hours=1)).start == window.end


def test_a_fixed_clock_moves_only_when_told() -> None:
    clock = FixedClock(NOON)
    assert now(clock) == now(clock) == NOON
    clock.advance(timedelta(seconds=-90))
    assert now(clock) == NOON - timedelta(seconds=90)


def test_the_machines_clock_is_a_clock() -> None:
    clock = SystemClock()
    assert isinstance(clock, Clock)
    before, after = clock.now_ns(), clock.now_ns()
    assert before <= after


# --- ids ---


@given(st.lists(st.timedeltas(timedelta(hours=-2), timedelta(hours=2)), max_size=30))
def test_ids_strictly_increase_whatever_the_clock_does(jumps: list[timedelta]) -> None:
    clock = FixedClock(NOON)
    ids = Ids(clock)
    made = [ids()]
    for jump in jumps:
        clock.advance(jump)
        made += [ids(), ids()]
    assert made == sorted(set(made))


def test_more_ids_than_a_millisecond_counts_go_on_in_the_next() -> None:
    ids = Ids(FixedClock(NOON))
    made = [ids() for _ in range(5_000)]
    assert made == sorted(set(made))
    assert id_time(made[-1]) == NOON + timedelta(milliseconds=1)


@given(moments)
def test_an_id_is_a_uuid_of_version_7_that_tells_its_time(moment: datetime) -> None:
    made = Ids(FixedClock(moment))()
    read = uuid.UUID(made)
    assert (read.version, read.variant, str(read)) == (7, uuid.RFC_4122, made)
    assert id_time(made) == moment - timedelta(microseconds=moment.microsecond % 1_000)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "income@1",
        "5e60902f-d82c-4c34-af5a-6a578442e4bd",
        "0198c0de-0000-7000-0000-000000000000",  # the variant is not that of RFC 9562
        "0198c0de000070008000000000000000",
        "ffffffff-ffff-7fff-bfff-ffffffffffff",  # the year 10889
    ],
)
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="not a Seawall id"):
        id_time(text)


# --- estimates ---

numbers = st.floats(-1e9, 1e9)
bounds = st.one_of(numbers, st.sampled_from([INF, -INF]))


@given(numbers, bounds, bounds)
def test_an_estimate_reads_back_from_json_with_its_infinite_bounds(
    value: float, a: float, b: float
) -> None:
    low, high = min(a, b), max(a, b)
    if low == INF or high == -INF:
        return
    given = estimate(low, high, value)
    assert from_json(to_json(given), Estimate) == given
    assert convert(msgspec.json.decode(to_json(given)), Estimate) == given
    assert convert(given.to_dict(), Estimate) == given
    assert convert(to_builtins(given), Estimate) == given


def test_the_json_of_an_estimate_says_null_for_what_json_cannot_say() -> None:
    given = estimate(0.2, INF, INF)
    shape = {
        "value": None,
        "low": 0.2,
        "high": None,
        "confidence": 0.95,
        "n": 100,
        "method": "by hand",
        "validity": "fixed",
    }
    assert given.to_dict() == shape
    assert msgspec.json.decode(to_json(given)) == shape
    assert from_json(to_json(given), Estimate) == given


def test_an_undefined_estimate_reads_back_undefined_and_decides_nothing() -> None:
    back = from_json(to_json(estimate(NAN, NAN, NAN)), Estimate)
    assert math.isnan(back.value)
    for rule in (Rule("m", at_most=0.1), Rule("m", at_least=0.1), Rule("m", within=0.1)):
        assert rule.judge(back).outcome is UNDECIDED


def test_an_estimate_inside_another_value_reads_back() -> None:
    given = Verdict(UNDECIDED, (Reason("r", "m", UNDECIDED, estimate(-INF, INF)),))
    assert from_json(to_json(given), Verdict) == given


def test_a_bound_of_text_is_refused() -> None:
    with pytest.raises(BadInput, match=r"\$\.low"):
        from_json(to_json(estimate(0, 1)).replace(b'"low":0', b'"low":"0"'), Estimate)


def test_an_estimate_prints_with_its_interval() -> None:
    assert f"{estimate(0.1, 0.9)}" == "0.5 [0.1, 0.9]"
    assert f"{estimate(0.1, INF):.1f}" == "0.5 [0.1, inf]"


# --- rules ---

AT_MOST, AT_LEAST = Rule("m", at_most=0.5), Rule("m", at_least=0.5)
WITHIN = Rule("m", within=0.5)


@pytest.mark.parametrize(
    ("rule", "low", "high", "expected"),
    [
        (AT_MOST, 0.1, 0.5, PASS),
        (AT_MOST, 0.1, 0.6, UNDECIDED),
        (AT_MOST, 0.5, 0.6, UNDECIDED),
        (AT_MOST, 0.51, 0.6, FAIL),
        (AT_MOST, -INF, 0.5, PASS),
        (AT_MOST, -INF, INF, UNDECIDED),
        (AT_MOST, 0.6, INF, FAIL),
        (AT_LEAST, 0.5, 0.9, PASS),
        (AT_LEAST, 0.4, 0.9, UNDECIDED),
        (AT_LEAST, 0.4, 0.5, UNDECIDED),
        (AT_LEAST, 0.1, 0.49, FAIL),
        (AT_LEAST, 0.5, INF, PASS),
        (AT_LEAST, -INF, INF, UNDECIDED),
        (AT_LEAST, -INF, 0.4, FAIL),
        (WITHIN, -0.5, 0.5, PASS),
        (WITHIN, -0.6, 0.5, UNDECIDED),
        (WITHIN, -0.5, 0.6, UNDECIDED),
        (WITHIN, 0.51, 0.6, FAIL),
        (WITHIN, -0.6, -0.51, FAIL),
        (WITHIN, -INF, INF, UNDECIDED),
        (WITHIN, 0.6, INF, FAIL),
        (AT_MOST, NAN, 0.1, UNDECIDED),
        (AT_LEAST, 0.9, NAN, UNDECIDED),
        (WITHIN, NAN, NAN, UNDECIDED),
    ],
)
def test_a_rule_decides_on_the_whole_interval(
    rule: Rule, low: float, high: float, expected: Outcome
) -> None:
    judged = rule.judge(estimate(low, high, NAN))
    assert judged.outcome is expected
    assert [r.outcome for r in judged.reasons] == [expected]


@given(bounds, bounds, st.floats(0, 1e6))
def test_a_rule_and_its_mirror_image_agree(a: float, b: float, tolerance: float) -> None:
    low, high = min(a, b), max(a, b)
    most = Rule("m", at_most=tolerance).judge(estimate(low, high)).outcome
    least = Rule("m", at_least=-tolerance).judge(estimate(-high, -low)).outcome
    assert most is least


def test_what_was_not_measured_is_undecided() -> None:
    judged = AT_MOST.judge(None)
    assert judged.outcome is UNDECIDED
    assert judged.reasons[0].message == "m was not measured"


def test_a_reason_names_the_rule_the_interval_and_the_rows() -> None:
    reason = AT_MOST.judge(estimate(0.1, 0.4)).reasons[0]
    assert reason.rule == "m at most 0.5"
    assert reason.message == "m at most 0.5 holds: 0.5 [0.1, 0.4] at 95%, n=100"
    assert reason.estimate == estimate(0.1, 0.4)


@pytest.mark.parametrize(
    "bounds_given",
    [{}, {"at_most": 1.0, "at_least": 0.0}, {"at_most": INF}, {"at_least": NAN}, {"within": -0.1}],
)
def test_a_rule_has_exactly_one_bound_that_can_be_met(bounds_given: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="rule on 'm'"):
        Rule("m", **bounds_given)


def test_a_rule_reads_as_a_person_writes_it() -> None:
    assert AT_LEAST.text == "m at least 0.5"
    assert WITHIN.text == "m within 0.5"
    assert convert({"measure": "m", "at_most": 0.5}, Rule) == AT_MOST
    with pytest.raises(BadInput, match="at_mots"):
        convert({"measure": "m", "at_mots": 0.5}, Rule)


# --- verdicts ---

_ORDER = {FAIL: 0, UNDECIDED: 1, PASS: 2}


@given(st.lists(outcomes, min_size=1))
def test_a_conjunction_is_the_least_of_its_parts(parts: list[Outcome]) -> None:
    assert all_of(map(verdict, parts)).outcome is min(parts, key=_ORDER.__getitem__)


@given(st.lists(outcomes, min_size=1), st.lists(outcomes, min_size=1))
def test_a_conjunction_does_not_mind_order_or_grouping(a: list[Outcome], b: list[Outcome]) -> None:
    left, right = all_of(map(verdict, a)), all_of(map(verdict, b))
    assert all_of([left, right]).outcome is all_of(map(verdict, b + a)).outcome
    assert all_of([left, left]).outcome is left.outcome
    assert len(all_of([left, right]).reasons) == len(a) + len(b)


def test_an_empty_conjunction_shows_nothing() -> None:
    assert all_of([]) == Verdict(UNDECIDED)


@given(outcomes)
def test_a_verdict_is_never_a_truth_value(outcome: Outcome) -> None:
    with pytest.raises(TypeError, match=r"compare \.outcome"):
        bool(verdict(outcome))


def test_a_verdict_has_the_shape_and_exit_status_of_the_contract() -> None:
    judged = AT_MOST.judge(estimate(0.6, INF))
    shown = judged.to_dict()
    assert shown["outcome"] == "fail"
    assert shown["reasons"][0]["rule"] == "m at most 0.5"
    assert shown["reasons"][0]["estimate"]["high"] is None
    assert "estimate" not in verdict(PASS).to_dict()["reasons"][0]
    assert [o.exit_status for o in (PASS, FAIL, UNDECIDED)] == [0, 1, 3]


# --- events, wire form ---


def test_an_event_type_has_three_parts() -> None:
    with pytest.raises(ValueError, match="source:subject:action"):
        Event("1", "Made", "x", NOON, "ada")
    assert Event("1", "registry:version:registered", "x", NOON, str(SYSTEM)).actor == "seawall"


class _Held(msgspec.Struct, frozen=True):
    digest: Digest
    at: datetime
    rules: tuple[Rule, ...] = ()
    more: dict[str, Digest] = {}


@given(st.binary(), moments, st.lists(st.floats(-10, 10), max_size=3))
def test_a_value_reads_back_from_its_wire_form(
    data: bytes, at: datetime, tolerances: list[float]
) -> None:
    rules = tuple(Rule("m", at_most=t) for t in tolerances)
    value = _Held(Digest.of(data), at, rules, {"a": Digest.of(b"a")})
    assert from_json(to_json(value), _Held) == value
    assert convert(to_builtins(value), _Held) == value
    assert isinstance(from_json(to_json(value), _Held).digest, Digest)


def test_equal_values_have_equal_json() -> None:
    assert to_json({"b": 1, "a": 2}) == to_json({"a": 2, "b": 1}) == b'{"a":2,"b":1}'


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'{"digest":"md5:1","at":"2026-03-01T12:00:00Z"}', b"\xff"]
)
def test_what_cannot_be_read_is_bad_input(body: bytes) -> None:
    with pytest.raises(BadInput):
        from_json(body, _Held)


@pytest.mark.parametrize("value", [{"digest": 1}, [], {"digest": "x", "at": NOON.isoformat()}])
def test_what_cannot_be_converted_is_bad_input(value: Any) -> None:
    with pytest.raises(BadInput):
        convert(value, _Held)


def test_a_value_without_a_wire_form_is_our_own_error() -> None:
    with pytest.raises(NotImplementedError, match="no wire form"):
        to_json({"x": object()})


def test_a_remedy_names_the_nearest_or_what_there_is() -> None:
    assert nearest("incme", ["income", "credit"]) == "did you mean 'income'?"
    assert nearest("zzz", ["b", "a"]) == "there is a, b"
    assert nearest("zzz", map(str, range(9))).endswith(", …")
    assert nearest("zzz", []) == "there is none yet"
