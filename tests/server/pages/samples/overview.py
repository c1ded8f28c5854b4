"""The overview of ten thousand models."""

# ruff: noqa: E501 -- rows of a table and sentences of a page stay on one line

from __future__ import annotations

import numpy as np
from tests.server.pages.samples.common import (
    BAD,
    DAY,
    GOOD,
    HOUR,
    INCIDENT,
    MINUTE,
    NOW,
    ROLLOUT,
    WAITING,
    frame,
)

from seawall.server.pages import paths, views
from seawall.server.pages.views import Status


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
