"""Steps 1 to 3: a version is trained, judged and approved."""

from __future__ import annotations

from pathlib import Path

from seawall.cli.demo.narrate import Story
from seawall.cli.demo.world import World
from seawall.kernel import Forbidden

DECLARED = Path(__file__).parent / "declared"


def provenance(story: Story, world: World) -> str:
    """Declare the model and its rules, train the champion, register it."""
    with story.step("provenance", "A champion is trained on 2015 and registered") as step:
        for who, file in (
            ("developer", "10-model.yaml"),
            ("validator", "20-policy.yaml"),
            ("operator", "30-operations.yaml"),
        ):
            world.command(who, "apply", "-f", str(DECLARED / file))
        champion = world.train("champion")
        version = world.clients["developer"].get(f"/versions/{champion}")["version"]
        origin = version["provenance"]
        digests = origin["datasets"]
        step.facts = {
            "version": champion,
            "artefact": version["artefact"]["digest"],
            "format": version["artefact"]["format"],
            "author": origin["author"],
            "commit": origin.get("commit", ""),
            "datasets": digests,
            "packages": len(origin["packages"]),
            "parameters": origin["parameters"],
            "seal": version["objects"]["seal"],
        }
        commit = f"commit {origin['commit'][:10]}" if origin.get("commit") else "no git checkout"
        step.sentence = (
            f"{champion} is ONNX, {version['artefact']['size'] / 1e3:,.0f} kB, artefact "
            f"{version['artefact']['digest'][7:19]}, signed; by {origin['author']}, {commit}, "
            f"{len(digests)} data sets by digest with their parents, {len(origin['packages'])} "
            "package versions."
        )
        step.check(version["stage"] == "registered", "it is not registered")
        step.check("seal" in version["objects"], "it is not signed")
        return champion


def validation(story: Story, world: World, champion: str) -> None:
    """An independent validator measures it; the gate decides; an unfair candidate is refused."""
    with story.step("validation", "It is validated and passes the gate; an unfair one fails") as s:
        world.begin_training("unfair")
        status, answer = world.command("validator", "validate", champion)
        report = answer["report"]
        gate_status, gate = world.command("developer", "gate", champion, "--to", "validated")
        unfair = world.train("unfair")
        world.command("validator", "validate", unfair)
        refused_status, refused = world.command("developer", "gate", unfair, "--to", "validated")
        world.clients["approver"].post(
            f"/versions/{unfair}/reject", {"reason": "women are found far less often than men"}
        )
        measures = report["measures"]
        gap = measures["equal_opportunity_difference[SEX]"]
        against = [
            r for r in refused["verdict"]["reasons"] if r["outcome"] == "fail" and "estimate" in r
        ]
        gaps = [r["estimate"] for r in against if "equal" in r["rule"]]
        s.check(bool(gaps), f"{unfair} was not refused for its gap")
        unfair_gap = gaps[0] if gaps else gap
        s.facts = {
            "rows": report["rows"],
            "measures": {k: measures[k] for k in ("accuracy", "roc_auc", "ece_debiased")},
            "checks": {c["check"]: c["verdict"]["outcome"] for c in report["checks"]},
            "gap_by_sex": gap,
            "pooled": [f"{g['by']}: {', '.join(g['groups'])}" for g in report["small"]],
            "outcome": gate["verdict"]["outcome"],
            "refused": unfair,
            "refused_outcome": refused["verdict"]["outcome"],
            "refused_because": [r["message"] for r in against],
        }
        auc = measures["roc_auc"]
        s.sentence = (
            f"{report['rows']:,} held-out people: ROC AUC {auc['value']:.3f} "
            f"[{auc['low']:.3f}, {auc['high']:.3f}], opportunity gap by sex {gap['value']:.3f} "
            f"[{gap['low']:.3f}, {gap['high']:.3f}]; RAC1P groups "
            f"{', '.join(report['small'][0]['groups']) if report['small'] else 'none'} pooled, on "
            f"record: {gate['verdict']['outcome']}. {unfair}: {refused['verdict']['outcome']}, its "
            f"gap is {unfair_gap['value']:.2f} [{unfair_gap['low']:.2f}, "
            f"{unfair_gap['high']:.2f}], at most 0.10 is allowed."
        )
        s.check(status == 0 and gate_status == 0, f"{champion} did not pass its gate")
        s.check(refused_status == 1, f"{unfair} was not refused")


def approval(story: Story, world: World, champion: str) -> None:
    """The author's own approval is refused; somebody else's counts."""
    with story.step("approval", "Its author may not approve it; somebody else may") as step:
        body = {"suitable": True, "rating_affirmed": True, "comment": "fit for outreach"}
        refusals: dict[str, str] = {}
        for who in ("developer", "validator"):
            try:
                world.clients[who].post(f"/versions/{champion}/approvals", body)
            except Forbidden as refusal:
                refusals[who] = refusal.what
        answer = world.clients["approver"].post(f"/versions/{champion}/approvals", body)
        outcome = answer["verdict"]["outcome"]
        step.facts = {"refused": refusals, "approved_by": "approver", "outcome": outcome}
        step.sentence = (
            f"“{refusals.get('developer', 'nothing was refused')}.” "
            f"The approver's counts: {outcome}."
        )
        step.check(set(refusals) == {"developer", "validator"}, "a refusal is missing")
        step.check(outcome == "pass", "the approval did not count")
