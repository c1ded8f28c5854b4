"""The page of a rollout: the evidence as it grew, what is still needed, the controls."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta

from seawall.access.action import Action as Permission
from seawall.app import rollouts
from seawall.app.root import App
from seawall.kernel import Estimate, NotFound, Outcome, Rule
from seawall.rollout.plan import Step
from seawall.rollout.rollout import Rollout, StepRecord
from seawall.server.pages import formats, paths, views
from seawall.server.pages.views import Fact, Judged, Mark, Status
from seawall.server.queries import history
from seawall.server.queries.pulse import read as read_pulse
from seawall.server.queries.rollout_controls import controls
from seawall.server.queries.rollout_outlook import waiting, wanting
from seawall.server.queries.visit import Visit
from seawall.server.queries.words import (
    MEASURES,
    ROLLOUTS,
    bounds,
    number,
    plain,
    sentence,
    share,
    unit,
)
from seawall.statistics.counts import sample_ratio


def find(app: App, identifier: str) -> Rollout:
    """The rollout with this id; raises `NotFound`."""
    logged = app.store.audit.find(subject=identifier, action="rollout:step:start", limit=1)
    if not logged:
        raise NotFound(
            f"there is no rollout {identifier[:60]!r}", remedy="open it from its model's page"
        )
    return app.store.get(Rollout, f"{logged[0].entry.detail['endpoint']}/{identifier}")


def rollout(visit: Visit, identifier: str) -> views.Rollout:
    """The page; raises `NotFound`."""
    app = visit.app
    app.allow(visit.who, Permission.READ, rollout=identifier)
    held = find(app, identifier)
    step = _shown(held)
    records = [r for r in held.history if r.step == step.name and r.evidence]
    if held.open and step.name == held.current.name:
        estimates, decisions = rollouts.evidence(app, held)
        if estimates:
            last = StepRecord(
                time=visit.moment, step=step.name, action="hold", sentence="", actor="seawall",
                evidence=estimates, decisions=decisions,
            )  # fmt: skip
            records.append(last)
    hour = read_pulse(app, held.endpoint, visit.moment).per_hour if held.open else 0.0
    return views.Rollout(
        frame=visit.frame(),
        key=held.id,
        model=held.model,
        incumbent=number(held.control),
        candidate=number(held.candidate),
        status=_status(held),
        sentence=_sentence(held, records),
        facts=_facts(held, step, records),
        actions=controls(visit, held, hour) if held.open else (),
        steps=_steps(held, hour),
        evidence=_evidence(held, step, records),
        marks=_marks(held, step),
        split=_split(held, step, records),
        history=_history(app, held),
    )


def _shown(held: Rollout) -> Step:
    """The present step, or the last one that has evidence and rules to hold it against."""
    measured = {r.step for r in held.history if r.evidence}
    for step in reversed(held.plan.steps[: held.step + 1]):
        if (step.guards or step.proofs) and (step.name in measured or step is held.current):
            return step
    return held.current


def _status(held: Rollout) -> Status:
    mark = ROLLOUTS[held.state]
    return Status("undecided", "undecided") if held.state == "running" else mark


def _sentence(held: Rollout, records: list[StepRecord]) -> str:
    if held.state == "running":
        return sentence(waiting(held, records))
    if held.state == "rolled_back" and (broken := _broken(held)):
        rule, estimate = broken
        value, between = formats.value_and_range(estimate, unit(rule.measure))
        allowed = formats.tolerated(*bounds(rule), unit(rule.measure))
        found = _finding(rule.measure, Outcome.FAIL, "guard")
        return (
            f"Rolled back by itself at {held.current.name}: {found[:1].lower()}{found[1:]}, "
            f"by {value} ({between}); tolerated is {allowed}."
        )
    if held.state == "promoted":
        by = held.history[-1].actor
        hand = "every proof held and no guard broke" if by == "seawall" else f"finished by {by}"
        return f"{held.candidate} took over from {held.control}; {hand}."
    return sentence(plain(held.sentence))


def _broken(held: Rollout) -> tuple[Rule, Estimate] | None:
    """The guard that took the rollout back, and what it was judged on."""
    evidence = held.history[-1].evidence
    for rule in held.current.guards:
        estimate = evidence.get(rule.measure)
        if estimate is not None and rule.judge(estimate).outcome is Outcome.FAIL:
            return rule, estimate
    return None


def _facts(held: Rollout, step: Step, records: list[StepRecord]) -> tuple[Fact, ...]:
    first = held.history[0]
    facts = [
        Fact(name="Started", value=f"{held.started:%d %b %H:%M} by {first.actor}"),
        Fact(
            name="Candidate",
            value=held.candidate,
            href=paths.version(held.model, number(held.candidate)),
        ),
        Fact(
            name="Incumbent",
            value=held.control,
            href=paths.version(held.model, number(held.control)),
        ),
        Fact(name="Plan", value=held.plan.name),
    ]
    if records:
        verb = "Scored" if step.mode == "shadow" else "Decided"
        facts.append(
            Fact(
                name=f"{verb} by the candidate",
                value=f"{formats.count(records[-1].decisions)} in step {step.name}",
            )
        )
    if held.open:
        facts.append(Fact(name="If a guard breaks", value="rolls back by itself"))
        facts.append(Fact(name="Without proof", value=f"pauses at {held.deadline:%d %b %H:%M}"))
    elif step is not held.current:
        facts.append(Fact(name="Evidence shown", value=f"of step {step.name}"))
    bound = f"at most {share(held.plan.alpha)} over the whole rollout"
    facts.append(Fact(name="False rollbacks", value=bound))
    return tuple(facts)


def _steps(held: Rollout, hour: float) -> tuple[views.Step, ...]:
    entered: dict[str, datetime] = {}
    for record, following in zip(held.history, held.history[1:], strict=False):
        if following.step != record.step:
            entered.setdefault(following.step, record.time)
        if record.action == "advance":
            at = [s.name for s in held.plan.steps].index(record.step)
            entered.setdefault(held.plan.steps[at + 1].name, record.time)
    entered[held.plan.steps[0].name] = held.started
    if held.step:
        entered[held.current.name] = held.step_started
    found: list[views.Step] = []
    for i, step in enumerate(held.plan.steps):
        state = "done" if i < held.step or held.state == "promoted" else "next"
        if i == held.step and held.state != "promoted":
            state = "current" if held.open else "stopped"
        note = ""
        if state == "current" and held.share:
            note = f"about {formats.count(hour * held.share)} decisions an hour"
        elif state == "next" and step.minimum:
            note = f"at least {formats.span(timedelta(seconds=step.minimum))}"
        found.append(
            views.Step(
                name=step.name,
                share=0.0 if step.mode == "shadow" else step.share,
                state=state,
                entered=entered.get(step.name),
                note=note,
            )
        )
    return tuple(found)


def _evidence(held: Rollout, step: Step, records: list[StepRecord]) -> tuple[views.Evidence, ...]:
    if not records:
        return ()
    last = records[-1]
    rules: dict[str, list[tuple[Rule, str]]] = {}
    for kind, group in (("proof", step.proofs), ("guard", step.guards)):
        for rule in group:
            rules.setdefault(rule.measure, []).append((rule, kind))
    found: list[views.Evidence] = []
    for measure, asked in rules.items():
        estimate = last.evidence.get(measure)
        rule, kind = _telling(asked, estimate)
        points = tuple(
            views.EvidencePoint(r.time, r.evidence[measure])
            for r in records
            if measure in r.evidence
        )
        outcome = rule.judge(estimate).outcome
        low, high = bounds(rule)
        guard = next((r for r, k in asked if k == "guard" and r is not rule), None)
        note = "to be proven" if kind == "proof" else "guard: rolls back when broken"
        if kind == "proof" and guard is not None:
            edge = formats.tolerated(*bounds(guard), unit(measure))
            note = f"to be proven; guard rolls back when it is shown not to be {edge}"
        found.append(
            views.Evidence(
                judged=Judged(
                    name=MEASURES[measure],
                    status=_mark(outcome, kind),
                    estimate=estimate,
                    low=low,
                    high=high,
                    unit=unit(measure),
                    note=note,
                ),
                finding=_finding(measure, outcome, kind),
                points=points if len({p.time for p in points}) > 1 else (),  # one is no course
                wanting=wanting(held, rule, last) if kind == "proof" and held.open else "",
            )
        )
    return tuple(found)


def _telling(asked: list[tuple[Rule, str]], estimate: Estimate | None) -> tuple[Rule, str]:
    """The rule that a measure is shown against: a broken guard first, then what is to be proven."""
    for rule, kind in asked:
        if kind == "guard" and rule.judge(estimate).outcome is Outcome.FAIL:
            return rule, kind
    return asked[0]


def _mark(outcome: Outcome, kind: str) -> Status:
    if kind == "guard":
        return views.status_of(outcome, good="holds", bad="broken", undecided="not broken")
    return views.status_of(outcome, good="proven", bad="broken")


def _finding(measure: str, outcome: Outcome, kind: str) -> str:
    said: Mapping[str, tuple[str, str, str]] = {
        "error_difference": (
            "The candidate fails no more often", "The candidate fails more often",
            "whether the candidate fails more often",
        ),
        "slow_difference": (
            "The candidate is no slower", "The candidate is slower",
            "whether the candidate is slower",
        ),
        "wrong_difference": (
            "The candidate is wrong no more often", "The candidate is wrong more often",
            "whether the candidate is wrong more often",
        ),
        "prediction_shift": (
            "Scores have the same shape", "Scores have another shape",
            "whether scores have the same shape",
        ),
        "sample_ratio": (
            "Traffic is split as planned", "Traffic is not split as planned",
            "whether traffic is split as planned",
        ),
    }  # fmt: skip
    name = MEASURES[measure]
    words = said.get(
        measure,
        (f"{name} within bounds", f"{name} out of bounds", f"whether {name} is within bounds"),
    )
    if outcome is Outcome.PASS:
        return sentence(words[0]).rstrip(".")
    if outcome is Outcome.FAIL:
        return sentence(words[1]).rstrip(".")
    return f"{'Not yet decided' if kind == 'proof' else 'Not shown'} {words[2]}"


def _marks(held: Rollout, step: Step) -> tuple[Mark, ...]:
    words = {"pause": "paused", "resume": "resumed", "abort": "aborted"}
    return tuple(
        Mark(r.time, f"{words[r.action]} by {r.actor}", "deploy")
        for r in held.history
        if r.step == step.name and r.action in words
    )


def _split(held: Rollout, step: Step, records: list[StepRecord]) -> views.Split | None:
    """The candidate's part of the decisions as its estimate tells it, against the planned one."""
    if step.mode != "canary":
        return None
    estimate: Estimate | None = next(
        (r.evidence["sample_ratio"] for r in reversed(records) if "sample_ratio" in r.evidence),
        None,
    )
    if estimate is None or not estimate.n:
        return None
    control, candidate = step.shares
    seen = round(estimate.n * candidate * (1 + estimate.value))
    counts = (estimate.n - seen, seen)
    log_e = sample_ratio(counts, (control, candidate)) / math.log(10)
    alarm = -math.log10(held.plan.alpha / held.plan.family)
    part = share(seen / estimate.n)
    if log_e >= alarm:
        status, said = Status("bad", "not as routed"), "Traffic is not split as the route says"
    else:
        status, said = Status("good", "as routed"), "Traffic is split as the route says"
    return views.Split(
        status=status,
        sentence=f"{said}: the candidate has {part}, planned is {share(candidate)}.",
        arms=(
            views.ArmCount(held.control, counts[0], control),
            views.ArmCount(held.candidate, counts[1], candidate),
        ),
        log10_e=log_e,
        alarm_at=alarm,
    )


def _history(app: App, held: Rollout) -> tuple[views.HistoryEntry, ...]:
    return history.of(app, on=[(held.id, act) for act in history.ROLLOUT_STEPS], limit=30)
