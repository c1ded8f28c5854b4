"""The candidate: approved on a condition, one check undecided."""

# ruff: noqa: E501 -- rows of a table and sentences of a page stay on one line

from __future__ import annotations

from tests.server.pages.samples.common import (
    DAY,
    NOW,
    ROLLOUT,
    WAITING,
    digest,
    est,
    frame,
    history,
    judged,
)

from seawall.server.pages import paths, views
from seawall.server.pages.views import Action, Fact, Input, Judged, Status


def version() -> views.Version:
    node = views.ProvenanceNode
    return views.Version(
        frame=frame(user=views.User("lena", ("approver",))),
        model="income",
        version="v4",
        status=Status("good", "approved"),
        sentence="v4 passed 11 of 12 checks, one is undecided; it is approved for production on one condition and runs as canary.",
        facts=(
            Fact(name="Stage", value="canary"), Fact(name="Artefact", value="sha256:" + digest("v4")[:24] + "…", mono=True),
            Fact(name="Format", value="ONNX, 1.4 MB"), Fact(name="Trained by", value="mara"),
            Fact(name="Signature", value="verified", status=Status("good", "pass")),
            Fact(name="Rollout", value="v3 → v4 at 5 %", href=paths.rollout(ROLLOUT)),
        ),
        actions=(
            Action(label="Approve for production", post="/models/income/versions/v4/approve", effect="With your approval v4 may take all traffic, about 8,420 decisions an hour, once its rollout passes.", inputs=(Input(name="comment", label="Why you approve", kind="textarea", required=True), Input(name="condition", label="On condition", help="For instance: not for people over 75"))),
            Action(label="Validate", post="/models/income/versions/v4/validate", refused="You approve this version; its validator is somebody else."),
        ),
        gate=views.Gate(to="production", status=WAITING, sentence="Undecided: calibration needs about 900 more labels over 75.", rules=(
            Judged(name="owner is set", status=Status("good", "pass"), clause="G1"),
            Judged(name="artefact is the approved one", status=Status("good", "pass"), clause="G2"),
            judged("ROC AUC", est(0.873, 0.006, 21_040), low=0.85, clause="G3"),
            judged("calibration error, debiased", est(0.046, 0.011, 21_040), high=0.05, unit="%", clause="G4"),
            judged("fairness gap, selection", est(0.071, 0.018, 21_040), high=0.10, unit="pp", clause="G5"),
            Judged(name="2 approvals by others than the author", status=Status("good", "pass"), clause="G6", note="lena, josip"),
        )),
        validation=views.ValidationReport(
            status=WAITING, sentence="11 of 12 checks pass, one is undecided; 2 findings, none blocking.", validator="josip", time=NOW - 3 * DAY, data="hold-out of 2016, 21,040 rows",
            checks=(
                judged("ROC AUC", est(0.873, 0.006, 21_040), low=0.85),
                judged("accuracy", est(0.841, 0.005, 21_040), low=0.82, unit="%"),
                judged("log loss", est(0.362, 0.009, 21_040), high=0.40),
                judged("calibration error, debiased", est(0.046, 0.011, 21_040), high=0.05, unit="%"),
                judged("fairness gap, selection by SEX", est(0.071, 0.018, 21_040), high=0.10, unit="pp"),
                judged("fairness gap, selection by RAC1P", est(0.079, 0.020, 21_040), high=0.10, unit="pp"),
                judged("answers changed by noise of 1 year", est(0.012, 0.003, 5_000), high=0.02, unit="%"),
                judged("parity of batch and online", est(0.0, 0.0006, 5_000), high=0.001, unit="%"),
                judged("latency p99", est(9.8, 0.4, 20_000), high=50, unit="ms"),
            ),
            findings=(
                views.FindingRow(id="1", severity="medium", title="Calibration is weak over 75", detail="ECE 0.09 [0.05, 0.13] in 1,204 rows", status=Status("warning", "open"), owner="mara", due=NOW + 1 * DAY),
                views.FindingRow(id="2", severity="low", title="ESP carries little beyond RELP", status=Status("good", "closed"), owner="mara"),
            ),
        ),
        approvals=(
            views.ApprovalRow(role="validator", status=Status("good", "given"), actor="josip", time=NOW - 3 * DAY, comment="Sound. Watch the oldest."),
            views.ApprovalRow(role="approver", status=Status("good", "given"), actor="lena", time=NOW - 2 * DAY, condition="decisions about people over 75 go to review until the finding is closed"),
            views.ApprovalRow(role="owner of data", status=Status("undecided", "awaited")),
        ),
        provenance=views.Provenance(
            "mara trained v4 on 68,785 rows of the census of 2015 at commit 4be1c07, on 9 March.",
            (
                node(id="acs", kind="data", title="ACS PUMS MA", column=0, detail="277,677 rows · sha256:" + digest("acs")[:12]),
                node(id="y15", kind="data", title="year 2015", column=1, detail="68,785 rows · sha256:" + digest("15")[:12]),
                node(id="y16", kind="data", title="year 2016, hold-out", column=1, detail="69,126 rows · sha256:" + digest("16")[:12]),
                node(id="git", kind="code", title="train.py at 4be1c07", column=1, detail="github.com/example/income"),
                node(id="env", kind="environment", title="Python 3.11, scikit-learn 1.7", column=1, detail="43 packages, locked"),
                node(id="run", kind="run", title="training of 9 March", column=2, detail="3 min 12 s, depth 6, rate 0.1"),
                node(id="who", kind="person", title="mara", column=2, detail="developer"),
                node(id="onnx", kind="artefact", title="model.onnx", column=3, detail="sha256:" + digest("v4")[:12]),
                node(id="v4", kind="version", title="income v4", column=4, detail="signed by release key"),
            ),
            (("acs", "y15"), ("acs", "y16"), ("y15", "run"), ("git", "run"), ("env", "run"), ("who", "onnx"), ("run", "onnx"), ("onnx", "v4"), ("y16", "v4")),
        ),
        attestations=(
            views.Attestation(kind="training", signer="ci@example.org", status=Status("good", "verified"), time=NOW - 3 * DAY, digest=digest("a")[:12]),
            views.Attestation(kind="validation", signer="josip", status=Status("good", "verified"), time=NOW - 3 * DAY, digest=digest("b")[:12]),
        ),
        history=history((1 * DAY, "seawall", "moved to canary"), (2 * DAY, "lena", "approved for production"), (3 * DAY, "josip", "validated"), (3 * DAY, "mara", "registered")),
    )  # fmt: skip
