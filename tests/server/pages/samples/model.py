"""The census model while its canary runs and an input has drifted."""

# ruff: noqa: E501 -- rows of a table and sentences of a page stay on one line

from __future__ import annotations

import math
from datetime import timedelta

import numpy as np
from tests.server.pages.samples.census import features, scores
from tests.server.pages.samples.common import (
    DAY,
    DECISION,
    HOUR,
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
from seawall.server.pages.views import Action, Fact, Mark, Status


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
        bundle=14,
        gateways=(
            views.GatewayRow(name="eu-west-2", status=Status("bad", "refuses"), bundle=12, software="0.1.0", heard=NOW - timedelta(seconds=21), since=NOW - 3 * HOUR, note="refused bundle 13: an artefact came with another digest (be087dc4cb72)"),
            views.GatewayRow(name="us-east-1", status=Status("warning", "behind"), bundle=13, software="0.0.9", heard=NOW - timedelta(seconds=9), since=NOW - 1 * HOUR),
            views.GatewayRow(name="eu-west-1", status=Status("good", "current"), bundle=14, software="0.1.0", heard=NOW - timedelta(seconds=2)),
        ),
        rollout=ROLLOUT,
        rollout_status="v3 → v4 at 5 %, undecided",
        features=features(),
        features_window="last 24 hours, 41,207 rows, against training data of 2015",
        prediction=scores(),
        prediction_drift=judged("share moved", est(0.048, 0.015), high=0.10, unit="%"),
        threshold=0.5,
        variants=(
            views.VariantRow(experiment="cheaper-model", arm="b", version="outreach@4", href=paths.version("outreach", "4"),
                             share=0.2, status=Status("undecided", "undecided"), decisions=8_214,
                             note="wrong answers, difference 0.012 [-0.015, 0.038] is not yet told from 0.02"),
            views.VariantRow(experiment="cheaper-model", arm="holdout", version="outreach@1", href=paths.version("outreach", "1"),
                             share=0.05, status=Status("bad", "stopped"),
                             note="errors, difference 0.081 [0.044, 0.112] is above 0.01"),
        ),
        monitors=(
            views.MonitorRow(name="lasting-drift", status=Status("bad", "alarmed"), way=1.04,
                             promise="alarms falsely once in 365 days on average, or less often",
                             path=tuple(1.04 * (i / 60) ** 2 for i in range(61)),
                             strongest=("distribution of WKHP", "distribution of score"),
                             note="distribution of WKHP is beyond 0.1, found 2026-03-01 11:00 UTC"),
            views.MonitorRow(name="lasting-harm", status=Status("good", "quiet"), way=0.21,
                             promise="alarms falsely once in 365 days on average, or less often",
                             path=tuple(0.2 + 0.1 * ((i * 7) % 5) / 5 for i in range(61)),
                             strongest=("error_rate", "error_rate_gap, SEX=2", "calibration"),
                             note="nothing told yet of error_rate, RAC1P=9"),
        ),
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
