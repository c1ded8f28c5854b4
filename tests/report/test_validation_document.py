from datetime import UTC, datetime

import numpy as np

from seawall.kernel import Digest, Outcome, Rule
from seawall.registry.model import Model
from seawall.registry.provenance import Provenance
from seawall.registry.version import Artefact, register
from seawall.report.document import Chart, Sentence, Table
from seawall.report.from_validation import validation_document
from seawall.statistics.score import summarise_scores
from seawall.validation.evidence import Evidence
from seawall.validation.measure import measure
from seawall.validation.plan import GroupPlan, ValidationPlan
from seawall.validation.report import ValidationReport, validate

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def report(auc: float) -> ValidationReport:
    random = np.random.default_rng(3)
    labels = random.integers(0, 2, 2000)
    scores = np.clip(0.3 * labels + random.uniform(0, 0.7, 2000), 0, 1)
    sex = random.choice(["f", "m"], 2000)
    plan = ValidationPlan(
        name="p",
        label="y",
        owner="mara",
        groups=(GroupPlan(columns=("SEX",)),),
        quality=(Rule("roc_auc", at_least=auc),),
        calibration=(Rule("ece_debiased", at_most=0.9),),
        fairness=(Rule("demographic_parity_difference", within=0.5),),
        limitations=("Trained on one state.",),
    )
    found = measure(summarise_scores(scores, labels, {"SEX": sex}), plan)
    evidence = Evidence(
        data=Digest.of(b"rows"),
        rows=2000,
        estimates=found.estimates,
        small=found.small,
        groups=found.groups,
        reliability=found.reliability,
        signature=Digest.of(b"s"),
    )
    version = register(
        Model(name="income", owner="mara", tier="low", purpose="p"),
        Artefact(digest=Digest.of(b"w"), format="onnx", size=1),
        Provenance(author="dev"),
        (),
        at=NOW,
    )
    return validate(plan, evidence, version=version, validator="val", at=NOW)


def test_the_document_opens_with_the_conclusion_and_the_findings() -> None:
    document = validation_document(report(auc=0.99))
    assert document.outcome is Outcome.FAIL
    assert document.sentence == "income@1 breaks 1 of 4 rules on 2,000 rows."
    assert document.sections[0].heading == "Findings"
    (table,) = document.sections[0].blocks
    assert isinstance(table, Table)
    assert table.rows[0][:2] == ("high", "quality")


def test_without_findings_it_says_so() -> None:
    document = validation_document(report(auc=0.6))
    assert document.outcome is Outcome.PASS
    assert document.sections[0].blocks == (Sentence("No findings."),)


def test_calibration_and_fairness_are_drawn_and_what_it_is_bound_to_is_named() -> None:
    whole = report(auc=0.6)
    document = validation_document(whole)
    by_heading = {section.heading: section.blocks for section in document.sections}
    assert any(isinstance(block, Chart) for block in by_heading["Calibration"])
    (chart,) = [block for block in by_heading["Fairness"] if isinstance(block, Chart)]
    assert chart.title.startswith("Selection rates by SEX differ by")
    assert by_heading["Limitations"] == (Sentence("Trained on one state."),)
    (about,) = by_heading["What this report is about"]
    assert isinstance(about, Table)
    assert ("report", str(whole.digest)) in about.rows
