"""Steps 9 and 10: a challenger is trained by itself; a decision and the log are shown."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from seawall.cli.demo.narrate import Story
from seawall.cli.demo.world import World


def retraining(story: Story, world: World) -> None:
    """The drift triggered a training in a process of its own; it waits for an approval."""
    with story.step("retraining", "Drift triggers a challenger, which waits for approval") as step:
        run = world.until("the challenger to be gated", lambda: _gated(world))
        if not run["version"]:
            step.check(False, run["steps"][-1]["note"])
            return
        version = world.clients["operator"].get(f"/versions/{run['version']}")["version"]
        step.facts = {
            "trigger": run["trigger"],
            "version": run["version"],
            "states": [s["state"] for s in run["steps"]],
            "state": run["state"],
            "author": version["provenance"]["author"],
        }
        step.sentence = (
            f"{run['trigger']['reason']}: {run['version']} was trained by the service "
            f"{version['provenance']['author']} with the team's own command, revalidated by "
            f"another and gated; it is {run['state'].replace('_', ' ')}."
        )
        step.check(run["state"] == "awaiting_approval", run["steps"][-1]["note"])


def _gated(world: World) -> dict[str, Any] | None:
    runs = world.clients["operator"].get("/retraining/income")
    return (
        runs[-1] if runs and runs[-1]["state"] in ("awaiting_approval", "done", "failed") else None
    )


def afterwards(story: Story, world: World) -> None:
    """One decision whole, with its proof; the log verifies; a flipped byte is named."""
    with story.step("afterwards", "One decision is shown whole; the audit log verifies") as step:
        world.doors.wait_out(7)  # a decision is proven once its log file is old enough to be sealed
        recent = world.clients["operator"].get("/endpoints/income/decisions", limit=500)
        decision = min(recent, key=_closeness)["id"]
        proof = world.folder / "decision-proof.json"
        shown = world.until("the decision to be proven", lambda: _proven(world, decision))
        world.command("auditor", "decision", "show", decision, "--proof", str(proof))
        copy = world.folder / "audit-copy"
        shutil.rmtree(copy, ignore_errors=True)
        _, exported = world.command("auditor", "audit", "export", str(copy))
        whole, sound = world.command(
            "auditor", "audit", "verify", str(copy), "--key", str(copy / "key")
        )
        checked = world.processes.verifier(copy, copy / "key", proof)
        place = _flip_a_byte(copy)
        broken, altered = world.command(
            "auditor", "audit", "verify", str(copy), "--key", str(copy / "key")
        )
        named = _named(altered["findings"])
        step.facts = {
            "decision": shown,
            "entries": exported["size"],
            "verified": sound,
            "decision_proof": checked,
            "flipped": place,
            "found": altered["findings"][:3],
        }
        arm = f"{shown['model']}, arm {shown['arm']}"
        why = shown["principal_reasons"][:2]
        because = " and ".join(f"{r['field']}={r['value']:g} ({r['effect']:+.2f})" for r in why)
        step.sentence = (
            f"{decision}: {len(shown['input'])} inputs, score {shown['score']:.3f}, mostly by "
            f"{because}; guards {_said(shown['guards'])}; {arm}, leaf "
            f"{shown['proof']['position']:,} of segment {shown['proof']['segment'][-12:]}, which "
            f"is entry {shown['proof']['entry']:,} of the log. All {exported['size']:,} entries "
            f"verify offline; one byte flipped in a copy is found: {named}."
        )
        verified = checked["log"]["ok"] and checked["decision"]["ok"]
        step.check(verified, "seawall-verify does not agree")
        step.check(bool(shown["guards"]), "no guard spoke of the decision")
        step.check(
            named.find(place.split(",")[0]) >= 0, "another file than the altered one is named"
        )
        step.check(bool(why), "the decision has no reasons")
        step.check(whole == 0, "the log does not verify")
        step.check(broken == 1 and bool(altered["findings"]), "the flipped byte was not found")


def _closeness(decision: dict[str, Any]) -> float:
    """How far a decision was from the threshold: the closest is the one people ask about."""
    return 1.0 if decision["score"] is None else abs(decision["score"] - 0.5)


def _proven(world: World, decision: str) -> dict[str, Any] | None:
    shown = world.clients["auditor"].get(f"/decisions/{decision}")
    return shown if shown["proof"]["state"] == "proven" else None


def _named(findings: list[dict[str, Any]]) -> str:
    """What the verifier says of the first thing that was altered."""
    if not findings:
        return "nothing"
    first = findings[0]
    entry = f"entry {first['entry']:,} " if first.get("entry") is not None else ""
    what = f"({first['action']}) " if first.get("action") else ""
    return f"{entry}{what}in {first['file']} {first['message']}"


def _said(guards: dict[str, str]) -> str:
    """What each guard said."""
    return ", ".join(f"{name}: {said}" for name, said in guards.items()) or "silent"


def _flip_a_byte(copy: Path) -> str:
    """Alter one byte in the middle of the first bundle of entries."""
    bundle = sorted((copy / "tile" / "entries").rglob("*"))
    file = next(p for p in bundle if p.is_file())
    data = bytearray(file.read_bytes())
    at = len(data) // 2
    data[at] ^= 1
    file.write_bytes(bytes(data))
    return f"{file.relative_to(copy)}, byte {at:,}"
