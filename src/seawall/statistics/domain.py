"""Do two tables differ in how their columns go together? A classifier that tries to tell a row of
the one from a row of the other, judged on rows that it was not fitted to.

Each column becomes a few standard terms: the normal score of its rank and the score's square, or
its commonest categories, and whether it is missing. A ridge regression on all terms and on the
products of terms whose means differ most finds moved columns and changed correlations alike.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.kernel import BadInput, Estimate, Rule, Verdict
from seawall.statistics.column import Column, encode, floats, kind_of, length, placed
from seawall.statistics.drift import judge_in_family
from seawall.statistics.intervals import clopper_pearson, normal_quantile

Vector = NDArray[np.float64]
TOLERANCE = 0.595
"""The largest AUC that a total variation of 0.10 between whole rows allows: ½ + v − v²/2."""
HIDING = 0.99
"""AUC of one column beside which that of all can hardly lose anything by another."""
FOLDS = 5
LEAST = 50
"""Rows of each table below which nothing is fitted."""
_PAIRS = 24
_CATEGORIES = 8


class Domain(msgspec.Struct, frozen=True):
    """How well rows of two tables can be told apart, and by which columns.

    `auc` is that of held-out rows: ½ when nothing tells them apart. `importance` is what it loses
    when a column's values are shuffled, `alone` the AUC of that column by itself. `named`, if rows
    can be told apart at all, are the columns whose loss is shown or that alone tell them apart,
    largest first. Beside `hiding` ones, which alone tell nearly all rows apart, no other can be
    missed: `importance` says nothing then, and `alone` does.
    """

    verdict: Verdict
    auc: Estimate
    tolerance: float
    importance: dict[str, Estimate]
    alone: dict[str, Estimate]
    named: tuple[str, ...]
    hiding: tuple[str, ...]
    rows: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape."""
        return msgspec.structs.asdict(self) | {
            "verdict": self.verdict.to_dict(),
            "auc": self.auc.to_dict(),
            "importance": {name: e.to_dict() for name, e in self.importance.items()},
            "alone": {name: e.to_dict() for name, e in self.alone.items()},
            "named": list(self.named),
            "hiding": list(self.hiding),
        }


def domain(
    reference: Mapping[str, Column],
    current: Mapping[str, Column],
    *,
    tolerance: float = TOLERANCE,
    confidence: float = 0.95,
) -> Domain:
    """Fit on a fifth of both tables' rows, try the next fifth, add it, and go on to the last.

    The AUC is the mean of each model's on the fifth after those that it was fitted to, with
    DeLong's variance. Going forward only (Dawid 1984), errors are martingale differences and their
    variances add; rotating folds use each pair of rows twice, which doubles the variance where
    nothing moved. It fails when its interval at 1 − α/2 lies
    above `tolerance`, since columns are judged beside it. Rows must be in no order. Raises
    `BadInput` on unequal columns.
    """
    if reference.keys() != current.keys():
        odd = sorted(reference.keys() ^ current.keys())
        raise BadInput(f"columns {', '.join(odd)} are in one of the tables only")
    terms = _terms(reference, current)
    size = {"reference": _rows(reference), "current": _rows(current)}
    label = np.repeat([False, True], [size["reference"], size["current"]])
    rule = Rule("multivariate_auc", at_most=tolerance)
    if min(size.values()) < LEAST or not terms.values.shape[1]:
        auc = Estimate(math.nan, 0.0, 1.0, confidence, label.size, _METHOD)
        return Domain(rule.judge(auc), auc, tolerance, {}, {}, (), (), size)
    place = np.concatenate([np.arange(n) for n in size.values()]) % FOLDS
    tried = [_Trial.of(terms, label, place, fold) for fold in range(1, FOLDS)]
    whole = [t.auc for t in tried]
    auc = _average(whole, confidence, label.size, _METHOD, size)
    strict = _average(whole, (1 + confidence) / 2, label.size, _METHOD, size)
    losses = {name: [t.without(at) for t in tried] for at, name in enumerate(reference)}
    single = {name: _single(terms, at, label, place) for at, name in enumerate(reference)}
    shown = 1 - (1 - confidence) / (2 * len(losses))
    importance = {name: _loss(loss, confidence, label.size, size) for name, loss in losses.items()}
    alone = {
        name: _average(one, confidence, label.size, _METHOD, size) for name, one in single.items()
    }
    by_size = {name: max(e.value, alone[name].value - 0.5) for name, e in importance.items()}
    order = sorted(by_size, key=lambda name: (-by_size[name], name))
    named = tuple(
        name for name in order
        if auc.low > 0.5
        and (_loss(losses[name], shown, 0, size).low > 0
             or _average(single[name], shown, 0, "", size).low > 0.5)
    )  # fmt: skip
    hiding = tuple(name for name in named if alone[name].value >= HIDING)
    return Domain(
        _naming(judge_in_family(rule, auc, strict, "all columns together"), named, hiding),
        auc,
        tolerance,
        {name: importance[name] for name in order},
        {name: alone[name] for name in order},
        named,
        hiding,
        size,
    )


def _single(
    terms: _Terms, column: int, label: NDArray[np.bool_], place: NDArray[np.int64]
) -> list[_Placed]:
    """The same trials with one column's terms and no other."""
    own = terms.owner == column
    if not own.any():  # it is one value throughout
        return [_placed(np.zeros(int((place == f).sum())), label[place == f])
                for f in range(1, FOLDS)]  # fmt: skip
    mine = _Terms(terms.values[:, own], terms.owner[own], np.zeros(int(own.sum()), np.bool_))
    return [_Trial.of(mine, label, place, fold).auc for fold in range(1, FOLDS)]


def _naming(verdict: Verdict, named: tuple[str, ...], hiding: tuple[str, ...]) -> Verdict:
    """The verdict, its reason saying which columns rows are told apart by."""
    reason = verdict.reasons[0]
    if not named:
        return verdict
    more = f" and {len(named) - 5} more" if len(named) > 5 else ""
    message = f"{reason.message}; by {', '.join(named[:5])}{more}"
    if hiding:
        verb = "tells" if len(hiding) == 1 else "each tell"
        message += f", of which {', '.join(hiding[:5])} alone {verb} nearly all rows apart"
    return Verdict(verdict.outcome, (msgspec.structs.replace(reason, message=message),))


_METHOD = "AUC of rows not yet seen, DeLong"


class _Terms(NamedTuple):
    """Standardised columns of the regression, the table's column behind each, whether it pairs."""

    values: Vector
    owner: NDArray[np.int64]
    pairs: NDArray[np.bool_]


def _rows(table: Mapping[str, Column]) -> int:
    return length(next(iter(table.values()), np.zeros(0)))


def _terms(reference: Mapping[str, Column], current: Mapping[str, Column]) -> _Terms:
    parts: list[Vector] = []
    owner: list[int] = []
    pairs: list[bool] = []
    for at, (name, old) in enumerate(reference.items()):
        for column, paired in _column_terms(old, current[name]):
            spread = float(column.std()) if column.size else 0.0
            if spread > 1e-9:
                parts.append((column - column.mean()) / spread)
                owner.append(at)
                pairs.append(paired)
    values = np.column_stack(parts) if parts else np.zeros((0, 0))
    return _Terms(values, np.array(owner, np.int64), np.array(pairs, np.bool_))


def _column_terms(old: Column, new: Column) -> list[tuple[Vector, bool]]:
    """The terms of one column over both tables' rows, and whether each joins products."""
    if {kind_of(old), kind_of(new)} & {"categorical", "boolean"}:
        (a, names), (b, more) = encode(old), encode(new)
        index = {name: at for at, name in enumerate(dict.fromkeys([*names, *more]))}
        codes = np.concatenate([a, placed((b, more), index)])
        common = np.argsort(-np.bincount(codes[codes >= 0], minlength=1), kind="stable")
        return [((codes == code).astype(float), True) for code in (-1, *common[:_CATEGORIES])]
    values = np.concatenate([floats(old), floats(new)])
    gone = np.isnan(values)
    score = np.zeros(values.size)
    score[~gone] = _normal_scores(values[~gone])
    return [(score, True), (score**2, False), (gone.astype(float), True)]


def _normal_scores(values: Vector) -> Vector:
    from scipy.special import ndtri

    if not values.size:
        return values
    found, at, counts = np.unique(values, return_inverse=True, return_counts=True)
    middle = (np.cumsum(counts) - counts / 2) / values.size
    return np.asarray(ndtri(middle), float)[at.reshape(-1)] if found.size else values


class _Placed(NamedTuple):
    """Where each held-out row's score lies among the other table's scores, 0 to 1."""

    current: Vector
    reference: Vector


class _Trial(NamedTuple):
    """One fold: its model and the rows that it has not seen."""

    values: Vector
    label: NDArray[np.bool_]
    owner: NDArray[np.int64]
    weight: Vector
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    both: Vector
    score: Vector
    auc: _Placed

    @classmethod
    def of(
        cls, terms: _Terms, label: NDArray[np.bool_], place: NDArray[np.int64], fold: int
    ) -> _Trial:
        """Choose the products and fit on the folds before one, and score that one."""
        held, seen = place == fold, place < fold
        z, y = terms.values[seen], label[seen]
        first, second = _changed_pairs(z, y, terms)
        design = np.column_stack([z, z[:, first] * z[:, second]])
        centre = design.mean(axis=0)
        target = np.where(y, 0.5 / y.mean(), -0.5 / (1 - y.mean()))
        design -= centre
        gram = design.T @ design
        gram[np.diag_indices_from(gram)] += design.shape[1]
        weight = np.linalg.solve(gram, design.T @ target)
        tried, k = terms.values[held], z.shape[1]
        score = tried @ weight[:k] + (tried[:, first] * tried[:, second]) @ weight[k:]
        return cls(tried, label[held], terms.owner, weight[:k], first, second, weight[k:],
                   score, _placed(score, label[held]))  # fmt: skip

    def without(self, column: int) -> _Placed:
        """What each row's place loses when this column is shuffled over the held-out rows."""
        order = np.random.default_rng(column).permutation(len(self.label))
        score = self.score.copy()
        own = np.flatnonzero(self.owner == column)
        mine = self.values[:, own]
        score += (mine[order] - mine) @ self.weight[own]
        for one, two, weight in zip(self.first, self.second, self.both, strict=True):
            if column in (self.owner[one], self.owner[two]):
                a, b = self.values[:, one], self.values[:, two]
                left = a[order] if self.owner[one] == column else a
                right = b[order] if self.owner[two] == column else b
                score += weight * (left * right - a * b)
        left = _placed(score, self.label)
        return _Placed(self.auc.current - left.current, self.auc.reference - left.reference)


def _changed_pairs(
    z: Vector, y: NDArray[np.bool_], terms: _Terms
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The products of two columns' terms whose means differ most in standard errors."""
    use = np.flatnonzero(terms.pairs)
    gap = np.zeros((use.size, use.size))
    noise = np.zeros_like(gap)
    for sign, rows in ((1.0, z[y][:, use]), (-1.0, z[~y][:, use])):
        mean = rows.T @ rows / len(rows)
        gap += sign * mean
        noise += ((rows**2).T @ rows**2 / len(rows) - mean**2) / len(rows)
    other = terms.owner[use][:, None] < terms.owner[use][None, :]
    size = np.where(other, np.abs(gap) / np.sqrt(np.maximum(noise, 1e-12)), -1.0)
    best = np.argsort(-size, axis=None, kind="stable")[: min(_PAIRS, int(other.sum()))]
    first, second = np.unravel_index(best, size.shape)
    return use[first], use[second]


def _placed(score: Vector, label: NDArray[np.bool_]) -> _Placed:
    new, old = np.sort(score[label]), np.sort(score[~label])

    def below(values: Vector, among: Vector) -> Vector:
        ends = (np.searchsorted(among, values, side) for side in ("left", "right"))
        return np.asarray(sum(ends), float) / (2 * among.size)

    return _Placed(below(score[label], old), 1 - below(score[~label], new))


def _loss(folds: list[_Placed], confidence: float, n: int, size: Mapping[str, int]) -> Estimate:
    """What the AUC loses; where no row moves, as many as could and were not seen to still may."""
    found = _average(folds, confidence, n, "loss of AUC when shuffled, paired DeLong")
    if found.low < found.high:
        return found
    least = min(size.values())
    unseen = 1 - clopper_pearson(least, least, confidence)[0]
    return Estimate(found.value, found.low - unseen, found.high + unseen, confidence, n,
                    found.method)  # fmt: skip


def _average(
    folds: list[_Placed], confidence: float, n: int, method: str,
    size: Mapping[str, int] | None = None,
) -> Estimate:  # fmt: skip
    """The mean over folds, normal with DeLong's variance; with `size` an AUC within [0, 1]."""
    value = float(np.mean([f.current.mean() for f in folds]))
    variance = sum(
        float(side.var(ddof=1)) / side.size for f in folds for side in (f.current, f.reference)
    )
    half = normal_quantile(confidence) * math.sqrt(variance) / len(folds)
    low, high = value - half, value + half
    if size is not None:  # rows that are told apart without an error vary not at all
        least = min(size.values())
        low = min(low, clopper_pearson(least, least, confidence)[0])
        low, high = max(low, 0.0), min(high, 1.0)
    return Estimate(value, low, high, confidence, n, method)
