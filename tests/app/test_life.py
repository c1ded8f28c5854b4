from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from tests.app.world import HOUR, World, documents, estimate

from seawall.adapters.signing.envelope import unseal
from seawall.app import approve, declare, gate, register, rollouts, validate
from seawall.app.bundles import Deployment
from seawall.app.gate import GateResult
from seawall.app.register import SEAL
from seawall.approvals.approval import Approval, Conditions
from seawall.kernel import (
    BadInput,
    Conflict,
    Digest,
    Forbidden,
    NotFound,
    Outcome,
    now,
)
from seawall.policy.policy import Policy
from seawall.registry.provenance import DataSet
from seawall.registry.stage import Stage
from seawall.registry.version import Version
from seawall.validation.replay import ReplayEvidence
from seawall.validation.report import ValidationReport

# --- declared objects ---


def test_declaring_the_same_again_changes_nothing_and_records_nothing(world: World) -> None:
    before = world.actions()
    for who, document in documents():
        _, changed = declare.apply(world.app, getattr(world, who), document)
        assert not changed
    assert world.actions() == before


def test_a_change_is_on_record_with_the_digest_of_what_stands_now(world: World) -> None:
    document = next(d for _, d in documents() if d["kind"] == "Policy")
    document["spec"]["description"] = "stricter"
    value, changed = declare.apply(world.app, world.vera, document)
    assert changed
    last = world.app.store.audit.find(limit=1)[0].entry
    assert (last.action, last.subject) == ("declared:object:changed", "Policy/income")
    assert last.detail["digest"] == str(world.app.store.get(Policy, "income").digest)
    assert value == world.app.store.get(Policy, "income")


def test_who_may_declare_what_goes_by_role(bare: World) -> None:
    policy = next(d for _, d in documents() if d["kind"] == "Policy")
    for who in (bare.ada, bare.otto, bare.iris, bare.root, bare.gateway):
        with pytest.raises(Forbidden):
            declare.apply(bare.app, who, policy)
    assert declare.listed(bare.app, bare.iris, "policies") == []


def test_an_unknown_kind_or_field_is_told_with_the_nearest(bare: World) -> None:
    document = next(d for _, d in documents() if d["kind"] == "Model")
    with pytest.raises(BadInput, match="did you mean 'Model'"):
        declare.apply(bare.app, bare.ada, document | {"kind": "Modle"})
    document["spec"]["ownr"] = "ada"
    with pytest.raises(BadInput, match="did you mean 'owner'"):
        declare.apply(bare.app, bare.ada, document)
    with pytest.raises(NotFound, match="kind 'thing' is unknown"):
        declare.listed(bare.app, bare.iris, "thing")


def test_a_policy_that_judges_a_bare_value_is_refused(bare: World) -> None:
    document = next(d for _, d in documents() if d["kind"] == "Policy")
    rules = [
        {"name": "a", "require": {"measure": "auc", "at_least": 0.8}},
        {"name": "b", "fact": "auc >= 0.8"},
    ]
    document["spec"] = {"gates": [{"to": "validated", "rules": rules}]}
    with pytest.raises(BadInput, match="mentions the estimate 'auc'"):
        declare.apply(bare.app, bare.vera, document)


def test_a_model_keeps_the_moment_it_was_first_declared(world: World) -> None:
    world.clock.advance(timedelta(days=1))
    document = next(d for _, d in documents() if d["kind"] == "Model")
    document["spec"]["description"] = "better told"
    value, changed = declare.apply(world.app, world.ada, document)
    assert changed
    assert value.created == now(world.clock) - timedelta(days=1)
    assert [m["description"] for m in declare.listed(world.app, world.iris, "Model")] == [
        "better told"
    ]


# --- registration ---


def test_a_version_is_numbered_authored_by_who_asks_and_sealed(world: World) -> None:
    first, second = world.registered(b"one"), world.registered(b"two")
    assert (first.key, second.key) == ("income@1", "income@2")
    assert first.provenance.author == "ada"
    assert world.app.store.get(Version, "income@1") == first
    kind, statement = unseal(
        world.app.objects.get(first.objects["seal"]), [world.app.key.public_key()]
    )
    said = msgspec.json.decode(statement)
    assert kind == SEAL
    assert said["subject"] == [
        {"name": "income.onnx", "digest": {"sha256": first.artefact.digest.hex}}
    ]
    assert said["predicate"]["version"] == "income@1"
    assert said["predicate"]["author"] == "ada"
    assert said["predicate"]["objects"].keys() == {"signature", "baseline"}


def test_only_a_developer_registers(world: World) -> None:
    for who in (world.vera, world.abel, world.otto, world.iris, world.gateway):
        with pytest.raises(Forbidden):
            world.registered(who=who)
    assert world.app.store.find(Version) == []


@pytest.mark.parametrize("format_", ["pickle", "joblib", "pt", "ONNX", ""])
def test_a_format_that_may_carry_code_is_refused(world: World, format_: str) -> None:
    provenance, data = world.provenance()
    with pytest.raises(BadInput, match="not accepted"):
        register.register_version(
            world.app,
            world.ada,
            "income",
            world.artefact(b"x", format_),
            provenance,
            data,
            world.objects(),
        )


def test_a_version_without_its_objects_is_refused(world: World) -> None:
    provenance, data = world.provenance()
    objects = world.objects()
    given = (world.app, world.ada, "income")
    with pytest.raises(BadInput, match="lacks its baseline"):
        register.register_version(
            *given, world.artefact(b"x"), provenance, data, {"signature": objects["signature"]}
        )
    with pytest.raises(BadInput, match="is not stored"):
        register.register_version(
            *given,
            world.artefact(b"x"),
            provenance,
            data,
            objects | {"baseline": Digest.of(b"nowhere")},
        )
    absent = msgspec.structs.replace(world.artefact(b"x"), digest=Digest.of(b"nowhere"))
    with pytest.raises(BadInput, match="is not stored"):
        register.register_version(*given, absent, provenance, data, objects)
    assert world.app.store.find(Version) == []


def test_data_of_unknown_descent_is_refused_and_nothing_is_kept(world: World) -> None:
    child = DataSet(
        digest=Digest.of(b"child"), name="c", rows=1, parents=(Digest.of(b"unheard of"),)
    )
    provenance, _ = world.provenance(datasets={"train": child.digest})
    before = world.actions()
    with pytest.raises(NotFound, match="is not registered"):
        register.register_version(
            world.app,
            world.ada,
            "income",
            world.artefact(b"x"),
            provenance,
            [child],
            world.objects(),
        )
    assert world.app.store.find(DataSet) == []
    assert world.actions() == before


def test_the_same_artefact_twice_is_refused_until_the_first_is_rejected(world: World) -> None:
    world.registered(b"same")
    with pytest.raises(Conflict, match="already income@1"):
        world.registered(b"same")
    approve.reject(world.app, world.abel, "income@1", "no")
    again = world.registered(b"same")
    assert again.key == "income@2"
    assert "same artefact as income@1" in again.history[0].why


def test_a_model_nobody_declared_has_no_versions(bare: World) -> None:
    with pytest.raises(NotFound, match="no model 'income'"):
        bare.registered()


# --- validation ---


def test_evidence_is_judged_attested_and_on_record(world: World) -> None:
    key = world.registered().key
    report, attestation = validate.record_evidence(
        world.app, world.vera, key, world.plan(), world.evidence()
    )
    assert report.verdict.outcome is Outcome.PASS
    assert (report.author, report.validator) == ("ada", "vera")
    kind, statement = unseal(world.app.objects.get(attestation), [world.app.key.public_key()])
    assert kind == SEAL
    assert report.digest.hex.encode() in statement
    entry = world.app.store.audit.find(action="validation:report:recorded")[0].entry
    assert entry.actor == "vera"
    assert entry.detail["report"] == str(report.digest)
    assert world.app.store.find(ValidationReport, f"{key}/")[0].digest == report.digest


def test_its_author_cannot_validate_a_version_whatever_the_roles(world: World) -> None:
    from seawall.access.identity import Identity
    from seawall.access.role import Role

    both = Identity(id="both", roles=(Role.DEVELOPER, Role.VALIDATOR), created=now(world.clock))
    key = world.registered(who=both).key
    with pytest.raises(Forbidden, match="both is the version's author"):
        validate.record_evidence(world.app, both, key, world.plan(), world.evidence())
    with pytest.raises(Forbidden):
        validate.record_evidence(world.app, world.otto, key, world.plan(), world.evidence())
    assert world.app.store.find(ValidationReport) == []


def test_evidence_for_a_plan_that_changed_meanwhile_is_refused(world: World) -> None:
    key, old = world.registered().key, world.plan()
    document = next(d for _, d in documents() if d["kind"] == "ValidationPlan")
    document["spec"]["quality"] = [{"measure": "accuracy", "at_least": 0.5}]
    declare.apply(world.app, world.vera, document)
    with pytest.raises(Conflict, match="has changed"):
        validate.record_evidence(world.app, world.vera, key, old, world.evidence())


def test_evidence_beside_another_version_than_the_one_that_serves_is_refused(world: World) -> None:
    serving, key = world.serving(), world.registered(b"model 2").key
    document = next(d for _, d in documents() if d["kind"] == "ValidationPlan")
    document["spec"]["champion"] = [{"measure": "accuracy_difference", "at_least": -0.01}]
    declare.apply(world.app, world.vera, document)
    for claimed in ("", "income@7", None):
        with pytest.raises(Conflict, match=f"{serving} serves income, and the evidence compares"):
            validate.record_evidence(
                world.app, world.vera, key, world.plan(), world.evidence(champion=claimed)
            )
    evidence = world.evidence(champion=serving)
    evidence.estimates["accuracy_difference[champion]"] = estimate(0.02)
    report, _ = validate.record_evidence(world.app, world.vera, key, world.plan(), evidence)
    assert (report.champion, report.verdict.outcome) == (serving, Outcome.PASS)


def test_a_replay_whose_report_is_not_stored_is_refused(world: World) -> None:
    key, at = world.registered().key, now(world.clock)
    told = ReplayEvidence(
        report=Digest.of(b"nowhere"), endpoint="income", bundle=1, champion="income@1", since=at,
        until=at, decisions=1, replayed=1, labelled=0,
    )  # fmt: skip
    with pytest.raises(BadInput, match="the report of the replay is not stored"):
        validate.record_evidence(
            world.app, world.vera, key, world.plan(), world.evidence(replay=told)
        )


def test_a_model_that_no_endpoint_serves_has_no_plan(bare: World) -> None:
    for who, document in documents():
        if document["kind"] != "Endpoint":
            declare.apply(bare.app, getattr(bare, who), document)
    key = bare.registered().key
    with pytest.raises(BadInput, match="no endpoint is declared"):
        validate.record_evidence(bare.app, bare.vera, key, bare.plan(), bare.evidence())
    with pytest.raises(BadInput, match="no endpoint is declared"):
        gate.pass_gate(bare.app, bare.ada, key, "validated")


def test_a_rejected_version_is_not_validated_again(world: World) -> None:
    key = world.registered().key
    approve.reject(world.app, world.abel, key, "no")
    with pytest.raises(Conflict, match="not validated again"):
        validate.record_evidence(world.app, world.vera, key, world.plan(), world.evidence())


# --- the gate ---


def test_a_passed_gate_moves_the_version_a_refusal_stays_on_record(world: World) -> None:
    key = world.registered().key
    validate.record_evidence(world.app, world.vera, key, world.plan(), world.evidence(0.7))
    refused = gate.pass_gate(world.app, world.ada, key, "validated")
    assert refused.verdict.outcome is Outcome.FAIL
    assert world.stage(key) is Stage.REGISTERED
    entry = world.app.store.audit.find(action="policy:gate:judged")[0].entry
    assert entry.detail["failed"] == ["the plan is met", "accurate"]
    assert entry.detail["policy"] == str(world.app.store.get(Policy, "income").digest)
    world.clock.advance(HOUR)
    validate.record_evidence(world.app, world.vera, key, world.plan(), world.evidence(0.9))
    passed = gate.pass_gate(world.app, world.ada, key, "validated")
    assert passed.verdict.outcome is Outcome.PASS
    assert world.stage(key) is Stage.VALIDATED
    assert [g.verdict.outcome for g in world.app.store.find(GateResult, f"{key}/")] == [
        Outcome.FAIL,
        Outcome.PASS,
    ]


def test_a_version_without_evidence_leaves_the_gate_undecided_or_failed(world: World) -> None:
    key = world.registered().key
    assert gate.pass_gate(world.app, world.ada, key, "validated").verdict.outcome is Outcome.FAIL
    wide = msgspec.structs.replace(world.evidence(), estimates={"accuracy": estimate(0.8, 0.1)})
    validate.record_evidence(world.app, world.vera, key, world.plan(), wide)
    again = gate.pass_gate(world.app, world.ada, key, "validated")
    assert [r.outcome for r in again.verdict.reasons] == [Outcome.FAIL, Outcome.UNDECIDED]


def test_the_gate_to_validated_judges_an_approved_version_and_moves_nothing(world: World) -> None:
    key = world.approved()
    result = gate.pass_gate(world.app, world.ada, key, "validated")
    assert result.verdict.outcome is Outcome.PASS
    assert world.stage(key) is Stage.APPROVED


def test_a_gate_that_the_policy_lacks_is_not_found(world: World) -> None:
    key = world.registered().key
    with pytest.raises(NotFound, match="no gate to 'prod'"):
        gate.pass_gate(world.app, world.ada, key, "prod")


# --- approval ---


def test_author_validator_and_approver_are_three_people(world: World) -> None:
    from seawall.access.identity import Identity
    from seawall.access.role import Role

    everything = tuple(r for r in Role if r is not Role.GATEWAY)
    ada, vera = (
        Identity(id=name, roles=everything, created=now(world.clock)) for name in ("ada", "vera")
    )
    key = world.validated()
    for who, part in ((ada, "author"), (vera, "validator")):
        with pytest.raises(Forbidden, match=f"is the version's {part}"):
            approve.approve(world.app, who, key, suitable=True, rating_affirmed=True)
    with pytest.raises(Forbidden):
        approve.approve(world.app, world.otto, key, suitable=True, rating_affirmed=True)
    assert world.app.store.find(Approval) == []
    world.approve(key)
    assert world.stage(key) is Stage.APPROVED


def test_a_service_approves_nothing(world: World) -> None:
    from seawall.access.identity import Identity
    from seawall.access.role import Role

    robot = Identity(
        id="robot", account="service", roles=(Role.APPROVER,), created=now(world.clock)
    )
    key = world.validated()
    with pytest.raises(Forbidden, match="a judgement is a person's"):
        approve.approve(world.app, robot, key, suitable=True, rating_affirmed=True)
    with pytest.raises(Forbidden, match="a judgement is a person's"):
        approve.reject(world.app, robot, key, "no")


def test_what_is_not_validated_is_not_approved(world: World) -> None:
    key = world.registered().key
    with pytest.raises(Conflict, match="seawall validate"):
        world.approve(key)


@pytest.mark.parametrize(("suitable", "rating"), [(True, False), (False, True), (False, False)])
def test_both_questions_must_be_answered_yes(world: World, suitable: bool, rating: bool) -> None:
    key = world.validated()
    _, verdict = approve.approve(
        world.app, world.abel, key, suitable=suitable, rating_affirmed=rating
    )
    assert verdict.outcome is Outcome.UNDECIDED
    assert world.stage(key) is Stage.VALIDATED


def test_a_high_tier_needs_two_approvers(bare: World) -> None:
    from seawall.access.role import Role

    bare.declare(Model={"tier": "high"})
    key = bare.validated()
    bare.approve(key)
    bare.approve(key)
    assert bare.stage(key) is Stage.VALIDATED
    other = bare._person("anna", (Role.APPROVER,))
    _, verdict = approve.approve(bare.app, other, key, suitable=True, rating_affirmed=True)
    assert verdict.outcome is Outcome.PASS
    assert bare.stage(key) is Stage.APPROVED


def test_a_rejection_is_for_good_and_needs_a_reason(world: World) -> None:
    key = world.validated()
    with pytest.raises(BadInput, match="needs a reason"):
        approve.reject(world.app, world.abel, key, " ")
    assert world.app.store.find(Approval) == []
    approve.reject(world.app, world.abel, key, "unfair")
    assert world.stage(key) is Stage.REJECTED
    with pytest.raises(Conflict):
        world.approve(key)


# --- the record ---


def test_the_whole_life_leaves_one_entry_for_each_change_in_order(world: World) -> None:
    before = len(world.actions())
    key = world.serving()
    assert world.actions()[before:] == [
        "registry:version:registered",
        "validation:report:recorded",
        "policy:gate:judged",
        "approvals:version:approved",
        "policy:gate:judged",
        "serving:bundle:issued",
    ]
    actors = [e.entry.actor for e in reversed(world.app.store.audit.find(limit=6))]
    assert actors == ["ada", "vera", "ada", "abel", "otto", "otto"]
    history = world.app.store.get(Version, key).history
    assert [c.stage for c in history] == ["registered", "validated", "approved", "production"]


def test_every_revision_of_every_object_has_an_entry_in_its_own_commit(world: World) -> None:
    from sqlalchemy import select

    from seawall.adapters.sql.tables import audit_entries, record_history

    world.serving(b"one")
    world.rollout(world.approved(b"two"))
    with world.app.store.database.reading() as connection:
        changed = set(connection.execute(select(record_history.c.commit)).scalars())
        recorded = set(connection.execute(select(audit_entries.c.commit)).scalars())
    assert changed
    assert changed <= recorded


def test_a_refused_command_leaves_neither_state_nor_entry(world: World) -> None:
    key = world.validated()
    before = world.actions()
    for refused in (
        lambda: approve.approve(world.app, world.vera, key, suitable=True, rating_affirmed=True),
        lambda: validate.record_evidence(world.app, world.ada, key, world.plan(), world.evidence()),
        lambda: rollouts.start(world.app, world.ada, "income", key),
        lambda: world.registered(b"x", who=world.iris),
    ):
        with pytest.raises(Forbidden):
            refused()
    assert world.actions() == before
    assert world.app.store.find(Deployment) == []


def test_the_trail_goes_into_a_log_that_the_verifier_confirms(world: World) -> None:
    from seawall_verify import verify

    world.serving()
    gained = world.app.store.audit.sequence(world.app.log)
    assert gained == len(world.actions())
    report = verify(world.app.settings.data_dir / "audit", str(world.app.log.key))
    assert report.ok
    assert report.size == gained


def test_conditions_are_kept_with_the_approval(world: World) -> None:
    expires = now(world.clock) + timedelta(days=30)
    key = world.approved(traffic_share=0.5, expires=expires)
    held = world.app.store.find(Approval, f"{key}/")[0]
    assert held.conditions == Conditions(traffic_share=0.5, expires=expires)
    entry = world.app.store.audit.find(subject=key, action="approvals:version:approved")[0].entry
    assert entry.detail["conditions"]["traffic_share"] == 0.5
