"""A verdict as a document, and the wire shapes of results back as values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from seawall.kernel import Estimate, Outcome, Reason, Verdict
from seawall.report.document import Document, Judgement, Section
from seawall.report.words import by_urgency, count, listed, reason_text


def verdict_sentence(verdict: Verdict) -> str:
    """The judgement in one sentence: which rules fail, or wait, or that all hold."""
    rules = {o: [r.rule for r in verdict.reasons if r.outcome is o] for o in Outcome}
    total = len(verdict.reasons)
    failed, waiting = rules[Outcome.FAIL], rules[Outcome.UNDECIDED]
    if verdict.outcome is Outcome.FAIL:
        return f"{count(len(failed), 'rule')} of {total} broken: {listed(failed)}."
    if verdict.outcome is Outcome.UNDECIDED and not total:
        return "Nothing was judged, so nothing is shown."
    if verdict.outcome is Outcome.UNDECIDED:
        return f"None of {total} rules is broken; not yet decided: {listed(waiting)}."
    if failed or waiting:
        return f"Passes with {count(len(failed) + len(waiting), 'rule')} waived."
    return (
        f"All {count(total, 'rule')} hold." if total != 1 else f"Holds: {verdict.reasons[0].rule}."
    )


def verdict_document(title: str, verdict: Verdict) -> Document:
    """Any verdict, a gate's for example: its sentence and every reason."""
    section = Section("Reasons", (Judgement(verdict),))
    return Document(title, verdict_sentence(verdict), (section,), verdict.outcome)


def reasons_section(verdict: Verdict, against: str = "Reasons") -> Section:
    """Every reason of a verdict; the heading is `against` while anything speaks against a pass."""
    heading = "Reasons" if verdict.outcome is Outcome.PASS else against
    return Section(heading, (Judgement(verdict),))


def findings(verdict: Verdict) -> str:
    """What fails, or else waits, with its numbers: the sentence that a result opens with."""
    against = [r for r in by_urgency(verdict) if r.outcome is not Outcome.PASS]
    total = len(verdict.reasons)
    if not total:
        return "Nothing was judged, so nothing is shown."
    if not against:
        return "The one rule holds." if total == 1 else f"All {total:,} rules hold."
    failed = [r for r in against if r.outcome is Outcome.FAIL]
    most = 2 if failed else 1
    told = "; ".join(reason_text(r, short=True) for r in (failed or against)[:most])
    more = len(failed or against) - most
    rest = f"; and {more:,} more" if more > 0 else ""
    if failed:
        return f"{len(failed):,} of {count(total, 'rule')} broken: {told}{rest}."
    if len(against) == total:
        return f"Not enough evidence to judge any of {count(total, 'rule')}: {told}{rest}."
    return f"No rule is broken, {len(against):,} of {total:,} wait for evidence: {told}{rest}."


def estimate_of(shape: Mapping[str, Any]) -> Estimate:
    """The estimate that a JSON shape says; null is undefined as a value, infinite as a bound."""
    value, low, high = shape["value"], shape["low"], shape["high"]
    return Estimate(
        math.nan if value is None else value,
        -math.inf if low is None else low,
        math.inf if high is None else high,
        shape["confidence"],
        shape["n"],
        shape["method"],
        shape["validity"],
    )


def verdict_of(shape: Mapping[str, Any]) -> Verdict:
    """The verdict that a JSON shape says."""
    reasons = tuple(
        Reason(
            reason["rule"],
            reason["message"],
            Outcome(reason["outcome"]),
            estimate_of(reason["estimate"]) if reason.get("estimate") else None,
        )
        for reason in shape["reasons"]
    )
    return Verdict(Outcome(shape["outcome"]), reasons)
