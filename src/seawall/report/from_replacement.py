"""The result of comparing two baselines as a document, from its JSON shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from seawall.kernel import Outcome
from seawall.report.charts import ranked_dots
from seawall.report.document import Block, Document, Interval, Section, Sentence
from seawall.report.from_verdict import estimate_of, reasons_section, verdict_of
from seawall.report.words import count, listed, rule_text

Shape: TypeAlias = Mapping[str, Any]


def replacement_document(result: Shape) -> Document:
    """What drift is no longer seen once the new baseline replaces the old one."""
    verdict = verdict_of(result["verdict"])
    outcomes = {n: verdict_of(f["verdict"]) for n, f in result["features"].items()}
    hidden = [n for n, v in outcomes.items() if v.outcome is Outcome.FAIL]
    unclear = [n for n, v in outcomes.items() if v.outcome is Outcome.UNDECIDED]
    total = count(len(outcomes), "column")
    sentence = (
        f"The new baseline hides drift of {listed(hidden)}, of {total}."
        if hidden
        else f"No drift of {total} is shown to be hidden by the new baseline."
    )
    if result["only_old"]:
        whose = "its" if len(result["only_old"]) == 1 else "their"
        sentence += f" It lacks {listed(result['only_old'])}: {whose} drift is not seen at all."
    rows: list[Interval] = []
    for name, feature in result["features"].items():
        rule = rule_text(outcomes[name].reasons[0])
        apart = estimate_of(next(iter(feature["measures"].values())))
        span = rule and (0.0, rule.bound)
        rows.append(Interval(name, apart, outcomes[name].outcome, span))
    title = "Nothing is hidden"
    if hidden:
        title = f"{listed(hidden)} would no longer be seen to move"
    elif unclear:
        title = f"Hidden or not is not yet told of {listed(unclear)}; more rows would tell"
    blocks: list[Block] = [ranked_dots(rows, title=title, measure="drift between the baselines")]
    for key, said in (("only_old", "the old"), ("only_new", "the new")):
        if result[key]:
            blocks.append(Sentence(f"Only {said} baseline has {', '.join(result[key])}."))
    if result.get("hidden"):
        verb = "fails" if len(result["hidden"]) == 1 else "fail"
        blocks.append(
            Sentence(
                f"In the current data {listed(result['hidden'])} {verb} against the old baseline "
                "and would not against the new one."
            )
        )
    sections = (
        reasons_section(verdict, "What speaks against it"),
        Section("How far the baselines lie apart", tuple(blocks)),
    )
    return Document("Replacement of the baseline", sentence, sections, verdict.outcome)
