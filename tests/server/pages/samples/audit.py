"""The audit log, one entry and one decision."""

# ruff: noqa: E501 -- rows of a table and sentences of a page stay on one line

from __future__ import annotations

from tests.server.pages.samples.common import (
    DECISION,
    HOUR,
    INCIDENT,
    MINUTE,
    NOW,
    ROLLOUT,
    digest,
    frame,
)

from seawall.server.pages import paths, views
from seawall.server.pages.views import Fact, Status


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
