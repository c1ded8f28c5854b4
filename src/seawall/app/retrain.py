"""Train a challenger when a trigger is shown to hold, and take it as far as an approval."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from seawall.access.role import Role
from seawall.app.gate import judge
from seawall.app.root import App
from seawall.app.watch import last_look
from seawall.kernel import SYSTEM, Outcome, Transaction, now
from seawall.registry.lifecycle import move
from seawall.registry.stage import Stage
from seawall.registry.version import Version
from seawall.retraining.plan import Reading, RetrainingPlan, Trigger, due
from seawall.retraining.run import RetrainingRun, State, after_gate, proceed, start_run
from seawall.serving.endpoint import Endpoint
from seawall.validation.report import ValidationReport

TRAINER, VALIDATOR = "retraining", "revalidation"
TIME_LIMIT = timedelta(hours=6)
TOKENS_LAST = timedelta(days=7)
"""On the control plane's clock, which may run faster than ours."""


class Tokens(NamedTuple):
    """The tokens of the two services that a run works as: they are never one identity."""

    trainer: str
    validator: str


def trigger(app: App, endpoint: Endpoint) -> RetrainingRun | None:
    """Start a run if the endpoint's plan asks for one now; it is the caller who carries it out."""
    if endpoint.retraining is None:
        return None
    plan = app.store.get(RetrainingPlan, f"{endpoint.model}/{endpoint.retraining}")
    runs = app.store.find(RetrainingRun, f"{endpoint.model}/")
    if any(run.open for run in runs):
        return None
    found = due(plan, _readings(app, endpoint), runs[-1].started if runs else None, now(app.clock))
    return _begin(app, plan, found, len(runs) + 1) if found else None


def _readings(app: App, endpoint: Endpoint) -> list[Reading]:
    look = last_look(app, endpoint.name)
    if look is None or look.reading.window is None:
        return []
    return [Reading(end=look.reading.window.end, drift=look.reading.distances)]


def _begin(app: App, plan: RetrainingPlan, found: Trigger, challenger: int) -> RetrainingRun:
    run = start_run(plan, found, id=app.ids(), challenger=challenger, now=now(app.clock))
    with app.store.transaction(SYSTEM) as tx:
        tx.put(run)
        detail = {"on": found.on, "reason": found.reason, "challenger": challenger}
        tx.record("retraining:run:triggered", run.id, detail)
        tx.emit("retraining:run:triggered", plan.model, detail)
    return run


def carry_out(app: App, run: RetrainingRun, tokens: Tokens, stop: threading.Event) -> RetrainingRun:
    """Run the user's command, validate what it registered, and gate it.

    The command trains in a process of its own, as the identity `retraining`; it must register one
    version, which `seawall validate` then judges as the identity `revalidation`.
    """
    plan = app.store.get(RetrainingPlan, f"{run.model}/{run.plan}")
    before = {v.key for v in app.store.find(Version, f"{run.model}@")}
    failure = _spawn(app, plan.command, tokens.trainer, stop)
    made = [v for v in app.store.find(Version, f"{run.model}@") if v.key not in before]
    if failure or not made:
        return _step(app, run, "failed", failure or "the command registered no version")
    version = max(made, key=lambda v: v.number).key
    run = _step(app, run, "trained", f"{version} is registered", version=version)
    command = [sys.executable, "-m", "seawall", "validate", version, "--quiet"]
    failure = _spawn(app, command, tokens.validator, stop)
    if not app.store.find(ValidationReport, f"{version}/"):
        return _step(app, run, "failed", failure or f"{version} was not validated")
    run = _step(app, run, "validated", f"{version} has its report")
    with app.store.transaction(SYSTEM) as tx:
        result = judge(app, tx, version, Stage.VALIDATED.value, TRAINER)
        outcome = result.verdict.outcome
        if outcome is Outcome.PASS:
            held = tx.get(Version, version)
            tx.put(move(held, Stage.VALIDATED, now(app.clock), f"passed {result.policy}"))
    run = _step(app, run, "gated", f"the gate's outcome is {outcome.value}")
    ended = after_gate(run, plan, outcome, now(app.clock))
    return _step(app, run, ended.state, ended.steps[-1].note)


def _spawn(app: App, command: Sequence[str], token: str, stop: threading.Event) -> str:
    """Run a command with our address and a token; returns why it failed, or nothing."""
    words = [sys.executable if word == "python" else word for word in command]
    env = os.environ | {
        "SEAWALL_URL": app.settings.url or f"http://{app.settings.host}:{app.settings.port}",
        "SEAWALL_TOKEN": token,
        "SEAWALL_CLOCK": app.settings.clock,
    }
    with tempfile.TemporaryFile() as errors:
        try:
            process = subprocess.Popen(  # noqa: S603 -- the plan's own command, no shell
                words, env=env, stdout=subprocess.DEVNULL, stderr=errors, stdin=subprocess.DEVNULL
            )
        except OSError as error:
            return f"the command does not start: {error}"
        waited = 0.0
        while process.poll() is None:
            if stop.wait(0.1) or (waited := waited + 0.1) > TIME_LIMIT.total_seconds():
                process.terminate()
                process.wait(10)
                return "the command was stopped"
        if process.returncode == 0:
            return ""
        errors.seek(0)
        lines = errors.read().decode(errors="replace").strip().splitlines()
        return f"the command ended with {process.returncode}: {lines[-1] if lines else ''}"[:500]


def _step(
    app: App, run: RetrainingRun, state: State, note: str, *, version: str = ""
) -> RetrainingRun:
    with app.store.transaction(SYSTEM) as tx:
        following = _proceed(app, tx, run, state, note, version=version)
    app.tell("retraining", run.id)
    return following


def _proceed(
    app: App, tx: Transaction, run: RetrainingRun, state: State, note: str, *, version: str = ""
) -> RetrainingRun:
    following = proceed(run, state, now(app.clock), note, version=version)
    tx.put(following)
    detail = {"version": following.version, "note": note}
    tx.record(f"retraining:run:{state}", run.id, detail)
    tx.emit(f"retraining:run:{state}", run.model, detail)
    return following


def decided(app: App, tx: Transaction, version: Version, note: str) -> None:
    """A person approved or rejected a challenger: the run that waited for it is done."""
    for run in tx.find(RetrainingRun, f"{version.model}/"):
        if run.state == "awaiting_approval" and run.version == version.key:
            _proceed(app, tx, run, "done", note)


def give_up_interrupted(app: App) -> None:
    """End the runs that an earlier process left under way, so that the next may be triggered."""
    for run in app.store.find(RetrainingRun):
        if run.open and run.state != "awaiting_approval":
            _step(app, run, "failed", "the control plane was stopped meanwhile")


SERVICES = {TRAINER: (Role.DEVELOPER,), VALIDATOR: (Role.VALIDATOR,)}
"""The identities that retraining works as, with their roles."""


def give_up(app: App, key: str, why: str) -> None:
    """End a run that could not go on, if it is still open."""
    run = app.store.get(RetrainingRun, key)
    if run.open:
        _step(app, run, "failed", why[:500])
