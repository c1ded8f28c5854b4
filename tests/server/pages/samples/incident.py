"""A field renamed upstream."""

# ruff: noqa: E501 -- rows of a table and sentences of a page stay on one line

from __future__ import annotations

from tests.server.pages.samples.common import BAD, DAY, HOUR, INCIDENT, MINUTE, NOW, frame

from seawall.server.pages import paths, views
from seawall.server.pages.views import Action, Fact, HistoryEntry, Input, Status


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
