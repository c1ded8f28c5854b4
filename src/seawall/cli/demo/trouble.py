"""Steps 6 to 8: a bad version, drift, a schema change, and the incident that follows."""

from __future__ import annotations

import time
from typing import Any

from seawall.cli.demo import data
from seawall.cli.demo.narrate import Story
from seawall.cli.demo.traffic import Sent, people_of
from seawall.cli.demo.trust import admit, follow
from seawall.cli.demo.world import World

AGED_BY = 15


def bad_version(story: Story, world: World) -> None:
    """Trained and validated on an extract with one age band turned around, caught by its canary."""
    low, high = data.FLIPPED_AGES
    with story.step(
        "bad_version", f"An ETL fault turns the labels of ages {low} to {high} around"
    ) as step:
        version = world.train("inverted")
        verdict = admit(world, version)
        begun = world.clients["operator"].post(
            "/rollouts", {"endpoint": "income", "candidate": version}
        )
        rollout, sent = follow(world, begun["rollout"])
        history = rollout["history"]
        end = history[-1]
        wrong = end["evidence"].get("wrong_difference")
        shifts = [
            h["evidence"]["prediction_shift"]
            for h in history
            if h["step"] == "shadow" and "prediction_shift" in h["evidence"]
        ]
        if wrong is None or not shifts:
            step.check(False, end["sentence"])
            return
        shift = shifts[-1]
        touched = sent.by_arm["canary"]
        step.facts = {
            "version": version,
            "gate": verdict["outcome"],
            "state": rollout["state"],
            "at": end["step"],
            "decisions": end["decisions"],
            "touched": touched,
            "wrong_difference": wrong,
            "shadow_prediction_shift": shift,
            "sentence": end["sentence"],
        }
        step.check(verdict["outcome"] == "pass", "the gate saw the fault")
        step.check(rollout["state"] == "rolled_back" and end["step"] == "5%", end["sentence"])
        step.sentence = (
            f"{version} passes the honest gate, because its hold-out has the same fault, and "
            f"shadow, because the fault's size was chosen so (scores shift by {shift['value']:.3f} "
            f"of at most 0.10). Its canary at 5% is rolled back after {end['decisions']:,} "
            f"decisions: labels, which come by another path, show it wrong more often by "
            f"{wrong['value']:.3f} [{wrong['low']:.3f}, {wrong['high']:.3f}]; "
            f"{touched:,} people were touched."
        )


def drift_and_schema(story: Story, world: World, table: Any) -> None:
    """2018 with everyone made older, then a renamed and a retyped field."""
    with story.step("drift_and_schema", "2018: a feature drifts, then fields change") as step:
        world.doors.of(people_of(data.of_years(table, 2018)))
        calm = world.until("a look at the inputs", lambda: _look(world))
        aged = Sent()
        for _ in range(9):
            world.doors.hour(aged, older)
        world.doors.wait_out(3)
        look = world.until("the drift to be seen", lambda: _moved(world))
        moved = look["reading"]["features"][0]
        other_name, other_type = Sent(), Sent()
        world.doors.request(other_name, renamed, labels=False)
        world.doors.request(other_type, retyped, labels=False)
        step.facts = {
            "before": calm["reading"]["outcome"],
            "drifted": {f["name"]: f["distance"] for f in _failed(look)},
            "looking": look["reading"]["looking"],
            "renamed": other_name.refusal,
            "retyped": other_type.refusal,
        }
        size = moved["distance"]
        what = other_name.refusal.get("fields", {}).get("AGEP", {})
        other = other_type.refusal.get("fields", {}).get("SCHL", {})
        step.sentence = (
            f"{moved['name']} drifted: KS {size['value']:.2f} [{size['low']:.2f}, "
            f"{size['high']:.2f}], tolerance 0.10; {len(_failed(look)) - 1} others did. "
            f"A renamed field: refused, “AGEP {what.get('problem')}: {what.get('remedy')}”; "
            f"a retyped one: refused, “SCHL {other.get('problem')}: {other.get('remedy')}”."
        )
        step.check(calm["reading"]["outcome"] != "fail", "drift was seen before there was any")
        step.check([f["name"] for f in _failed(look)] == ["AGEP"], "other features moved too")
        step.check(other_name.refused == other_name.people > 0, "the renamed field was not refused")
        step.check(other_type.refused == other_type.people > 0, "the retyped field was not refused")


def incident(story: Story, world: World) -> None:
    """The renamed field goes on: a budget burns, one page, an incident, the runbook's action."""
    with story.step("incident", "The renamed field goes on: one page, one incident") as step:
        before = len(world.clients["operator"].get("/incidents"))
        sent = Sent()
        for _ in range(24):
            world.doors.hour(sent, renamed, labels=False, share=0.2)
            time.sleep(0.3)  # the reports and the look at them are on the way, in real time
            if world.clients["operator"].get("/incidents")[before:]:
                break
        found = world.until(
            "the incident",
            lambda: world.clients["operator"].get("/incidents")[before:],
        )
        world.bundle_taken()
        budgets = {
            b["indicator"]: b for b in world.clients["operator"].get("/endpoints/income/slo")
        }
        after = Sent()
        world.doors.request(after, renamed, labels=False)
        for _ in range(3):
            world.doors.hour(Sent())
        key = found[0]["id"]
        operator = world.clients["operator"]
        operator.post(f"/incidents/{key}/mitigate", {"reason": "the field has its name again"})
        for _ in range(8):
            world.doors.hour(Sent())
            if not _firing(world, key):
                break
        world.until("the alert to end", lambda: not _firing(world, key))
        resolved = operator.post(
            f"/incidents/{key}/resolve", {"reason": "the sender put the field back"}
        )
        notices = world.clients["auditor"].get(
            "/audit/entries", action="incidents:notice:told", count=200
        )
        pages = [n for n in notices if n["detail"]["severity"] == "page"]
        opened = [n for n in pages if n["detail"]["reason"] in ("new", "more", "worse", "again")]
        suspect = found[0]["suspects"][0] if found[0]["suspects"] else None
        actions = [e["text"] for e in found[0]["timeline"] if e["what"] == "action"]
        postmortem = resolved["postmortem"]
        step.facts = {
            "refused": sent.refused,
            "incidents": len(found),
            "pages": len(opened),
            "title": found[0]["title"],
            "runbook": found[0]["runbook"],
            "suspects": found[0]["suspects"],
            "actions": actions,
            "answered_by_fallback": after.by_verdict,
            "budget_left": {name: b["remaining"] for name, b in budgets.items()},
            "state": resolved["state"],
            "action_items": postmortem["actions"],
        }
        step.sentence = (
            f"{sent.refused:,} people refused; {len(opened)} page, {len(found)} incident: "
            f"{found[0]['title']}. First suspect: {suspect['name'] if suspect else 'none'}. "
            f"Runbook {found[0]['runbook']}: {actions[0] if actions else 'no action'}; "
            f"{after.by_verdict['fallback']} further people got it. Budget left then: "
            f"availability {budgets['availability']['remaining']:.0%}, quality "
            f"{budgets['quality']['remaining']:.0%}. Resolved, with a postmortem "
            f"draft of {len(postmortem['actions'])} owned actions."
        )
        step.check(len(found) == 1, f"{len(found)} incidents instead of one")
        step.check(len(opened) == 1, f"{len(opened)} pages instead of one")
        step.check(bool(actions), "the runbook's action did not run")
        step.check(
            after.by_verdict == {"fallback": after.people} and after.people > 0,
            "the fallback did not answer everyone",
        )
        step.check(suspect is not None and "AGEP" in suspect["name"], "AGEP is not suspected")
        step.check(found[0]["runbook"] == "bad-input", "the runbook was not found")
        step.check(budgets["availability"]["remaining"] < 1, "no availability was burnt")


def older(columns: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """A fault: everyone is some years older."""
    return columns | {"AGEP": [min(95, age + AGED_BY) for age in columns["AGEP"]]}


def renamed(columns: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """A fault: the age comes under another name."""
    return {"age_years" if name == "AGEP" else name: values for name, values in columns.items()}


def retyped(columns: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """A fault: the schooling comes as text."""
    return columns | {"SCHL": [str(v) for v in columns["SCHL"]]}


def _look(world: World) -> dict[str, Any] | None:
    return world.clients["operator"].get("/endpoints/income/drift")


def _failed(look: dict[str, Any]) -> list[dict[str, Any]]:
    return [f for f in look["reading"]["features"] if f["outcome"] == "fail"]


def _moved(world: World) -> dict[str, Any] | None:
    look = _look(world)
    return look if look and _failed(look) else None


def _firing(world: World, key: str) -> bool:
    told = world.clients["operator"].get(f"/incidents/{key}")
    return any(a.get("ended") is None for a in told["alerts"])
