"""The variants of an endpoint's experiment, as rows."""

from __future__ import annotations

from seawall.app.experiments import evidence
from seawall.app.root import App
from seawall.kernel import Outcome, all_of
from seawall.rollout.experiment import Run
from seawall.server.pages import paths, views
from seawall.server.pages.views import Status
from seawall.server.queries.words import plain

WORDS = {
    Outcome.PASS: Status("good", "no worse"),
    Outcome.UNDECIDED: Status("undecided", "undecided"),
    Outcome.FAIL: Status("bad", "worse"),
}


def rows(app: App, endpoint: str) -> tuple[views.VariantRow, ...]:
    """Each variant of the experiment that has not ended, in the order of the declaration."""
    run = next((run for run in app.store.find(Run, f"{endpoint}/") if not run.ended), None)
    if run is None:
        return ()
    found = evidence(app, run)
    made: list[views.VariantRow] = []
    for arm, variant in run.experiment.variants.items():
        status, note, decisions = Status("bad", "stopped"), "", None
        if arm in run.stopped:
            note = plain(run.stopped[arm].why)
        elif arm in found:
            counted, estimates = found[arm]
            guards = run.experiment.guards
            verdict = all_of([rule.judge(estimates.get(rule.measure)) for rule in guards])
            status, decisions = WORDS[verdict.outcome], counted.decisions
            open_ = [r.message for r in verdict.reasons if r.outcome is verdict.outcome]
            note = "" if verdict.outcome is Outcome.PASS else plain(open_[0])
        name, _, number = variant.version.rpartition("@")
        made.append(
            views.VariantRow(
                experiment=run.experiment.name,
                arm=arm,
                version=variant.version,
                href=paths.version(name, number),
                share=variant.share,
                status=status,
                decisions=decisions,
                note=note,
            )
        )
    return tuple(made)
