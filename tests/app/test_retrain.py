from __future__ import annotations

import sys
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.app.world import World, table

from seawall.app import approve, gate, retrain, validate, watch
from seawall.app.bundles import Deployment
from seawall.app.retrain import Tokens
from seawall.kernel import SYSTEM, now
from seawall.registry.version import Version
from seawall.retraining.run import RetrainingRun
from seawall.server.loops import Reconciler
from seawall.serving.endpoint import Endpoint

TOKENS = Tokens("swl_trainer", "swl_validator")


def endpoint(world: World) -> Endpoint:
    return world.app.store.get(Endpoint, "income")


def drifted(world: World, command: list[str]) -> World:
    """Serving, with inputs that have moved and a plan that runs this command."""
    world.declare(Retraining={"command": command})
    key = world.serving(b"one")
    start = now(world.clock)
    world.inputs(start, table(20_000, shift=8, seed=2), key)
    world.clock.advance(timedelta(hours=1, minutes=45))
    watch.look_at_drift(world.app, endpoint(world))
    return world


def started(world: World) -> RetrainingRun:
    run = retrain.trigger(world.app, endpoint(world))
    assert run is not None
    return run


def carried_out(world: World, stop: threading.Event | None = None) -> RetrainingRun:
    return retrain.carry_out(world.app, started(world), TOKENS, stop or threading.Event())


def trainer(world: World, monkeypatch: pytest.MonkeyPatch, accuracy: float | None = 0.9) -> None:
    """The command is a real process; what it and `seawall validate` ask for is done here."""
    spawn = retrain._spawn

    def spawned(app: Any, command: list[str], token: str, stop: threading.Event) -> str:
        if "validate" in command:
            key = command[command.index("validate") + 1]
            assert token == TOKENS.validator
            if accuracy is None:
                return "the command ended with 70: boom"
            evidence = world.evidence(accuracy)
            validate.record_evidence(app, world.vera, key, world.plan(), evidence)
            return ""
        assert token == TOKENS.trainer
        failure = spawn(app, command, token, stop)
        if not failure:
            world.registered(b"challenger")
        return failure

    monkeypatch.setattr(retrain, "_spawn", spawned)


def test_drift_that_is_shown_triggers_one_run_that_waits_for_an_approval(
    bare: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told = tmp_path / "told"
    script = tmp_path / "train.py"
    script.write_text(
        "import os, sys, pathlib\n"
        "names = ('SEAWALL_URL', 'SEAWALL_TOKEN', 'SEAWALL_CLOCK')\n"
        "pathlib.Path(sys.argv[1]).write_text(' '.join(os.environ[n] for n in names))\n"
    )
    world = drifted(bare, ["python", str(script), str(told)])
    trainer(world, monkeypatch)
    run = carried_out(world)
    assert told.read_text() == "http://127.0.0.1:8080 swl_trainer system"
    assert (run.state, run.version) == ("awaiting_approval", "income@2")
    assert [s.state for s in run.steps] == [
        "triggered",
        "trained",
        "validated",
        "gated",
        "awaiting_approval",
    ]
    assert "hours" in run.trigger.reason
    assert world.actions(subject=run.id) == [f"retraining:run:{s.state}" for s in run.steps]
    assert world.app.store.get(Version, "income@2").stage == "validated"
    assert retrain.trigger(world.app, endpoint(world)) is None

    world.approve("income@2")
    done = world.app.store.get(RetrainingRun, run.key)
    assert (done.state, done.steps[-1].note) == ("done", "approved by abel")


def test_a_rejected_challenger_ends_its_run(bare: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world = drifted(bare, ["python", "-c", ""])
    trainer(world, monkeypatch)
    run = carried_out(world)
    approve.reject(world.app, world.abel, "income@2", "unfair")
    assert world.app.store.get(RetrainingRun, run.key).state == "done"


def test_a_challenger_that_fails_the_gate_ends_there(
    bare: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = drifted(bare, ["python", "-c", ""])
    trainer(world, monkeypatch, accuracy=0.5)
    run = carried_out(world)
    assert (run.state, run.steps[-1].note) == ("failed", "the gate failed")
    assert world.app.store.get(Version, "income@2").stage == "registered"
    assert [g.actor for g in world.app.store.find(gate.GateResult, "income@2/")] == ["retraining"]


def test_a_challenger_that_cannot_be_measured_says_why(
    bare: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = drifted(bare, ["python", "-c", ""])
    trainer(world, monkeypatch, accuracy=None)
    assert carried_out(world).steps[-1].note == "the command ended with 70: boom"


@pytest.mark.parametrize(
    ("command", "note"),
    [
        (["python", "-c", "import sys; sys.exit('no data')"], "ended with 1: no data"),
        (["python", "-c", ""], "registered no version"),
        (["/nowhere/train"], "does not start"),
    ],
)
def test_a_command_that_fails_fails_the_run(bare: World, command: list[str], note: str) -> None:
    run = carried_out(drifted(bare, command))
    assert run.state == "failed"
    assert note in run.steps[-1].note


def test_a_command_under_way_is_stopped_with_the_control_plane(bare: World) -> None:
    stop = threading.Event()
    stop.set()
    world = drifted(bare, [sys.executable, "-c", "import time; time.sleep(600)"])
    assert carried_out(world, stop).steps[-1].note == "the command was stopped"


def test_within_the_cool_down_nothing_is_triggered_again(bare: World) -> None:
    world = drifted(bare, ["python", "-c", ""])
    carried_out(world)
    assert retrain.trigger(world.app, endpoint(world)) is None


def test_without_drift_or_without_a_plan_nothing_is_triggered(bare: World) -> None:
    bare.declare()
    bare.serving()
    assert retrain.trigger(bare.app, endpoint(bare)) is None
    bare.declare(Endpoint={"retraining": None})
    assert retrain.trigger(bare.app, endpoint(bare)) is None


def test_a_run_that_a_restart_interrupted_is_closed_so_that_the_next_can_be(bare: World) -> None:
    world = drifted(bare, ["python", "-c", ""])
    run = started(world)
    reconciler = Reconciler(world.app, 3600.0)
    reconciler.start()
    reconciler.stop()
    closed = world.app.store.get(RetrainingRun, run.key)
    assert (closed.state, closed.open) == ("failed", False)
    assert "stopped meanwhile" in closed.steps[-1].note


def test_one_round_brings_the_log_up_to_date_and_tells_the_pages(world: World) -> None:
    heard: list[tuple[str, str]] = []
    world.serving()
    world.app.listeners.append(lambda topic, key: heard.append((topic, key)))
    reconciler = Reconciler(world.app, 0.01)
    reconciler.start()
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and (
        world.app.store.audit.pending() or ("serving", "income") not in heard
    ):
        time.sleep(0.01)
    reconciler.stop()
    assert world.app.log.size == len(world.actions())
    assert ("serving", "income") in heard


def test_a_fault_of_one_endpoint_leaves_the_others_looked_after(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.serving()
    with world.app.store.transaction(SYSTEM) as tx:
        for name in ("a", "z"):
            other = {"endpoint": name, "number": 1, "salt": b"s" * 16, "champion": "income@1"}
            tx.put(Deployment(issued=now(world.clock), **other))
        tx.record("test:deployment:made", "a", {})
    looked: list[str] = []
    monkeypatch.setattr(watch, "firing", lambda _app, e, _drift: looked.append(e.name) or [])
    Reconciler(world.app, 3600.0)._reconcile()
    assert looked == ["income"]
