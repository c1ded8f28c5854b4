"""Signing in, an error, the demo's controls."""

# ruff: noqa: E501 -- rows of a table and sentences of a page stay on one line

from __future__ import annotations

from tests.server.pages.samples.common import DECISION, ROLLOUT, frame, roll_back

from seawall.server.pages import paths, views
from seawall.server.pages.views import Action, Fact, Input, Status


def login(error: str = "") -> views.Login:
    return views.Login(frame=frame(user=None), error=error)


def failure() -> views.Failure:
    return views.Failure(
        frame=frame(),
        status=404,
        what="There is no model “incom”",
        where="/models/incom",
        remedy="Did you mean “income”?",
    )


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
