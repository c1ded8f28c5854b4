"""Labelled answers of several classes and of values by group, as counts that merge.

Of two classes the groups are in the score summaries (`telemetry.Labels.scores`).
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np

from seawall.serving.labelled import Confusion, merge_confusions, values_of
from seawall.statistics.grid import score_grid
from seawall.statistics.regression import RegressionSummary
from seawall.statistics.score import Family, ScoreSummary
from seawall.statistics.summary import ColumnSummary

CALLED = 0.5
"""The threshold of what `calls` counts."""


class GroupCounts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One group's labels of an hour; as in `telemetry.Labels`, corrections counted out."""

    correct: int = 0
    wrong: int = 0
    confusion: Confusion = {}
    errors: dict[str, bytes] = {}
    errors_withdrawn: dict[str, bytes] = {}

    @property
    def values(self) -> RegressionSummary | None:
        """A regression's errors as they stand now; None without any."""
        return values_of(self.errors, self.errors_withdrawn) if self.errors else None


Groups = dict[str, dict[str, GroupCounts]]
"""By column, then by the group's name."""


def merge_groups(a: Groups, b: Groups) -> Groups:
    """Both together."""
    return {
        column: {
            name: _merge(a.get(column, {}).get(name), b.get(column, {}).get(name))
            for name in dict.fromkeys((*a.get(column, {}), *b.get(column, {})))
        }
        for column in dict.fromkeys((*a, *b))
    }


def calls(groups: Groups, favourable: str | None) -> ScoreSummary | None:
    """Groups as those of two classes, for rates that hang on calls and on right and wrong alone.

    The call is 1 where it is the `favourable` class, and the label the same as the call where the
    answer was right. So `selection_rate` and `accuracy` at the threshold `CALLED` are right, and
    rates by label (recall, precision) mean nothing. None without groups.
    """
    grid = score_grid()
    cells = grid.cell_of(np.array([0.0, 1.0]))
    families: list[Family] = []
    for column, members in groups.items():
        counts = np.zeros((len(members), 3, grid.cells), np.int64)
        for at, name in enumerate(sorted(members)):
            group = members[name]
            for call in (0, 1):
                right, wrong = _answers(group, favourable, call)
                counts[at, call, cells[call]] = right
                counts[at, 1 - call, cells[call]] = wrong
        names = tuple((name,) for name in sorted(members))
        families.append(Family((column,), names, counts))
    if not families:
        return None
    whole = families[0].counts.sum(axis=0)
    return ScoreSummary(grid=grid, counts=whole, families=tuple(families))


def _answers(group: GroupCounts, favourable: str | None, call: int) -> tuple[int, int]:
    """Right and wrong answers of a group that are (1) or are not (0) the favourable class."""
    if not group.confusion:
        return (max(0, group.correct), max(0, group.wrong)) if not call else (0, 0)
    right = wrong = 0
    for label, row in group.confusion.items():
        for said, count in row.items():
            if (said == favourable) == bool(call):
                right += max(0, count) if said == label else 0
                wrong += max(0, count) if said != label else 0
    return right, wrong


def _merge(a: GroupCounts | None, b: GroupCounts | None) -> GroupCounts:
    if a is None or b is None:
        return a or b or GroupCounts()
    return GroupCounts(
        correct=a.correct + b.correct,
        wrong=a.wrong + b.wrong,
        confusion=merge_confusions(a.confusion, b.confusion),
        errors=_columns(a.errors, b.errors),
        errors_withdrawn=_columns(a.errors_withdrawn, b.errors_withdrawn),
    )


def _columns(a: Mapping[str, bytes], b: Mapping[str, bytes]) -> dict[str, bytes]:
    both = {**a, **b}
    for name in a.keys() & b.keys():
        merged = ColumnSummary.from_bytes(a[name]).merge(ColumnSummary.from_bytes(b[name]))
        both[name] = merged.to_bytes()
    return both
