"""The rollout of the candidate at 5 %, one measure undecided."""

# ruff: noqa: E501 -- rows of a table and sentences of a page stay on one line

from __future__ import annotations

import math

import numpy as np
from tests.server.pages.samples.common import (
    DAY,
    HOUR,
    MINUTE,
    NOW,
    ROLLOUT,
    WAITING,
    frame,
    hash_of,
    history,
    judged,
    roll_back,
)

from seawall.kernel import Estimate
from seawall.server.pages import views
from seawall.server.pages.views import Action, Fact, Input, Mark, Status


def evidence(
    name, true, sd, *, low=None, high=None, unit="", finding="", wanting=""
) -> views.Evidence:
    rng = np.random.default_rng(abs(hash_of(name)) % 2**32)
    points, total = [], 0.0
    for i in range(1, 49):
        n = 205 * i
        total += rng.normal(true, sd / math.sqrt(205))
        half = 2.3 * sd * math.sqrt(math.log(20 * math.log(n + 3)) / n)
        e = Estimate(
            total / i, total / i - half, total / i + half, 0.95, n, "confidence sequence", "anytime"
        )
        points.append(views.EvidencePoint(NOW - (48 - i) * 30 * MINUTE, e))
    return views.Evidence(
        judged=judged(name, points[-1].estimate, low=low, high=high, unit=unit),
        finding=finding, points=tuple(points), wanting=wanting,
    )  # fmt: skip


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
