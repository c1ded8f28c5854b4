"""Views as the demo would fill them: a census model under a rollout, an incident, a drift."""

from __future__ import annotations

import hashlib
import math
from datetime import UTC, datetime, timedelta

import numpy as np

from seawall.kernel import Estimate, Outcome
from seawall.server.pages import paths, views
from seawall.server.pages.views import (
    Action,
    Distribution,
    Fact,
    HistoryEntry,
    Input,
    Judged,
    Mark,
    Status,
    status_of,
)

NOW = datetime(2026, 3, 12, 14, 20, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
GOOD, BAD = Status("good", "healthy"), Status("bad", "failing")
WAITING = Status("undecided", "undecided")
DECISION = "019ce2a4-51c7-7d1e-9a35-6f0c2b7e4d10"
ROLLOUT = "income/019ce1f0-0b2a-7c3d-8e4f-1a2b3c4d5e6f"
INCIDENT = "019ce29b-7f10-7aaa-9bbb-0c0d0e0f1011"


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def frame(**changes) -> views.Frame:
    plain = {
        "now": NOW,
        "csrf": "f3a91c",
        "user": views.User("mara", ("owner", "operator")),
        "open_incidents": 1,
        "demo": True,
    }
    return views.Frame(**(plain | changes))


def est(value, half, n=4_000, method="asymptotic", validity="fixed") -> Estimate:
    return Estimate(value, value - half, value + half, 0.95, n, method, validity)


def judged(name, estimate, *, low=None, high=None, unit="", clause="", note="") -> Judged:
    bottom = -math.inf if low is None else low
    top = math.inf if high is None else high
    if bottom <= estimate.low and estimate.high <= top:
        outcome = Outcome.PASS
    elif estimate.high < bottom or estimate.low > top:
        outcome = Outcome.FAIL
    else:
        outcome = Outcome.UNDECIDED
    return Judged(
        name=name, status=status_of(outcome), estimate=estimate, low=low, high=high, unit=unit,
        clause=clause, note=note,
    )  # fmt: skip


# --- distributions of census fields ---------------------------------------------------------------


def _shares(counts) -> tuple[float, ...]:
    counts = np.asarray(counts, dtype=float)
    return tuple(float(v) for v in counts / counts.sum())


def _ages(rng, shift: float) -> np.ndarray:
    ages = np.concatenate([rng.normal(34, 16, 6000), rng.normal(58, 14, 5000)]) - shift
    return ages[(ages > 0) & (ages < 95)]


def age() -> Distribution:
    rng = np.random.default_rng(1)
    edges = np.arange(0, 96, 3)
    base, now = _ages(rng, 0), _ages(rng, 9)
    return Distribution(
        edges=tuple(float(e) for e in edges),
        baseline=_shares(np.histogram(base, edges)[0]),
        present=_shares(np.histogram(now, edges)[0]),
        baseline_rows=68_785,
        present_rows=41_207,
    )


def scores() -> Distribution:
    rng = np.random.default_rng(2)
    edges = np.linspace(0, 1, 31)
    base = np.concatenate([rng.beta(1.2, 6, 6000), rng.beta(6, 1.6, 5200)])
    now = np.concatenate([rng.beta(1.3, 5, 3400), rng.beta(5.5, 1.7, 3300)])
    return Distribution(
        edges=tuple(float(e) for e in edges),
        baseline=_shares(np.histogram(base, edges)[0]),
        present=_shares(np.histogram(now, edges)[0]),
        baseline_rows=68_785,
        present_rows=41_207,
    )


def categories(labels, baseline, present) -> Distribution:
    return Distribution(
        labels=labels, baseline=_shares(baseline), present=_shares(present),
        baseline_rows=68_785, present_rows=41_207,
    )  # fmt: skip


def features() -> tuple[views.Feature, ...]:
    def one(name, meaning, d, moved, half, kind="share moved"):
        return views.Feature(
            name=name, meaning=meaning, distribution=d,
            drift=judged(kind, est(moved, half, 41_207), high=0.10, unit="%"),
        )  # fmt: skip

    yes = ("yes", "no")
    return (
        one("AGEP", "age in years", age(), 0.182, 0.017),
        one("SCHL", "schooling", categories(
            tuple(str(i) for i in range(1, 25)),
            [3, 1, 1, 2, 1, 1, 1, 1, 2, 2, 2, 3, 3, 3, 2, 22, 4, 6, 12, 9, 24, 14, 4, 3],
            [3, 1, 1, 2, 1, 1, 1, 1, 2, 2, 2, 3, 3, 3, 2, 23, 4, 7, 13, 9, 23, 13, 4, 3]), 0.031, 0.014),
        one("MAR", "marital status", categories(
            ("married", "widowed", "divorced", "separated", "never"),
            [43, 5, 9, 2, 41], [36, 4, 8, 2, 50]), 0.094, 0.015),
        one("RELP", "relationship", categories(
            tuple(str(i) for i in range(18)),
            [41, 19, 26, 1, 1, 2, 1, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1, 3],
            [40, 18, 27, 1, 1, 2, 1, 1, 1, 1, 1, 1, 2, 2, 1, 1, 1, 3]), 0.022, 0.012),
        one("DIS", "disability", categories(yes, [14, 86], [13, 87]), 0.008, 0.010),
        one("ESP", "employment of parents", categories(
            tuple(str(i) for i in range(9)), [80, 9, 4, 1, 1, 2, 1, 1, 1], [77, 10, 5, 1, 1, 3, 1, 1, 1]),
            0.034, 0.011),
        one("CIT", "citizenship", categories(
            ("born", "territory", "abroad", "naturalised", "no"), [82, 2, 1, 9, 6], [80, 2, 1, 9, 8]),
            0.019, 0.012),
        one("MIG", "moved house", categories(("no", "abroad", "yes"), [87, 1, 12], [85, 1, 14]), 0.021, 0.012),
        one("MIL", "military service", categories(
            ("never served", "trained", "past", "now", "n/a"), [75, 2, 6, 1, 16], [76, 2, 5, 1, 16]), 0.012, 0.011),
        one("ANC", "ancestry", categories(("single", "multiple", "unclear", "none"), [44, 30, 18, 8],
                                          [43, 30, 18, 9]), 0.009, 0.011),
        one("SEX", "sex", categories(("male", "female"), [48, 52], [48.4, 51.6]), 0.004, 0.010),
    )  # fmt: skip


# --- the pages --------------------------------------------------------------------------------------


def overview(rows: int = 14, frame_: views.Frame | None = None) -> views.Overview:
    rng = np.random.default_rng(3)
    daily = 1 + 0.6 * np.sin(np.arange(24) / 24 * 2 * np.pi - 2)

    def traffic(scale):
        return tuple(float(v) for v in np.round(scale * daily * rng.uniform(0.85, 1.15, 24)))

    named = [
        ("income", "high", "mara", Status("warning", "at risk"), "AGEP has drifted; budget burns at 4.1 ×", "v3", 8420, 0.31, 1, 11, ROLLOUT, "5 %, undecided", 1),
        ("credit-limit", "high", "josip", BAD, "1 field fails validation since 14:02", "v12", 3110, -0.04, 0, 24, "", "", 1),
        ("triage", "high", "amira", WAITING, "waits for 380 labels, about 2 days", "v2", 190, 0.88, 0, 40, "", "", 0),
        ("churn", "medium", "leo", GOOD, "all 9 rules hold", "v7", 12_700, 0.81, 0, 18, "", "", 0),
        ("fraud-card", "high", "mara", GOOD, "all 14 rules hold", "v31", 96_400, 0.64, 0, 52, "fraud-card/1", "25 %, healthy", 0),
        ("ads-rank", "medium", "tomas", GOOD, "all 6 rules hold", "v118", 1_204_000, 0.93, 0, 9, "", "", 0),
        ("forecast-demand", "low", "ines", Status("none", "not watched"), "no objective is set", "v1", None, None, None, 0, "", "", 0),
    ]  # fmt: skip
    models = [
        views.ModelRow(
            name=n, tier=t, owner=o, status=s, health=h, version=v, per_hour=p,
            traffic=traffic(p) if p else (), budget_left=b, drifted=d, watched=w, rollout=r,
            rollout_status=rs, open_incidents=i,
        )
        for n, t, o, s, h, v, p, b, d, w, r, rs, i in named
    ]  # fmt: skip
    for i in range(len(models), rows):
        models.append(
            views.ModelRow(
                name=f"pricing-{i:05d}", tier="low", owner="ines", status=GOOD,
                health="all 4 rules hold", version=f"v{i % 9 + 1}", per_hour=40.0 * i,
                traffic=traffic(40 * i), budget_left=0.5 + (i % 50) / 100, drifted=0, watched=12,
            )
        )  # fmt: skip
    return views.Overview(
        frame=frame_ or frame(),
        status=Status("bad", "needs someone"),
        sentence="1 of 10,000 models is failing and 1 is at risk; a rollout of income waits for 1,200 more labels, about 3 hours.",
        counts=(
            views.TierCount(tier="high", good=118, warning=1, bad=1, undecided=6),
            views.TierCount(tier="medium", good=902, warning=0, bad=0, undecided=14, none=3),
            views.TierCount(tier="low", good=8_310, warning=0, bad=0, undecided=212, none=433),
        ),
        needs=(
            views.RoleNeeds("on call", (
                views.Need(status=Status("bad", "paging"), text="credit-limit: field monthly_income arrives as income_monthly", href=paths.incident(INCIDENT), since=NOW - 18 * MINUTE),
                views.Need(status=Status("warning", "burning"), text="income: quality budget burns at 4.1 times what is allowed", href=paths.model("income"), since=NOW - 5 * HOUR),
            )),
            views.RoleNeeds("approver", (
                views.Need(status=Status("undecided", "waiting"), text="triage v3 waits for a second approval", href=paths.version("triage", "v3"), since=NOW - 2 * DAY),
            )),
            views.RoleNeeds("validator", (
                views.Need(status=Status("undecided", "waiting"), text="churn v8 is ready to be validated", href=paths.version("churn", "v8"), since=NOW - 6 * HOUR),
                views.Need(status=Status("warning", "due"), text="income v3: finding on calibration over 75 is due tomorrow", href=paths.version("income", "v3"), since=NOW - 20 * DAY),
            )),
        ),
        models=tuple(models[:100]),
        paging=views.Paging(page=1, pages=100, total=10_000),
    )  # fmt: skip


def quality() -> tuple[views.Quality, ...]:
    rng = np.random.default_rng(4)
    points = []
    for i in range(28):
        start = NOW.replace(hour=0, minute=0) - (28 - i) * DAY
        true = 0.872 - 0.0022 * max(0, i - 14)
        n = 5_600 if i < 21 else int(5_600 * (28 - i) / 9)
        half = 1.0 / math.sqrt(n)
        measured = None if i > 26 else est(true + rng.normal(0, half / 2), half, n)
        points.append(
            views.QualityPoint(
                start=start, end=start + DAY, measured=measured,
                estimated=est(true + rng.normal(0, 0.002), 0.01, 9_000),
                matured=1.0 if i < 21 else (28 - i) / 9,
            )
        )  # fmt: skip
    brier = [
        views.QualityPoint(
            start=p.start, end=p.end, matured=p.matured,
            measured=None if p.measured is None else est(0.134 + (0.872 - p.measured.value) / 3, 0.006, p.measured.n),
        )
        for p in points
    ]  # fmt: skip
    marks = (
        Mark(NOW - 16 * DAY, "v3 took over", "deploy"),
        Mark(NOW - 9 * DAY, "labels two days late", "labels"),
        Mark(NOW - 1 * DAY, "v4 at 5 %", "deploy"),
    )
    return (
        views.Quality(
            measure="ROC AUC", finding="Ranking has lost 2.5 points since v3 took over",
            status=Status("undecided", "provisional"), points=tuple(points), low=0.84, marks=marks,
            label_age="7 days",
        ),
        views.Quality(
            measure="Brier score", finding="Error of probabilities is within its objective",
            status=Status("good", "pass"), points=tuple(brier), high=0.16, marks=marks,
            label_age="7 days",
        ),
    )  # fmt: skip


def history(*lines) -> tuple[HistoryEntry, ...]:
    return tuple(
        HistoryEntry(time=NOW - ago, actor=who, text=text, entry=4_211 - 7 * i)
        for i, (ago, who, text) in enumerate(lines)
    )


def roll_back() -> Action:
    return Action(
        label="Roll back", post="/rollouts/income/roll-back", danger=True,
        effect="Sends the 5 % of traffic that v4 decides (about 420 decisions an hour) back to v3 within 10 seconds. The 9,871 decisions that v4 has made stay in the log; nobody's answer changes.",
        inputs=(Input(name="reason", label="Reason, for the audit log", required=True),),
    )  # fmt: skip


def model() -> views.Model:
    rng = np.random.default_rng(5)
    groups = tuple(
        views.Group(name=n, n=size, estimate=est(value, 1.1 / math.sqrt(size), size), small=size < 200)
        for n, size, value in (
            ("White alone", 32_806, 0.478), ("Black alone", 2_905, 0.452), ("Asian alone", 2_512, 0.494),
            ("two or more", 1_208, 0.447), ("other alone", 1_604, 0.361), ("American Indian", 94, 0.42),
        )
    )  # fmt: skip
    return views.Model(
        frame=frame(),
        name="income",
        status=Status("warning", "at risk"),
        sentence="income still answers well, but AGEP has drifted and the quality budget burns at 4.1 times what is allowed; its canary waits for 1,200 more labels, about 3 hours.",
        facts=(
            Fact(name="Owner", value="mara"), Fact(name="Tier", value="high"),
            Fact(name="Purpose", value="employment statistics, households"),
            Fact(name="Approved use", value="matches actual use", status=Status("good", "pass")),
            Fact(name="Endpoint", value="income", mono=True),
            Fact(name="Decisions", value="8,420 an hour"),
        ),
        needs=(views.Need(status=Status("warning", "owner"), text="Finding on calibration over 75 is due tomorrow", href=paths.version("income", "v3")),),
        actions=(
            Action(label="Use the fallback", post="/models/income/fallback", danger=True, effect="All traffic (about 8,420 decisions an hour) is answered by the majority rule until you switch back. Its accuracy was 71.2 % in validation, against 84.1 % of v3."),
            Action(label="Start a rollout", post="/models/income/rollout", refused="A rollout of v4 is under way; end it first."),
        ),
        budgets=(
            views.Budget(name="Answered", objective="99.5 % answered under 50 ms, 28 days", left=0.91, status=Status("good", "pass"),
                         history=tuple(1 - 0.09 * i / 40 for i in range(41)),
                         burns=(views.BurnRate("1 h", 0.12, 14.4), views.BurnRate("6 h", 0.2, 6), views.BurnRate("3 d", 0.3, 1))),
            views.Budget(name="Right answers", objective="82 % right at 7 days, 28 days", left=0.31, status=Status("warning", "burning"),
                         history=tuple(1 - 0.012 * i - (0.012 * max(0, i - 24) * 1.1) for i in range(41)),
                         burns=(views.BurnRate("1 h", 3.2, 14.4), views.BurnRate("6 h", 4.1, 6), views.BurnRate("3 d", 2.4, 1)),
                         note="At this pace it is used up in 2 days."),
        ),
        versions=(
            views.VersionShare(version="v3", stage="production", status=Status("good", "as approved"), share=0.95, since=NOW - 16 * DAY, digest=digest("v3")[:12]),
            views.VersionShare(version="v4", stage="canary", status=WAITING, share=0.05, since=NOW - 1 * DAY, digest=digest("v4")[:12]),
            views.VersionShare(version="v5", stage="validated", status=Status("none", "shadow"), shadow=True, since=NOW - 3 * HOUR, digest=digest("v5")[:12], note="sees every request, decides none"),
        ),
        rollout=ROLLOUT,
        rollout_status="v3 → v4 at 5 %, undecided",
        features=features(),
        features_window="last 24 hours, 41,207 rows, against training data of 2015",
        prediction=scores(),
        prediction_drift=judged("share moved", est(0.048, 0.015), high=0.10, unit="%"),
        threshold=0.5,
        quality=quality(),
        fairness=(
            views.Fairness(by="RAC1P", measure="selection rate", finding="One group is selected less than tolerated",
                           gap=judged("gap", est(0.133, 0.028), high=0.10, unit="pp"), overall=0.472, low=0.422, high=0.522, groups=groups),
            views.Fairness(by="SEX", measure="false negative rate", finding="Women and men are missed equally often",
                           gap=judged("gap", est(0.021, 0.012), high=0.10, unit="pp"), overall=0.161, low=0.111, high=0.211,
                           groups=(views.Group(name="male", n=19_944, estimate=est(0.152, 0.008)), views.Group(name="female", n=21_263, estimate=est(0.171, 0.008)))),
        ),
        service=(
            judged("Latency p50", est(2.1, 0.05, 201_442), unit="ms"),
            judged("Latency p99", est(11.8, 0.9, 201_442), high=50, unit="ms", clause="SLO answered"),
            judged("Errors", est(0.0004, 0.0002, 201_442), high=0.005, unit="%", clause="SLO answered"),
            judged("Fallbacks", est(0.0118, 0.0025, 201_442), high=0.01, unit="%"),
        ),
        invalid=(
            views.FieldFailure(field="RELP", problem="unknown category 19", count=312, per_minute=1.3),
            views.FieldFailure(field="SCHL", problem="missing, SCHOOL is unknown", count=41, per_minute=0.17, suggestion="SCHL was renamed to SCHOOL by caller batch-7"),
        ),
        decisions=tuple(
            views.DecisionRow(id=DECISION[:-2] + f"{i:02d}", time=NOW - (2 + 7 * i) * timedelta(seconds=1), version="v4" if i == 3 else "v3", arm="canary" if i == 3 else "control",
                              output="employed" if s > 0.5 else "not employed", status=Status("good", "pass") if i != 5 else Status("warning", "clipped"), score=float(s), latency_ms=float(lat))
            for i, (s, lat) in enumerate(zip(rng.uniform(0.02, 0.98, 10), rng.gamma(4, 0.6, 10), strict=True))
        ),
        history=history(
            (5 * HOUR, "seawall", "quality budget began to burn faster than 3 ×"),
            (1 * DAY, "seawall", "rollout of v4 went from shadow to 5 %"),
            (2 * DAY, "lena", "approved v4 for production"),
            (3 * DAY, "josip", "validated v4: 2 findings, none blocking"),
            (16 * DAY, "mara", "promoted v3 to production"),
        ),
    )  # fmt: skip


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


def evidence(name, true, sd, *, low=None, high=None, unit="", finding="", wanting="") -> views.Evidence:
    rng = np.random.default_rng(abs(hash_of(name)) % 2**32)
    points, total = [], 0.0
    for i in range(1, 49):
        n = 205 * i
        total += rng.normal(true, sd / math.sqrt(205))
        half = 2.3 * sd * math.sqrt(math.log(20 * math.log(n + 3)) / n)
        e = Estimate(total / i, total / i - half, total / i + half, 0.95, n, "confidence sequence", "anytime")
        points.append(views.EvidencePoint(NOW - (48 - i) * 30 * MINUTE, e))
    return views.Evidence(
        judged=judged(name, points[-1].estimate, low=low, high=high, unit=unit),
        finding=finding, points=tuple(points), wanting=wanting,
    )  # fmt: skip


def hash_of(text: str) -> int:
    return int(digest(text)[:8], 16)


def rollout() -> views.Rollout:
    return views.Rollout(
        frame=frame(),
        key=ROLLOUT,
        model="income",
        incumbent="v3",
        candidate="v4",
        status=WAITING,
        sentence="v4 is no slower and fails no more often than v3; whether it decides as well waits for 1,200 more labels, about 3 hours.",
        facts=(Fact(name="Started", value="1 day ago by mara"), Fact(name="Decided by v4", value="9,871"), Fact(name="Expected to decide", value="17:30 today"), Fact(name="If evidence turns bad", value="rolls back by itself"), Fact(name="False rollback rate", value="at most 5 % over the whole rollout")),
        actions=(
            Action(label="Promote to 25 %", post="/rollouts/income/promote", effect="v4 would decide 25 % of traffic, about 2,100 decisions an hour instead of 420. One measure is undecided; your name goes into the audit log as the one who went on without it.", inputs=(Input(name="reason", label="Reason, for the audit log", required=True),)),
            roll_back(),
        ),
        steps=(
            views.Step(name="shadow", share=0, state="done", entered=NOW - 2 * DAY, left=NOW - DAY),
            views.Step(name="5 %", share=0.05, state="current", entered=NOW - DAY, note="about 420 decisions an hour"),
            views.Step(name="25 %", share=0.25, state="next", note="at least 6 h"),
            views.Step(name="100 %", share=1.0, state="next"),
        ),
        evidence=(
            evidence("errors, difference", 0.0001, 0.03, high=0.005, unit="pp", finding="v4 fails no more often"),
            evidence("slow answers, difference", -0.0012, 0.06, high=0.01, unit="pp", finding="v4 is no slower"),
            evidence("wrong answers, difference", 0.004, 0.35, high=0.02, unit="pp", finding="Not yet decided whether v4 is wrong more often", wanting="about 1,200 more labels, 3 hours"),
            evidence("score shift", 0.031, 0.2, high=0.10, unit="%", finding="Scores have the same shape"),
        ),
        marks=(Mark(NOW - 14 * HOUR, "gateway restarted", "incident"),),
        split=views.Split(status=Status("good", "as routed"), sentence="Traffic is split as the route says.", arms=(views.ArmCount("control", 187_201, 0.95), views.ArmCount("canary", 9_871, 0.05)), log10_e=-1.2, alarm_at=3.0),
        history=history((DAY, "seawall", "moved from shadow to 5 %: all 4 measures pass"), (2 * DAY, "mara", "started the rollout")),
    )  # fmt: skip


def incidents() -> views.Incidents:
    row = views.IncidentRow
    return views.Incidents(
        frame=frame(), status=BAD, sentence="One incident is open: 1,840 requests to credit-limit were answered by its fallback since 14:02.",
        state="all",
        incidents=(
            row(key=INCIDENT, title="A field was renamed upstream", model="credit-limit", severity="page", status=Status("bad", "open"), opened=NOW - 18 * MINUTE, cause="monthly_income renamed to income_monthly"),
            row(key="2", title="Quality budget burns", model="income", severity="ticket", status=Status("warning", "acknowledged"), opened=NOW - 5 * HOUR, owner="mara", cause="drift of AGEP"),
            row(key="3", title="Latency p99 above objective", model="triage", severity="page", status=Status("good", "resolved"), opened=NOW - 9 * DAY, closed=NOW - 9 * DAY + 34 * MINUTE, owner="amira", cause="noisy neighbour"),
        ),
    )  # fmt: skip


def incident() -> views.Incident:
    def at(minutes, who, text, status=None):
        return HistoryEntry(time=NOW - minutes * MINUTE, actor=who, text=text, status=status)

    return views.Incident(
        frame=frame(),
        key=INCIDENT,
        title="A field was renamed upstream",
        status=Status("bad", "open"),
        sentence="Since 14:02 every request to credit-limit lacks monthly_income; 1,840 were answered by the fallback, none by a guess.",
        facts=(Fact(name="Model", value="credit-limit", href=paths.model("credit-limit")), Fact(name="Severity", value="page"), Fact(name="Failure", value="F2 schema change upstream"), Fact(name="Owner", value="nobody yet"), Fact(name="Answered by fallback", value="1,840"), Fact(name="Wrong answers given", value="0")),
        actions=(
            Action(label="Take it", post=f"/incidents/{INCIDENT}/acknowledge"),
            Action(label="Resolve", post=f"/incidents/{INCIDENT}/resolve", effect="Closes the incident and starts its postmortem. The alert fires again if the field still fails in 5 minutes.", inputs=(Input(name="summary", label="What ended it", kind="textarea", required=True),)),
        ),
        timeline=(
            at(18, "seawall", "validation failures on monthly_income rose from 0 to 102 a minute", Status("bad", "fail")),
            at(18, "seawall", "requests answered by the fallback, as the route allows", Status("warning", "fallback")),
            at(17, "seawall", "incident opened, on call paged (primary: amira)", Status("bad", "open")),
            at(16, "seawall", "named: monthly_income arrives as income_monthly in 100 % of requests"),
            at(4, "amira", "wrote to the team of the loan form"),
        ),
        suspects=(
            views.Suspect(title="income_monthly is new, monthly_income is gone", evidence="Both changed in the same request at 14:02:11; the values of income_monthly fit the baseline of monthly_income (share moved 1.4 %, tolerated 10 %).", status=Status("bad", "likely"), time=NOW - 18 * MINUTE),
            views.Suspect(title="credit-limit v12 was deployed", evidence="40 hours before; no failure in between.", status=Status("none", "unlikely"), href=paths.version("credit-limit", "v12"), time=NOW - 40 * HOUR),
        ),
        checklist=(
            views.ChecklistItem("Is harm contained?", Status("good", "yes"), "every failing request goes to the fallback; error rate 0"),
            views.ChecklistItem("Are answers already given listed?", Status("good", "yes"), "none was given on a missing field"),
            views.ChecklistItem("Has somebody taken it?", Status("undecided", "not yet")),
            views.ChecklistItem("Are consumers told?", Status("undecided", "not yet"), "3 consumers are registered"),
        ),
        runbook_name="schema change upstream",
        runbook=(
            views.RunbookStep(text="See which fields fail and since when.", command="seawall incident show 019ce29b", done=at(16, "seawall", "done")),
            views.RunbookStep(text="If a rename is certain, map the new name until the sender is mended.", action=Action(label="Map income_monthly to monthly_income", post=f"/incidents/{INCIDENT}/map", effect="From then on 102 requests a minute are answered by v12 again. The mapping lapses in 24 hours.")),
            views.RunbookStep(text="Tell the sender, and add the field to the contract test.", command="seawall get Signature credit-limit"),
        ),
        postmortem=views.Postmortem(
            status=Status("undecided", "draft"),
            answers=(views.Answer("Was it the model or the operation?", "The operation: a form changed without notice."), views.Answer("Were the objectives useful?"), views.Answer("Was the telemetry enough?", "Yes: the field was named within one minute."), views.Answer("Which governance gaps showed?")),
            items=(views.ActionItem(text="Contract test in the form's pipeline", owner="josip", due=NOW + 6 * DAY, status=Status("undecided", "open")),),
            edit=Action(label="Write", post=f"/incidents/{INCIDENT}/postmortem", inputs=(Input(name="objectives", label="Were the objectives useful?", kind="textarea"), Input(name="gaps", label="Which governance gaps showed?", kind="textarea"))),
            add_item=Action(label="Add an action", post=f"/incidents/{INCIDENT}/items", inputs=(Input(name="text", label="What", required=True), Input(name="owner", label="Who", required=True), Input(name="due", label="By", kind="date"))),
        ),
    )  # fmt: skip


def proof(path: int = 12) -> views.Proof:
    return views.Proof(
        status=Status("good", "verified"), sentence="The entry is leaf 4,183 of the log of 4,212 entries whose root was signed 3 minutes ago.",
        index=4_183, size=4_212, leaf=digest("leaf"), root=digest("root"),
        path=tuple(digest(f"p{i}") for i in range(path)),
        command=f"seawall-verify log/ --key seawall.pub --decision {DECISION[:8]}.json",
    )  # fmt: skip


def audit() -> views.Audit:
    lines = (
        ("seawall", "rollout:step:enter", "income v4", "5 %, all 4 measures pass", paths.rollout(ROLLOUT)),
        ("lena", "approval:version:give", "income@v4", "for production, 1 condition", paths.version("income", "v4")),
        ("josip", "validation:version:report", "income@v4", "11 of 12 pass, 2 findings", paths.version("income", "v4")),
        ("mara", "registry:version:register", "income@v4", "sha256:" + digest("v4")[:12], paths.version("income", "v4")),
        ("seawall", "incident:incident:open", "credit-limit", "F2, monthly_income", paths.incident(INCIDENT)),
        ("gateway-1", "decision:segment:seal", "segment 912", "10,000 decisions", ""),
    )  # fmt: skip
    return views.Audit(
        frame=frame(user=views.User("petra", ("auditor",))),
        log=views.LogState(
            status=Status("good", "verified"), sentence="The log is whole: all 4,212 entries lead to the signed root.",
            size=4_212, root=digest("root"), origin="seawall.example/log", verified=NOW - 3 * MINUTE, pending=2,
            checkpoint="seawall.example/log\n4212\nS2Vl…=\n\n— seawall.example/log Az3grlZ…=\n",
        ),
        entries=tuple(
            views.EntryRow(index=4_211 - i, time=NOW - (i * 47 + 3) * MINUTE, actor=a, action=b, subject=c, summary=d, href=h)
            for i, (a, b, c, d, h) in enumerate(lines * 4)
        ),
        paging=views.Paging(page=1, pages=176, total=4_212),
    )  # fmt: skip


def entry() -> views.Entry:
    row = audit().entries[1]
    body = '{\n  "action": "approval:version:give",\n  "actor": "lena",\n  "detail": {"conditions": ["over 75 to review"], "to": "production"},\n  "subject": "income@v4"\n}'
    return views.Entry(frame=frame(), entry=row, body=body, proof=proof())


def decision() -> views.Decision:
    value = views.InputValue
    return views.Decision(
        frame=frame(),
        id=DECISION,
        time=NOW - 2 * HOUR,
        model="income",
        version="v4",
        status=Status("good", "shown whole"),
        sentence="income v4 answered “employed” at score 0.731 against threshold 0.5; all 3 guards passed, and the label later agreed.",
        output="employed",
        score=0.731,
        threshold=0.5,
        inputs=(
            value(name="AGEP", value="41", meaning="age in years"), value(name="SCHL", value="21", meaning="bachelor's degree"),
            value(name="MAR", value="1", meaning="married"), value(name="RELP", value="0", meaning="reference person"),
            value(name="DIS", value=digest("dis")[:24] + "…", form="digest", meaning="disability"), value(name="RAC1P", value="", form="dropped", meaning="race"),
            value(name="MIG", value="7", meaning="moved house", problem="not among the known categories 1, 2, 3"),
        ),
        reasons=(views.PrincipalReason(feature="AGEP", contribution=0.91, text="41 years: most people of this age work"), views.PrincipalReason(feature="SCHL", contribution=0.48), views.PrincipalReason(feature="MIG", contribution=-0.12)),
        guards=(views.GuardResult("score in range", Status("good", "pass")), views.GuardResult("known categories", Status("warning", "noted"), "MIG 7 is new; policy: note and go on"), views.GuardResult("rate limit", Status("good", "pass"))),
        route=(Fact(name="Endpoint", value="income"), Fact(name="Arm", value="canary, probability 0.05"), Fact(name="Unit", value="u_9f31c2", mono=True), Fact(name="Caller", value="batch-7"), Fact(name="Purpose", value="employment statistics"), Fact(name="Latency", value="2.4 ms"), Fact(name="Fallback", value="none")),
        versions=(Fact(name="Version", value="sha256:" + digest("v4")[:20] + "…", mono=True), Fact(name="Bundle", value="sha256:" + digest("b")[:20] + "…", mono=True), Fact(name="Policy", value="sha256:" + digest("p")[:20] + "…", mono=True)),
        outcome=(Fact(name="Label", value="employed, after 1 hour"), Fact(name="Override", value="none"), Fact(name="Appeal", value="none")),
        proof=proof(),
    )  # fmt: skip


def login(error: str = "") -> views.Login:
    return views.Login(frame=frame(user=None), error=error)


def failure() -> views.Failure:
    return views.Failure(frame=frame(), status=404, what="There is no model “incom”", where="/models/incom", remedy="Did you mean “income”?")


def demo() -> views.Demo:
    return views.Demo(
        frame=frame(notice=views.Notice(Status("warning", "injected"), "AGEP is shifted by 9 years from now on.")),
        status=Status("undecided", "running"),
        sentence="income serves census rows of 2016 at 60 times real speed; inject a fault and watch what happens.",
        steps=(
            views.DemoStep(name="Trained and registered v3", status=Status("good", "passed"), seconds=4.2, facts=(Fact(name="ROC AUC", value="0.871"),)),
            views.DemoStep(name="Shadow, 5 %, 25 %, 100 %", status=Status("undecided", "running"), seconds=11.0, href=paths.rollout(ROLLOUT)),
        ),
        faults=(
            Action(label="Shift AGEP by 9 years", post="/demo/faults/drift", effect="Half of the callers, about 4,200 requests an hour, send ages 9 years too young."),
            Action(label="Rename SCHL to SCHOOL", post="/demo/faults/rename", effect="Every request lacks SCHL; the gateway answers by its fallback."),
            Action(label="Slow the canary", post="/demo/faults/latency", effect="v4 takes 80 ms instead of 2 ms, for 5 % of requests."),
        ),
        request=Action(label="Send", post="/demo/requests", inputs=(Input(name="AGEP", label="AGEP, age", kind="number", value="41"), Input(name="SCHL", label="SCHL, schooling", kind="number", value="21"), Input(name="MAR", label="MAR, marital status", kind="select", value="1", options=("1", "2", "3", "4", "5")))),
        reply=views.Reply(status=Status("good", "200"), headers=(Fact(name="Seawall-Model-Version", value="v4", mono=True), Fact(name="Seawall-Arm", value="canary", mono=True), Fact(name="Seawall-Decision-Id", value=DECISION, mono=True)), body='{"outputs": [{"name": "score", "data": [0.731]}]}', decision=DECISION),
        controls=(roll_back(),),
    )  # fmt: skip


EMPTY = {
    "overview-empty": lambda: ("overview", views.Overview(frame=frame(open_incidents=0), status=Status("none", "empty"), sentence="There is nothing to watch yet.")),
    "model-empty": lambda: ("model", views.Model(frame=frame(), name="fresh", status=Status("none", "not watched"), sentence="fresh is registered; it has no version yet.")),
    "version-empty": lambda: ("version", views.Version(frame=frame(), model="fresh", version="v1", status=Status("none", "registered"), sentence="v1 is registered; nothing has been checked.")),
    "rollout-empty": lambda: ("rollout", views.Rollout(frame=frame(), key="fresh/1", model="fresh", incumbent="v1", candidate="v2", status=WAITING, sentence="The shadow has just begun.", steps=rollout().steps)),
    "incidents-empty": lambda: ("incidents", views.Incidents(frame=frame(open_incidents=0), status=GOOD, sentence="No incident is open.")),
    "incident-empty": lambda: ("incident", views.Incident(frame=frame(), key="1", title="Just opened", status=BAD, sentence="Opened a moment ago.")),
    "audit-empty": lambda: ("audit", views.Audit(frame=frame(), log=views.LogState(status=Status("undecided", "empty"), sentence="The log is empty.", size=0, root="", origin="seawall.example/log"), q="nobody")),
    "entry-empty": lambda: ("entry", views.Entry(frame=frame(), entry=audit().entries[0], body="{}")),
    "decision-empty": lambda: ("decision", views.Decision(frame=frame(), id=DECISION, time=NOW, model="fresh", version="v1", status=WAITING, sentence="Just decided.", output="no")),
    "demo-empty": lambda: ("demo", views.Demo(frame=frame(), status=Status("none", "idle"), sentence="The demo has not begun.")),
    "login-wrong": lambda: ("login", login("This token has been used; ask for a new one.")),
}  # fmt: skip
FULL = {
    "overview": lambda: ("overview", overview()),
    "model": lambda: ("model", model()),
    "version": lambda: ("version", version()),
    "rollout": lambda: ("rollout", rollout()),
    "incidents": lambda: ("incidents", incidents()),
    "incident": lambda: ("incident", incident()),
    "audit": lambda: ("audit", audit()),
    "entry": lambda: ("entry", entry()),
    "decision": lambda: ("decision", decision()),
    "login": lambda: ("login", login()),
    "failure": lambda: ("failure", failure()),
    "demo": lambda: ("demo", demo()),
}
EVERY = FULL | EMPTY
