"""Steps 4 and 5: it serves; a better one takes its place by evidence."""

from __future__ import annotations

from typing import Any

from seawall.cli.demo import data
from seawall.cli.demo.narrate import Story, times
from seawall.cli.demo.traffic import PER_HOUR, PER_REQUEST, Sent, people_of
from seawall.cli.demo.world import World


def serving(story: Story, world: World, table: Any, champion: str) -> None:
    """The gateway starts; everyone surveyed in 2016 is decided on over HTTP."""
    with story.step("serving", "The gateway serves it to everyone surveyed in 2016") as step:
        world.clients["operator"].post("/rollouts", {"endpoint": "income", "candidate": champion})
        world.start_gateway(people_of(data.of_years(table, 2016)))
        began, sent = world.now, Sent()
        while world.doors.left:
            world.doors.hour(sent)
        world.doors.wait_out(5)
        budgets = world.until("the labels to mature", lambda: _quality(world, sent.people))
        world.until("the labels to be joined", lambda: world.labels_joined >= sent.people)
        right, joined = budgets["good"] / budgets["total"], world.labels_joined
        step.facts = {
            "people": sent.people,
            "refused": sent.refused,
            "labels": world.doors.labels_sent,
            "joined": joined,
            "clock_hours": (world.now - began).total_seconds() / 3_600,
            "right": right,
            "matured": budgets["total"],
        }
        step.sentence = (
            f"{sent.people:,} people in requests of {PER_REQUEST}, {PER_HOUR:,} an hour for "
            f"{times((world.now - began).total_seconds())}; {sent.refused} refused; "
            f"{joined:,} labels joined by decision id, up to 2 h 40 min late: "
            f"{right:.1%} of {budgets['total']:,} matured ones were right."
        )
        step.check(sent.refused == 0, f"{sent.refused} people were refused")
        step.check(joined == sent.people, "not every decision's label was joined")


def _quality(world: World, people: int) -> dict[str, Any] | None:
    """The quality budget, once nineteen in twenty of the people's labels are old enough."""
    budgets = world.clients["operator"].get("/endpoints/income/slo")
    found = next((b for b in budgets if b["indicator"] == "quality"), None)
    return found if found and found["total"] > 0.95 * people else None


def canary(story: Story, world: World, table: Any) -> None:
    """Retrained on 2015 and 2016; shadow, 5%, 25%, all, each step by evidence on 2017."""
    with story.step("canary", "A retrained version goes shadow, 5%, 25%, 100%") as step:
        version = world.train("retrained")
        admit(world, version)
        world.doors.of(people_of(data.of_years(table, 2017)))
        begun = world.clients["operator"].post(
            "/rollouts", {"endpoint": "income", "candidate": version}
        )
        world.begin_training("inverted")
        rollout, sent = follow(world, begun["rollout"])
        moves = [h for h in rollout["history"] if h["action"] in ("advance", "promote")]
        looks = [h["evidence"] for h in rollout["history"] if "wrong_difference" in h["evidence"]]
        if not looks:
            step.check(False, rollout["history"][-1]["sentence"])
            return
        wrong = looks[-1]["wrong_difference"]
        step.facts = {
            "version": version,
            "state": rollout["state"],
            "steps": [{k: h[k] for k in ("step", "decisions", "sentence", "time")} for h in moves],
            "wrong_difference": wrong,
            "people": sent.people,
            "by_arm": dict(sent.by_arm),
        }
        walked = ", ".join(f"{h['step']} after {h['decisions']:,}" for h in moves)
        step.sentence = (
            f"{version}: {walked} of its decisions; wrong more often than the champion by "
            f"{wrong['value']:+.3f} [{wrong['low']:+.3f}, {wrong['high']:+.3f}] at any number of "
            f"looks: {rollout['state'].replace('_', ' ')}."
        )
        step.check(rollout["state"] == "promoted", rollout["history"][-1]["sentence"])


def admit(world: World, version: str) -> dict[str, Any]:
    """Validate, gate and approve a version; returns the gate's verdict."""
    world.command("validator", "validate", version)
    _, gate = world.command("developer", "gate", version, "--to", "validated")
    body = {"suitable": True, "rating_affirmed": True, "comment": "as the report shows"}
    world.clients["approver"].post(f"/versions/{version}/approvals", body)
    return gate["verdict"]


def follow(world: World, rollout: str) -> tuple[dict[str, Any], Sent]:
    """Let people come until the rollout is over or nobody is left.

    After every hour the clock waits until it was reported, looked at and acted on, as it would
    be within seconds of a real hour: on no machine does it outrun the evidence.
    """
    sent = Sent()
    while True:
        world.bundle_taken()
        told = world.clients["operator"].get(f"/rollouts/{rollout}")
        if told["state"] not in ("running", "paused") or not world.doors.left:
            return told, sent
        world.doors.hour(sent)
        world.looked_at()
