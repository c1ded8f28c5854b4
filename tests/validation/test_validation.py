import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from google.protobuf import json_format
from in_toto_attestation.v1.statement import Statement

from seawall.kernel import BadInput, Digest, Estimate, Outcome, Rule, convert, from_json, to_json
from seawall.registry.model import Model
from seawall.registry.provenance import Provenance
from seawall.registry.version import Artefact, register
from seawall.validation.attestation import statement_bytes
from seawall.validation.evidence import Evidence, Parity, SmallGroup
from seawall.validation.plan import GroupPlan, ValidationPlan
from seawall.validation.report import ValidationReport, validate

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
VERSION = register(
    Model(name="income", owner="mara", tier="high", purpose="p"),
    Artefact(digest=Digest.of(b"weights"), format="onnx", size=7, name="income.onnx"),
    Provenance(author="dev"),
    (),
    at=NOW,
)
PLAN = ValidationPlan(
    name="income",
    label="ESR",
    owner="mara",
    groups=(GroupPlan(columns=("SEX",)), GroupPlan(columns=("RAC1P",))),
    quality=(Rule("roc_auc", at_least=0.75),),
    calibration=(Rule("ece_debiased", at_most=0.05),),
    fairness=(Rule("demographic_parity_difference", within=0.1),),
    parity=1e-6,
    latency=50,
)


def estimate(low: float, high: float) -> Estimate:
    return Estimate((low + high) / 2, low, high, 0.95, 5000, "test")


GOOD = Evidence(
    data=Digest.of(b"rows"),
    rows=5000,
    estimates={
        "roc_auc": estimate(0.8, 0.82),
        "ece_debiased": estimate(0.0, 0.03),
        "demographic_parity_difference[SEX]": estimate(0.0, 0.04),
        "demographic_parity_difference[RAC1P]": estimate(0.0, 0.09),
    },
    parity=Parity(1e-7, 5000),
    latency=estimate(3, 9),
    signature=Digest.of(b"signature"),
)


def report(plan: ValidationPlan = PLAN, **changes) -> ValidationReport:
    evidence = msgspec.structs.replace(GOOD, **changes)
    return validate(plan, evidence, version=VERSION, validator="val", at=NOW)


def measured(**changes: Estimate) -> dict[str, Estimate]:
    return GOOD.estimates | {
        k.replace("__", "[") + "]" * ("__" in k): v for k, v in changes.items()
    }


def test_evidence_that_meets_every_rule_passes_without_findings() -> None:
    good = report()
    assert good.verdict.outcome is Outcome.PASS
    assert good.findings == ()
    assert [c.check for c in good.checks] == [
        "quality",
        "calibration",
        "fairness",
        "signature",
        "parity",
        "latency",
    ]
    assert good.conclusion == "income@1 meets all 7 rules on 5,000 rows."


def test_a_report_is_bound_to_artefact_plan_and_data() -> None:
    good = report()
    assert (good.artefact, good.plan, good.data) == (Digest.of(b"weights"), PLAN.digest, GOOD.data)
    assert (good.author, good.validator) == ("dev", "val")


def test_a_broken_rule_becomes_a_high_finding_with_owner_and_due_date() -> None:
    bad = report(estimates=measured(roc_auc=estimate(0.6, 0.7)))
    assert bad.verdict.outcome is Outcome.FAIL
    (finding,) = bad.findings
    assert (finding.check, finding.rule, finding.severity) == (
        "quality",
        "roc_auc at least 0.75",
        "high",
    )
    assert (finding.owner, finding.due) == ("mara", NOW + timedelta(days=30))
    assert finding.estimate == estimate(0.6, 0.7)


def test_what_was_not_measured_is_undecided_and_a_medium_finding() -> None:
    missing = {k: v for k, v in GOOD.estimates.items() if k != "ece_debiased"}
    partial = report(estimates=missing)
    assert partial.verdict.outcome is Outcome.UNDECIDED
    assert [(f.check, f.severity) for f in partial.findings] == [("calibration", "medium")]
    assert partial.conclusion == ("income@1 breaks none of 7 rules; 5,000 rows leave 1 undecided.")


def test_fairness_without_columns_is_judged_on_every_group_of_the_plan() -> None:
    rules = {r.rule for r in {c.check: c.verdict for c in report().checks}["fairness"].reasons}
    assert rules == {
        "demographic_parity_difference[SEX] within 0.1",
        "demographic_parity_difference[RAC1P] within 0.1",
    }


def test_fairness_fails_only_after_correction_for_all_groups() -> None:
    own = measured(demographic_parity_difference__SEX=estimate(0.12, 0.3))
    assert report(estimates=own).verdict.outcome is Outcome.UNDECIDED
    assert report(estimates=own, corrected=own).verdict.outcome is Outcome.FAIL


@pytest.mark.parametrize(
    ("change", "check", "outcome"),
    [
        ({"parity": Parity(1e-3, 5000)}, "parity", Outcome.FAIL),
        ({"parity": None}, "parity", Outcome.UNDECIDED),
        ({"latency": estimate(60, 80)}, "latency", Outcome.FAIL),
        ({"latency": estimate(40, 80)}, "latency", Outcome.UNDECIDED),
        ({"signature": None}, "signature", Outcome.FAIL),
        ({"violations": {"AGEP": 3}}, "signature", Outcome.FAIL),
    ],
)
def test_each_check_finds_its_own_fault(change: dict, check: str, outcome: Outcome) -> None:
    faulty = report(**change)
    assert faulty.verdict.outcome is outcome
    assert [(f.check, f.outcome) for f in faulty.findings] == [(check, outcome)]


def test_a_waived_small_group_is_a_finding_and_a_limitation_with_its_reason() -> None:
    left_out = SmallGroup("RAC1P", ("4", "5"), 31, "waive", "too few in Massachusetts")
    with_small = report(small=(left_out,))
    assert with_small.verdict.outcome is Outcome.PASS
    assert [(f.severity, f.message) for f in with_small.findings] == [("low", left_out.text)]
    assert left_out.text in with_small.limitations


def test_a_pooled_small_group_is_a_limitation() -> None:
    pooled = SmallGroup("RAC1P", ("4", "5"), 31, "pool")
    assert report(small=(pooled,)).limitations == (pooled.text,)
    assert report(small=(pooled,)).findings == ()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"quality": []}, "at least one rule"),
        ({"fairness": [{"measure": "gap", "within": 0.1}]}, "has no groups"),
        (
            {
                "fairness": [{"measure": "gap", "within": 0.1, "by": ["AGE"]}],
                "groups": [{"columns": ["SEX"]}],
            },
            "'AGE' is none of the groups",
        ),
        ({"groups": [{"columns": ["SEX"], "small_groups": "waive"}]}, "needs a reason"),
        ({"threshold": 1.5}, "not in"),
    ],
)
def test_a_plan_that_cannot_be_judged_is_refused(fields: dict, message: str) -> None:
    base = {
        "name": "p",
        "label": "y",
        "owner": "o",
        "quality": [{"measure": "f1", "at_least": 0.5}],
    }
    with pytest.raises(BadInput, match=message):
        convert(base | fields, ValidationPlan)


def test_reports_of_one_version_sort_by_time() -> None:
    later = validate(PLAN, GOOD, version=VERSION, validator="val", at=NOW + timedelta(hours=15))
    assert report().key == "income@1/2026-03-01T09:00:00.000000Z"
    assert report().key < later.key


def test_a_report_survives_being_written_and_read() -> None:
    bad = report(violations={"AGEP": 3})
    again = from_json(to_json(bad), ValidationReport)
    assert again == bad
    assert again.digest == bad.digest


def test_the_attestation_is_an_in_toto_statement_about_the_artefact() -> None:
    good = report()
    payload = statement_bytes(good, VERSION)
    parsed = Statement([], "", {})
    json_format.Parse(payload, parsed.pb)
    parsed.validate()
    assert parsed.pb.subject[0].digest["sha256"] == VERSION.artefact.digest.hex
    assert json.loads(payload)["predicate"]["report"]["digest"]["sha256"] == good.digest.hex


def test_the_attestation_of_another_outcome_is_another() -> None:
    worse = report(violations={"AGEP": 3})
    assert statement_bytes(report(), VERSION) != statement_bytes(worse, VERSION)
