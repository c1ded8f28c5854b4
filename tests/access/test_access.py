from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st

from seawall.access.action import Action
from seawall.access.identity import Identity
from seawall.access.permission import permit
from seawall.access.role import Role
from seawall.access.separation import require_separation
from seawall.access.token import Token, TokenRecord, mint, parse
from seawall.adapters.identity import hash_secret, hashing, verify_secret
from seawall.kernel import Actor, Forbidden, Unauthenticated

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
A, R = Action, Role


def who(*roles: Role, **fields: Any) -> Identity:
    return Identity(id="ana", roles=roles, created=MOMENT, **fields)


# what each role may do, written down apart from the policies
READS = {A.READ, A.OPEN_INCIDENT}
MATRIX = {
    R.DEVELOPER: READS | {A.REGISTER, A.GATE},
    R.VALIDATOR: READS | {A.VALIDATE, A.GATE, A.READ_AUDIT, A.READ_PROTECTED},
    R.APPROVER: READS | {A.APPROVE, A.REJECT, A.RETIRE, A.READ_AUDIT},
    R.OPERATOR: READS
    | {
        A.DEPLOY,
        A.ERASE,
        A.ROLLBACK,
        A.GATE,
        A.RECORD_OUTCOME,
        A.RESOLVE_INCIDENT,
        A.RETIRE,
        A.READ_AUDIT,
    },
    R.REVIEWER: READS | {A.REVIEW, A.RECORD_OUTCOME},
    R.AUDITOR: READS | {A.READ_AUDIT, A.READ_PROTECTED},
    R.ADMINISTRATOR: {A.MANAGE_IDENTITIES, A.READ},
    R.GATEWAY: set[Action](),
}


@pytest.mark.parametrize("role", Role)
def test_a_role_may_do_exactly_what_is_written_down(role: Role) -> None:
    assert {action for action in Action if permit(who(role), action, {}).allowed} == MATRIX[role]


def test_a_gateway_is_a_service_that_reads_and_reports() -> None:
    gateway = who(R.GATEWAY, account="service")
    allowed = {action for action in Action if permit(gateway, action, {}).allowed}
    assert allowed == {A.READ, A.TELEMETRY, A.RECORD_OUTCOME}


@given(st.sets(st.sampled_from(Role)), st.sampled_from(Action))
def test_roles_add_up_and_nothing_more(roles: set[Role], action: Action) -> None:
    one_by_one = any(permit(who(role), action, {}).allowed for role in roles)
    assert permit(who(*roles), action, {}).allowed == one_by_one


@pytest.mark.parametrize(
    ("role", "kinds"),
    [
        (R.DEVELOPER, {"Model", "Signature", "Endpoint", "Retraining"}),
        (R.VALIDATOR, {"Policy", "ValidationPlan"}),
        (R.APPROVER, {"Policy", "ValidationPlan"}),
        (R.OPERATOR, {"Endpoint", "Rollout", "Experiment", "SLO", "Runbook", "Retraining"}),
        (R.ADMINISTRATOR, set[str]()),
    ],
)
def test_who_is_judged_does_not_declare_what_judges(role: Role, kinds: set[str]) -> None:
    known = {"Model", "Endpoint", "Policy", "ValidationPlan", "Rollout", "SLO", "Runbook"}
    known |= {"Experiment", "Signature", "Retraining", ""}
    allowed = {k for k in known if permit(who(role), A.APPLY, {"kind": k})}
    assert allowed == kinds


def test_every_role_together_cannot_approve_its_own_version() -> None:
    everyone = who(*Role)
    assert permit(everyone, A.APPROVE, {"author": "ben", "validator": "eva"}).allowed
    for fact, action in product(("author", "validator"), (A.APPROVE,)):
        decision = permit(everyone, action, {fact: "ana"})
        assert not decision.allowed
        assert decision.reason.startswith("nobody ")
    assert not permit(everyone, A.VALIDATE, {"author": "ana"}).allowed


def test_nobody_changes_their_own_roles() -> None:
    assert permit(who(R.ADMINISTRATOR), A.MANAGE_IDENTITIES, {"identity": "ben"}).allowed
    decision = permit(who(R.ADMINISTRATOR), A.MANAGE_IDENTITIES, {"identity": "ana"})
    assert decision.reason == "nobody changes their own roles"


def test_a_service_judges_nothing() -> None:
    service = who(*Role, account="service")
    for action in (A.APPROVE, A.REJECT, A.REVIEW):
        assert "person's" in permit(service, action, {}).reason
    assert permit(service, A.VALIDATE, {}).allowed


def test_an_identity_that_is_shut_out_does_nothing() -> None:
    shut_out = who(*Role, active=False)
    decisions = [permit(shut_out, action, {}) for action in Action]
    assert not any(decision.allowed for decision in decisions)
    assert decisions[0].reason == "the identity is shut out"


def test_a_refusal_says_which_role_it_needs() -> None:
    assert permit(who(R.DEVELOPER), A.APPROVE, {}).reason == "ana is developer; it needs approver"
    assert permit(who(), A.REGISTER, {}).reason == "ana is no role; it needs developer"


@given(
    st.dictionaries(
        st.sampled_from(["kind", "author", "validator", "x"]),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text()),
    )
)
def test_no_fact_opens_a_door_or_breaks_the_lock(facts: dict[str, Any]) -> None:
    assert not permit(who(R.AUDITOR), A.DEPLOY, facts).allowed


@pytest.mark.parametrize(
    ("author", "validator", "approver", "second"),
    [
        ("ana", "ana", None, "validator"),
        ("ana", "eva", "ana", "approver"),
        ("ana", "eva", "eva", "approver"),
        ("ana", None, "ana", "approver"),
        ("ana", "ana", "ana", "validator"),
    ],
)
def test_no_two_duties_are_one_persons(
    author: str, validator: str | None, approver: str | None, second: str
) -> None:
    with pytest.raises(Forbidden, match=f"cannot be its {second}"):
        require_separation(author, validator, approver)


@pytest.mark.parametrize(("validator", "approver"), [("eva", "ida"), (None, "ida"), ("eva", None)])
def test_separate_people_may(validator: str | None, approver: str | None) -> None:
    require_separation(author="ana", validator=validator, approver=approver)


def test_an_identity_acts_under_its_own_name() -> None:
    assert who().actor == Actor("ana", "person")
    assert who().key == "ana"
    assert Identity.kind == "identity"


def test_a_token_reads_back_and_does_not_show_its_secret() -> None:
    token = mint()
    assert parse(str(token)) == token
    assert str(token).startswith("swl_")
    assert token.secret not in repr(token)
    assert mint() != token


@pytest.mark.parametrize("change", [lambda t: t[1:], lambda t: t[:-1], lambda t: t + "a", lambda t: t.replace("swl", "gho"), lambda t: t + "\n"])  # fmt: skip # noqa: E501
def test_what_is_no_token_is_refused_without_being_repeated(change: Any) -> None:
    text = change(str(mint()))
    with pytest.raises(Unauthenticated) as refusal:
        Token.parse(text)
    assert text[10:30] not in str(refusal.value)


def test_a_token_ends() -> None:
    record = TokenRecord(id="0", identity="ana", hash="", created=MOMENT)
    assert record.live(MOMENT)
    ends = TokenRecord(id="0", identity="ana", hash="", created=MOMENT, expires=MOMENT)
    assert not ends.live(MOMENT)
    assert ends.live(MOMENT - timedelta(seconds=1))


def test_a_secret_verifies_against_its_own_hash_only() -> None:
    held = hash_secret("right")
    assert held.startswith("$argon2id$")
    assert verify_secret(held, "right")
    assert verify_secret(held, "right")  # from memory
    assert not verify_secret(held, "wrong")
    assert not verify_secret(hash_secret("other"), "right")
    assert not verify_secret("no hash", "right")
    assert PasswordHasher().verify(held, "right")


def test_a_verified_secret_is_remembered_and_a_wrong_one_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held, calls = hash_secret("s3"), []

    class Counting:
        def verify(self, hash_: str, secret: str) -> bool:
            calls.append(secret)
            return PasswordHasher().verify(hash_, secret)

    monkeypatch.setattr(hashing, "_hasher", Counting())
    for secret in ("s3", "s3", "wrong", "wrong", "s3"):
        verify_secret(held, secret)
    assert calls == ["s3", "wrong", "wrong"]


def test_the_memory_of_verified_secrets_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "REMEMBERED", 3)
    held = {f"secret {i}": hash_secret(f"secret {i}") for i in range(5)}
    for secret, hash_ in held.items():
        assert verify_secret(hash_, secret)
    assert len(hashing._verified) == 3
