from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seawall.approvals.approval import Approval, Conditions, combine
from seawall.approvals.challenge import Challenge
from seawall.approvals.exception import PolicyException, waived
from seawall.approvals.workflow import decide, limits
from seawall.kernel import BadInput, Conflict, Digest, Forbidden, Outcome
from seawall.registry.model import Model
from seawall.registry.provenance import Provenance
from seawall.registry.version import Artefact, register

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
VERSION = register(
    Model(name="income", owner="mara", tier="high", purpose="p"),
    Artefact(digest=Digest.of(b"w"), format="onnx", size=1),
    Provenance(author="dev"),
    (),
    at=NOW,
)


def approval(approver: str, *, days: float = 0, **changes) -> Approval:
    base = Approval(
        id=f"{approver}-{days}",
        version="income@1",
        approver=approver,
        decision="approve",
        suitable=True,
        rating_affirmed=True,
        time=NOW + days * DAY,
    )
    return msgspec.structs.replace(base, **changes)


def outcome(*approvals: Approval, tier="high", now=NOW + 10 * DAY, **more) -> Outcome:
    return decide(VERSION, approvals, tier, now, **more).outcome


@pytest.mark.parametrize(("tier", "needed"), [("low", 1), ("medium", 1), ("high", 2)])
def test_a_tier_needs_its_number_of_different_approvers(tier: str, needed: int) -> None:
    people = [approval(f"p{i}") for i in range(needed)]
    assert outcome(*people, tier=tier) is Outcome.PASS
    assert outcome(*people[:-1], tier=tier) is Outcome.UNDECIDED


def test_one_person_who_approves_twice_counts_once() -> None:
    assert outcome(approval("ann"), approval("ann", days=1)) is Outcome.UNDECIDED


def test_a_rejection_fails_whatever_others_say() -> None:
    no = approval("cy", decision="reject", comment="labels leak")
    verdict = decide(VERSION, [approval("ann"), approval("bo"), no], "high", NOW)
    assert verdict.outcome is Outcome.FAIL
    assert "cy rejects it: labels leak" in [r.message for r in verdict.reasons]


def test_the_latest_decision_of_an_approver_stands() -> None:
    no = approval("ann", decision="reject")
    assert outcome(no, approval("ann", days=1), approval("bo")) is Outcome.PASS
    later_no = approval("ann", days=2, decision="reject")
    assert outcome(later_no, approval("ann", days=1), approval("bo")) is Outcome.FAIL


@pytest.mark.parametrize("answer", ["suitable", "rating_affirmed"])
def test_an_approval_without_both_answers_does_not_count(answer: str) -> None:
    half = approval("ann", **{answer: False})
    assert outcome(half, approval("bo")) is Outcome.UNDECIDED


def test_the_author_cannot_approve() -> None:
    assert outcome(approval("dev"), approval("bo")) is Outcome.UNDECIDED


def test_an_approval_of_another_version_does_not_count() -> None:
    assert outcome(approval("ann", version="income@11"), approval("bo")) is Outcome.UNDECIDED


def test_a_conditional_approval_lapses_at_its_expiry() -> None:
    brief = approval("ann", conditions=Conditions(expires=NOW + 5 * DAY))
    before, at = NOW + 5 * DAY - timedelta(microseconds=1), NOW + 5 * DAY
    assert outcome(brief, approval("bo"), now=before) is Outcome.PASS
    assert outcome(brief, approval("bo"), now=at) is Outcome.UNDECIDED


def test_an_open_challenge_leaves_the_version_undecided() -> None:
    open_ = Challenge(id="1", version="income@1", challenger="val", text="leak?", time=NOW)
    closed = open_.answer("dev", "no", NOW).close("val", "added a check", NOW)
    assert outcome(approval("a"), approval("b"), challenges=[open_]) is Outcome.UNDECIDED
    assert outcome(approval("a"), approval("b"), challenges=[closed]) is Outcome.PASS


def test_limits_are_those_of_approvals_in_force() -> None:
    tight = approval("ann", conditions=Conditions(traffic_share=0.05, expires=NOW + DAY))
    loose = approval("bo", conditions=Conditions(traffic_share=0.5))
    assert limits(VERSION, [tight, loose], NOW).traffic_share == 0.05
    assert limits(VERSION, [tight, loose], NOW + 2 * DAY).traffic_share == 0.5


conditions = st.builds(
    Conditions,
    traffic_share=st.none() | st.floats(0.01, 1),
    amount=st.none() | st.floats(1, 1e6),
    segment=st.dictionaries(
        st.sampled_from("ab"),
        st.lists(st.sampled_from("xyz"), unique=True).map(tuple),
    ),
    expires=st.none() | st.integers(1, 99).map(lambda d: NOW + d * DAY),
)


@settings(max_examples=50, deadline=None)
@given(st.lists(conditions, max_size=4))
def test_combined_limits_are_within_each_of_them(every: list[Conditions]) -> None:
    both = combine(every)
    for one in every:
        for name in ("traffic_share", "amount", "expires"):
            bound = getattr(one, name)
            assert bound is None or getattr(both, name) <= bound
        for column, values in one.segment.items():
            assert set(both.segment[column]) <= set(values)


@settings(max_examples=50, deadline=None)
@given(conditions)
def test_combining_one_limit_or_none_changes_nothing(one: Conditions) -> None:
    assert combine([one]) == combine([one, one]) == combine([one, Conditions()]) == one


def test_conditions_read_as_a_sentence() -> None:
    every = Conditions(
        traffic_share=0.05, segment={"STATE": ("MA", "NH")}, amount=50_000, expires=NOW
    )
    assert every.text == (
        "at most 5% of traffic; STATE in MA, NH; amounts up to 50,000; until 2026-03-01 00:00 UTC"
    )


@pytest.mark.parametrize("bad", [{"traffic_share": 0}, {"traffic_share": 5}, {"amount": -1}])
def test_a_limit_out_of_range_is_refused(bad: dict) -> None:
    with pytest.raises(BadInput):
        Conditions(**bad)


def test_a_challenge_is_answered_by_another_and_closed_by_its_challenger() -> None:
    challenge = Challenge(id="1", version="income@1", challenger="val", text="leak?", time=NOW)
    with pytest.raises(Conflict, match="no answer yet"):
        challenge.close("val", "nothing", NOW)
    with pytest.raises(Forbidden, match="cannot answer"):
        challenge.answer("val", "no", NOW)
    answered = challenge.answer("dev", "the column is dropped", NOW)
    with pytest.raises(Forbidden, match="only val can close"):
        answered.close("dev", "nothing", NOW)
    with pytest.raises(BadInput, match="must say what changed"):
        answered.close("val", " ", NOW)
    closed = answered.close("val", "column dropped in income@2", NOW)
    assert not closed.open
    with pytest.raises(Conflict):
        closed.answer("dev", "more", NOW)


def exception(**changes) -> PolicyException:
    fields = {
        "id": "1",
        "version": "income@1",
        "rule": "fair by SEX",
        "reason": "pilot",
        "requester": "dev",
        "approver": "ann",
        "granted": NOW,
        "expires": NOW + DAY,
    }
    return PolicyException(**(fields | changes))


def test_an_exception_waives_its_rule_until_it_expires() -> None:
    given_ = [exception()]
    said = {"fair by SEX": "pilot; granted by ann until 2026-03-02"}
    assert waived(given_, "income@1", NOW) == said
    assert waived(given_, "income@1", NOW + DAY) == {}
    assert waived(given_, "income@2", NOW) == {}


def test_nobody_grants_their_own_exception_or_one_without_reason_or_end() -> None:
    with pytest.raises(Forbidden):
        exception(approver="dev")
    with pytest.raises(BadInput, match="needs a reason"):
        exception(reason="")
    with pytest.raises(BadInput, match="must expire after"):
        exception(expires=NOW)


def test_records_of_a_version_are_kept_under_its_key() -> None:
    challenge = Challenge(id="7", version="income@1", challenger="val", text="t", time=NOW)
    assert [approval("ann").key, challenge.key, exception().key] == [
        "income@1/ann-0",
        "income@1/7",
        "income@1/1",
    ]


def test_an_expiry_needs_its_time_zone_and_an_answer_its_text() -> None:
    with pytest.raises(BadInput, match="no time zone"):
        Conditions(expires=datetime(2026, 3, 1))  # noqa: DTZ001 -- the fault under test
    challenge = Challenge(id="7", version="income@1", challenger="val", text="t", time=NOW)
    with pytest.raises(BadInput, match="is empty"):
        challenge.answer("dev", " ", NOW)
    closed = challenge.answer("dev", "a", NOW).close("val", "nothing, because a", NOW)
    with pytest.raises(Conflict, match="already closed"):
        closed.close("val", "again", NOW)
