"""Baselines made from data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce

from seawall.adapters.spark import is_frame
from seawall.adapters.tables import open_source, read_columns
from seawall.kernel import BadInput
from seawall.sdk.report import Table, named
from seawall.sdk.saved import Baseline, saved_baseline
from seawall.sdk.scores import count_scores, repeated
from seawall.sdk.summaries import reference_summary
from seawall.statistics.distinct import Distinct
from seawall.statistics.grid import score_grid
from seawall.statistics.keys import KeySummary, summarise_keys
from seawall.statistics.profile import LabelledScores, Profile, count_distinct


def baseline(
    data: Table,
    *,
    columns: Sequence[str] | None = None,
    label: str | None = None,
    score: str | None = None,
    groups: Sequence[str] = (),
    threshold: float = 0.5,
    key: Sequence[str] = (),
) -> Baseline:
    """What is kept of a table for later comparisons: counts, no rows.

    `columns`: all by default. With `label` (0/1) and `score` (a probability) the labelled scores
    are kept too, by each of `groups`; with `key` how many rows have the same key. The data is read
    twice. Raises `BadInput` on unreadable data, and a stream, which can be read once only.
    """
    if saved := saved_baseline(data):
        return saved
    if (label is None) != (score is None):
        raise BadInput("a label and a score go together", remedy="name both, or neither")
    if is_frame(data):
        if score or key:
            raise BadInput("scores and keys are not counted on Spark",
                           remedy="save the columns, or give the rows as Parquet")  # fmt: skip
        return Baseline(Profile(table=reference_summary(data, columns, times=True).summary))
    where, pieces = named(data=data)["data"], open_source(data).pieces
    if not isinstance(pieces, Sequence):
        raise BadInput("a stream of rows is gone once read, and a baseline reads twice",
                       remedy="write it to a Parquet file first")  # fmt: skip
    open_source(data).chosen([*key, *groups])
    if groups and not score:
        raise BadInput("groups are those of a model's scores", remedy="name score and label too")
    base = reference_summary(data, columns, times=True)
    if not base.summary.rows:
        raise BadInput("there are no rows", where=where, remedy="give rows to compare with")
    single = [name for name in base.grids if name in open_source(data).columns]
    distinct: dict[str, Distinct] | None = None
    keys: list[KeySummary] = []
    for piece in pieces:
        table = piece.read(list(dict.fromkeys([*single, *key])))
        found = count_distinct(table, base.grids, single)
        distinct = found if distinct is None else _merged(distinct, found)
        keys += [summarise_keys(table, key)] if key else []
    profile = Profile(
        table=base.summary,
        distinct=distinct or {},
        keys=reduce(KeySummary.merge, keys).seal() if keys else None,
        scores=labelled_scores(data, score, label, groups, threshold) if score and label else None,
    )
    return Baseline(profile)


def labelled_scores(
    data: Table, score: str, label: str, groups: Sequence[str], threshold: float
) -> LabelledScores:
    """A model's scores by label and group, on a grid that tells the threshold exactly."""
    table = read_columns(data, list(dict.fromkeys([score, label, *groups])))
    where = named(data=data)["data"]
    grid = score_grid((*repeated(table[score], score, where), threshold))
    counted = count_scores(table, score, label, [(name,) for name in groups], grid, where)
    if not counted.labelled:
        raise BadInput("no row has both a label and a score",
                       where=f"{where}, columns {label} and {score}",
                       remedy="leave both out, or give labelled rows")  # fmt: skip
    return LabelledScores(score=score, label=label, threshold=threshold, summary=counted)


def _merged(mine: Mapping[str, Distinct], other: Mapping[str, Distinct]) -> dict[str, Distinct]:
    return {name: one.merge(other[name]) for name, one in mine.items()}
