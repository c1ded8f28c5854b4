"""What gateways told of an endpoint, as the bets of a monitor's streams."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from seawall.app.root import App
from seawall.app.telemetry import HOUR, load
from seawall.kernel import BadInput, Window, from_ns, to_ns
from seawall.monitoring.plan import OF_VALUES, SCORE, MonitorPlan, Stream
from seawall.monitoring.seasonal import HOURS, SeasonalBaseline, hour_of_week
from seawall.monitoring.sharing import BANDS, fixed_share
from seawall.registry.version import Version
from seawall.serving.endpoint import Endpoint
from seawall.serving.label_groups import CALLED, GroupCounts, Groups, calls, merge_groups
from seawall.serving.telemetry import Labels
from seawall.serving.telemetry import Stream as Reported
from seawall.statistics.counted_bets import (
    BETTORS,
    Sets,
    calibration_bet,
    gap_bet,
    mean_gap_bet,
    risk_bet,
)
from seawall.statistics.e_detector import Vector
from seawall.statistics.performance import confusion
from seawall.statistics.score import ScoreSummary
from seawall.statistics.summary import ColumnSummary, TableSummary


class _Hour(NamedTuple):
    """What is known of one hour: labels of the hour whose cohort has matured, values of this."""

    window: Window
    labels: Sequence[Labels]
    scored: ScoreSummary | None
    groups: Groups
    values: Mapping[str, ColumnSummary]


class WatchedReports:
    """Reports as bets: of each hour the inputs and scores, and the labels that matured in it."""

    def __init__(
        self, app: App, endpoint: Endpoint, version: Version, plan: MonitorPlan, before: int
    ) -> None:
        """`before` is how many streams were begun on this champion before this monitor's."""
        self._app, self._endpoint, self._version, self._plan = app, endpoint, version, plan
        self._baseline = _baseline(app, version)
        declared = tuple(plan.streams(tuple(self._baseline)))
        self.streams = tuple(
            s for s in declared if s.watched.measure != "distribution" or s.part in self._baseline
        )
        self.lacking = tuple(s.name for s in declared if s not in self.streams)
        """Streams that cannot be watched, since the champion has no baseline of them."""
        budget, hours = endpoint.alarms, HOURS if plan.season else 1
        alpha = BANDS * budget.alpha if plan.contract == "ever" else HOUR / budget.between
        self._confidence = {
            s.part: 1 - alpha * fixed_share(before + place) / hours
            for place, s in enumerate(self.streams, 1)
            if s.watched.measure == "distribution"
        }
        self._sets = {
            part: Sets(self._baseline[part], level) for part, level in self._confidence.items()
        }
        self._seasonal = self._seasons() if plan.season else {}

    @property
    def bettors(self) -> dict[str, int]:
        """How many bets each stream makes."""
        return {
            s.name: self._sets[s.part].bettors
            if s.watched.measure == "distribution"
            else BETTORS["gap" if s.watched.measure.endswith("_gap") else s.watched.measure]
            for s in self.streams
        }

    def hours(
        self, since: datetime, until: datetime
    ) -> Sequence[tuple[Window, Mapping[str, Vector]]]:
        """Each hour of a span, with the bets of the streams that something is told of."""
        age = timedelta(hours=-(-self._endpoint.label_age_seconds // 3600))
        labels = self._load("labels", since - age, until - age)
        inputs = self._load("inputs", since, until)
        scores = self._load("scores", since, until)
        found: list[tuple[Window, Mapping[str, Vector]]] = []
        start = since
        while start < until:
            window = Window(start, start + HOUR)
            told = _Hour(
                window=window,
                labels=[b for _, b in labels[start - age] if isinstance(b, Labels)],
                scored=self._scored(labels[start - age]),
                groups=self._groups(labels[start - age]),
                values=self._values(inputs[start], scores[start]),
            )
            made = {s.name: self._bet(s, told, to_ns(start)) for s in self.streams}
            found.append((window, {n: b[None, :] for n, b in made.items() if b is not None}))
            start += HOUR
        return found

    def _seasons(self) -> dict[str, SeasonalBaseline]:
        """The endpoint's own reports of the season's span, by hour of the week, for each column."""
        assert self._plan.season is not None
        span = self._plan.season.window
        inputs = self._load("inputs", span.start, span.end)
        scores = self._load("scores", span.start, span.end)
        parts: dict[str, list[tuple[int, TableSummary]]] = defaultdict(list)
        for start in {*inputs, *scores}:
            for name, column in self._values(inputs[start], scores[start]).items():
                parts[name].append((hour_of_week(start), TableSummary(column.rows, {name: column})))
        return {name: SeasonalBaseline.of(found) for name, found in parts.items()}

    def _like(self, name: str, window: Window) -> Sets:
        """What a window is compared with: like hours where there is a season, else the baseline."""
        if name not in self._seasonal:
            return self._sets[name]
        known = self._seasonal[name].like(window).summary.columns[name]
        return Sets(self._baseline[name], self._confidence[name], known)

    def _load(
        self, stream: Reported, since: datetime, until: datetime
    ) -> dict[datetime, list[tuple[str, object]]]:
        """What the arms that answered told of each hour, with their versions."""
        found: dict[datetime, list[tuple[str, object]]] = defaultdict(list)
        for row, body in load(self._app, self._endpoint.name, stream, since=since, until=until):
            if row.arm != "shadow":
                found[from_ns(row.start_ns)].append((row.version, body))
        return found

    def _scored(self, told: Sequence[tuple[str, object]]) -> ScoreSummary | None:
        """The champion's labelled scores; what a change of threshold or groups left, the larger."""
        total: ScoreSummary | None = None
        for version, body in told:
            if version != self._version.key or not isinstance(body, Labels):
                continue
            scores = body.scores
            if total is None or scores is None:
                total = total or scores
                continue
            try:
                total = total.merge(scores)
            except BadInput:  # two arms of one hour, counted by different rules
                total = max(total, scores, key=lambda s: s.n)
        return total

    def _groups(self, told: Sequence[tuple[str, object]]) -> Groups:
        """The champion's labels by group, of several classes or of values."""
        found: Groups = {}
        for version, body in told:
            if version == self._version.key and isinstance(body, Labels):
                found = merge_groups(found, body.groups)
        return found

    def _values(
        self, inputs: Sequence[tuple[str, object]], scores: Sequence[tuple[str, object]]
    ) -> dict[str, ColumnSummary]:
        """Each watched column of all arms, and the champion's scores, on the baseline's grids."""
        found: dict[str, ColumnSummary] = {}
        columns = [
            (name, column)
            for _, body in inputs
            if isinstance(body, TableSummary)
            for name, column in body.columns.items()
        ]
        columns += [
            (SCORE, body)
            for version, body in scores
            if version == self._version.key and isinstance(body, ColumnSummary)
        ]
        for name, column in columns:
            if name in self._sets and column.grid == self._baseline[name].grid:
                found[name] = found[name].merge(column) if name in found else column
        return found

    def _bet(self, stream: Stream, told: _Hour, seed: int) -> Vector | None:
        watched = stream.watched
        allowed = watched.allowed
        if watched.measure == "distribution":
            column = told.values.get(stream.part)
            sets = self._like(stream.part, told.window)
            return sets.bet(column, allowed) if column and column.n else None
        if watched.measure == "error_rate" and not watched.by:
            wrong = sum(one.wrong for one in told.labels)
            rows = wrong + sum(one.correct for one in told.labels)
            return risk_bet(wrong, rows, allowed) if rows else None
        if watched.measure in OF_VALUES:
            return self._of_errors(stream, told.groups.get(watched.by, {}), seed)
        favourable = self._endpoint.favourable
        scored = told.scored or calls(told.groups, None if favourable is None else str(favourable))
        if scored is None:
            return None
        if watched.measure == "calibration":
            return calibration_bet(scored.counts[:2], scored.grid, allowed)
        ones = _wrong if watched.measure.startswith("error_rate") else _selected
        threshold = CALLED if told.scored is None else self._endpoint.threshold
        mine, rest = _split(scored, stream, threshold, ones)
        if watched.measure == "error_rate":
            return risk_bet(*mine, allowed) if mine[1] else None
        return gap_bet(mine, rest, allowed, seed) if mine[1] and rest[1] else None

    def _of_errors(
        self, stream: Stream, groups: Mapping[str, GroupCounts], seed: int
    ) -> Vector | None:
        """Errors of a group against those of all others, within the range of the value."""
        value, part = self._endpoint.value, stream.watched.measure
        mine, rest = None, None
        for name, counted in groups.items():
            errors = counted.values
            if errors is None:
                continue
            column = errors.error if part == "mean_error_gap" else errors.magnitude
            if name == stream.part:
                mine = column
            else:
                rest = column if rest is None else rest.merge(column)
        if mine is None or rest is None or not (mine.n and rest.n):
            return None
        return mean_gap_bet(mine, rest, stream.watched.allowed, value.high - value.low, seed)


def _baseline(app: App, version: Version) -> dict[str, ColumnSummary]:
    """The columns of the champion's baseline, and its scores on the hold-out."""
    found = dict(TableSummary.from_bytes(app.objects.get(version.objects["baseline"])).columns)
    if "baseline_scores" in version.objects:
        known = ScoreSummary.from_bytes(app.objects.get(version.objects["baseline_scores"]))
        found[SCORE] = ColumnSummary(grid=known.grid, counts=known.counts.sum(axis=0))
    return found


def _split(
    scored: ScoreSummary,
    stream: Stream,
    threshold: float,
    ones: Callable[[ScoreSummary, float], tuple[int, int]],
) -> tuple[tuple[int, int], tuple[int, int]]:
    """What `ones` counts, and rows, of a group and of all others; zeros where none was counted."""
    try:
        family = scored.family(stream.watched.by)
    except BadInput:
        return (0, 0), (0, 0)
    whole = ones(scored, threshold)
    group = (stream.part,)
    if group not in family.groups:
        return (0, 0), whole
    mine = ones(scored.of_group(family, family.groups.index(group)), threshold)
    return mine, (whole[0] - mine[0], whole[1] - mine[1])


def _wrong(scored: ScoreSummary, threshold: float) -> tuple[int, int]:
    found = confusion(scored, threshold)
    return found.fp + found.fn, found.tp + found.fp + found.fn + found.tn


def _selected(scored: ScoreSummary, threshold: float) -> tuple[int, int]:
    found = confusion(scored, threshold)
    return found.tp + found.fp, found.tp + found.fp + found.fn + found.tn
