"""Rows that lack an answer or a label: no measure knows them, so they are a matter of their own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from seawall.kernel import Outcome, Reason, Rule, Verdict
from seawall.sdk.report import CONFIDENCE
from seawall.sdk.rows import Rows
from seawall.sdk.verdicts import SMALLEST_GROUP
from seawall.statistics.column import Column, encode, has_value
from seawall.statistics.intervals import rate
from seawall.statistics.score import cross, group_codes

UNANSWERED = 0.02
"""Share of rows that a model may leave without an answer, as of a feature that goes missing."""
UNLABELLED = 0.10
"""Share of rows that may lack a label, as of decisions old enough to have one."""


def unanswered(rows: Rows, label: str, answers: Sequence[str]) -> list[Verdict]:
    """What speaks against a pass because it is missing; nothing where the shares are tolerated.

    Above `UNANSWERED` rows without an answer fail, as does a group of some size without any. Above
    `UNLABELLED` rows without a label leave the verdict undecided, as does a group without any: the
    labels that came may be good ones, and are not all.
    """
    found: list[Verdict] = []
    for name in dict.fromkeys(answers):
        there = _present(rows[name])
        rule = Rule(f"rows_without_{_spelt(name)}", at_most=UNANSWERED)
        verdict = rule.judge(rate(int((~there).sum()), there.size, CONFIDENCE))
        if verdict.outcome is not Outcome.PASS:
            found.append(verdict)
        found += _silent_groups(rows, name, there, "answer", Outcome.FAIL)
    labelled = _present(rows[label])
    share = rate(int((~labelled).sum()), labelled.size, CONFIDENCE)
    if share.high > UNLABELLED:
        message = f"{share:.3g} of rows have no label; those that have one may not be like them"
        reason = Reason(f"{label}: labels of all rows", message, Outcome.UNDECIDED, share)
        found.append(Verdict(Outcome.UNDECIDED, (reason,)))
    return found + _silent_groups(rows, label, labelled, "label", Outcome.UNDECIDED)


def _silent_groups(
    rows: Rows, column: str, there: NDArray[np.bool_], what: str, worst: Outcome
) -> list[Verdict]:
    """A verdict for each column of groups with one in which no row has a value."""
    found: list[Verdict] = []
    for by in rows.groups if not there.all() else ():
        codes, names = cross([group_codes(rows[c]) for c in by])
        size = np.bincount(codes, minlength=len(names))
        silent = np.flatnonzero((np.bincount(codes[there], minlength=len(names)) == 0) & (size > 0))
        if not silent.size:
            continue
        told = [
            " and ".join(f"{c}={value}" for c, value in zip(by, names[at], strict=True))
            for at in silent
        ]
        large = int(size[silent].max()) >= SMALLEST_GROUP
        outcome = worst if large else Outcome.UNDECIDED
        message = f"no row of {' or of '.join(told)} has a {column}, so nothing is known of it"
        rule = f"{'×'.join(by)}: every group has an {what}".replace("an label", "a label")
        found.append(Verdict(outcome, (Reason(rule, message, outcome),)))
    return found


def _present(values: Column) -> NDArray[np.bool_]:
    if isinstance(values, tuple) or values.dtype.kind != "O":
        return has_value(values)
    return encode(values)[0] >= 0


def _spelt(name: str) -> str:
    return "_".join(name.split())
