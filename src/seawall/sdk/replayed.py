"""The answers of a replay, recorded and new, as columns that grow piece by piece."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.kernel import BadInput
from seawall.serving.again import withheld
from seawall.serving.bundle import Bundle
from seawall.serving.decide import Answer
from seawall.serving.decision import DecisionRecord
from seawall.serving.output import Decision, Label, Output
from seawall.serving.signature import Signature
from seawall.statistics.flips import NONE

SEARCHED = 200_000
"""Rows whose inputs are kept for the search of segments."""
TENTH = 0.1
"""Values are another answer beyond this share of their deviation, where no tolerance is declared.
"""
REFUSED = "refused"
BY_RECORD = ("arm", "model", "caller", "purpose")
"""What of a record decisions may be grouped by, beside fields of its input."""
_MARKS = ("token:", "digest:")


class Part(NamedTuple):
    """Decisions of one piece that can be asked again."""

    records: list[DecisionRecord]
    inputs: list[dict[str, Any]]


class Sorted(msgspec.Struct):
    """Which decisions can be asked again; the others are counted by why not."""

    bundle: Bundle
    signature: Signature
    protected: tuple[str, ...] = ()
    not_replayed: Counter[str] = msgspec.field(default_factory=Counter[str])

    def part(self, records: Sequence[DecisionRecord]) -> Part:
        """Those whose input is there, with their inputs."""
        kept: list[DecisionRecord] = []
        known = {*self.signature.names, *self.protected}
        inputs: list[dict[str, Any]] = []
        for record in records:
            if why := self._why_not(record):
                self.not_replayed[why] += 1
            else:
                kept.append(record)
                inputs.append({n: v for n, v in record.input.items() if n in known})
        return Part(kept, inputs)

    def _why_not(self, record: DecisionRecord) -> str:
        if record.minimal:
            return "its inputs were left out by sampling"
        if not record.input and not record.erased:
            return "no input was kept"
        hidden = record.erased or any(
            isinstance(v, str) and v.startswith(_MARKS) for v in record.input.values()
        )
        rules = self.bundle.privacy and "drop" in self.bundle.privacy.values()
        if not (hidden or rules):
            return ""
        found = withheld(record, self.bundle)
        return next((f"{name} {why}" for name, why in found.items()), "")


def check_recorded(part: Part, signature: Signature, where: str) -> None:
    """Raise `BadInput` for a field that the model takes and none of these inputs has."""
    there = {name for row in part.inputs for name in row}
    lacking = [f.name for f in signature.fields if f.name not in there and f.default is None]
    if part.inputs and lacking:
        raise BadInput(
            f"the candidate takes {', '.join(lacking[:8])}, which the log does not hold",
            where=where,
            remedy=f"recorded are {', '.join(sorted(there)[:12])}",
        )


class Replayed:
    """Answers of all rows so far, and the inputs of the first `SEARCHED`.

    Labels are columns of codes: 0 or 1, the place of a class, 0 for any value; `NONE` without an
    answer. What a regression answers is in `recorded_value` and `candidate_value`; two answers of
    it are otherwise when they lie further apart than `apart`.
    """

    def __init__(
        self,
        names: Sequence[str],
        by: Sequence[str],
        output: Output = Output(),  # noqa: B008 -- frozen
        apart: float | None = None,
    ) -> None:
        self.names, self.by, self.output = tuple(names), tuple(by), output
        self._apart = apart
        self.ids: list[str] = []
        self.verdicts, self.guards = Counter[str](), Counter[str]()
        self.fallbacks = Counter[str]()
        self.recorded = {"guards": Counter[str](), "fallbacks": Counter[str]()}
        self.groups: dict[str, list[str]] = {name: [] for name in by}
        self._parts: list[dict[str, NDArray[Any]]] = []
        self._inputs: list[NDArray[np.float64]] = []
        self._searched = 0

    def __len__(self) -> int:
        return len(self.ids)

    def add(
        self,
        part: Part,
        matrix: NDArray[np.float64],
        answers: Sequence[Answer],
        bad: NDArray[np.bool_],
        *,
        refuses: bool,
    ) -> dict[str, Any]:
        """Take a piece; `bad` are rows that do not fit, which a gateway `refuses` with 400 or not.

        Returns the piece's rows for a table of answers.
        """
        records, refused = part.records, bad & refuses
        then = [label_of(r, self.output) for r in records]
        now = [None if no else a.label for a, no in zip(answers, refused, strict=True)]
        numbers: dict[str, NDArray[Any]] = {
            "asked": ~bad,
            "recorded_score": _floats(r.score for r in records),
            "recorded_label": self._codes(then),
            "recorded_threshold": _floats(r.threshold for r in records),
            "recorded_itself": _itself(then, records),
            "candidate_score": _floats(a.model_score for a in answers),
            "candidate_label": self._codes(now),
            "candidate_itself": _itself(now, answers),
        }
        if self.output.kind == "regression":
            numbers |= {"recorded_value": _values(then), "candidate_value": _values(now)}
        self._parts.append(numbers)
        self.ids += [r.id for r in records]
        said = [REFUSED if no else a.verdict for a, no in zip(answers, refused, strict=True)]
        self._count(records, answers, said)
        for name, values in self.groups.items():
            values += [_group(r, name) for r in records]
        if self._searched < SEARCHED:
            self._inputs.append(matrix[: SEARCHED - self._searched].copy())
            self._searched += len(self._inputs[-1])
        shown = self._table(then, now)
        if self._apart is not None or self.output.kind != "regression":
            shown["flips"] = _otherwise(numbers, self._apart or 0.0)
        return _rows(part, numbers, answers, said, shown)

    def column(self, name: str) -> NDArray[Any]:
        """All values of a column so far."""
        parts = [part[name] for part in self._parts if name in part]
        return np.concatenate(parts) if parts else np.empty(0)

    @property
    def unit(self) -> float:
        """The standard deviation of the recorded values; 0 where there are fewer than two."""
        told = self.column("recorded_value")
        told = told[~np.isnan(told)]
        return float(np.std(told, ddof=1)) if told.size > 1 else 0.0

    @property
    def apart(self) -> float:
        """By how much two values differ that are not the same answer."""
        return TENTH * self.unit if self._apart is None else self._apart

    @property
    def flipped(self) -> NDArray[np.bool_]:
        """Which decisions would have been otherwise."""
        names = ("recorded_label", "candidate_label", "recorded_value", "candidate_value")
        return _otherwise({name: self.column(name) for name in names}, self.apart)

    @property
    def inputs(self) -> NDArray[np.float64]:
        """The inputs that were kept, as models get them, for as many rows from the first on."""
        return np.concatenate(self._inputs) if self._inputs else np.empty((0, len(self.names)))

    @property
    def answered(self) -> NDArray[np.float64]:
        """Those of the inputs that the candidate has a score for."""
        inputs = self.inputs
        return inputs[~np.isnan(self.column("candidate_score")[: len(inputs)])]

    def _codes(self, labels: Sequence[Decision | None]) -> NDArray[np.int64]:
        if self.output.kind == "regression":
            return np.array([NONE if v is None else 0 for v in labels], np.int64)
        places: dict[Any, int] = {c: at for at, c in enumerate(classes_of(self.output))}
        return np.array([places.get(v, NONE) for v in labels], np.int64)

    def _table(
        self, then: Sequence[Decision | None], now: Sequence[Decision | None]
    ) -> dict[str, Any]:
        """Both labels for a table of answers, as the words of outcomes."""
        import pyarrow as pa

        if self.output.kind == "multiclass":
            then, now = (tuple(None if v is None else str(v) for v in p) for p in (then, now))
        kind = {"binary": pa.int8(), "multiclass": pa.string(), "regression": pa.float64()}
        made = pa.array(then, kind[self.output.kind]), pa.array(now, kind[self.output.kind])
        return dict(zip(("recorded_label", "candidate_label"), made, strict=True))

    def _count(
        self, records: Sequence[DecisionRecord], answers: Sequence[Answer], said: Sequence[str]
    ) -> None:
        self.verdicts.update(said)
        for answer, verdict in zip(answers, said, strict=True):
            if verdict != REFUSED:
                _tally(answer, self.guards, self.fallbacks)
        for record in records:
            _tally(record, self.recorded["guards"], self.recorded["fallbacks"])


def _tally(one: DecisionRecord | Answer, guards: Counter[str], fallbacks: Counter[str]) -> None:
    for name in one.guards:
        guards[name] += 1
    if one.fallback:
        fallbacks[one.fallback] += 1


def _rows(
    part: Part,
    numbers: Mapping[str, NDArray[Any]],
    answers: Sequence[Answer],
    said: Sequence[str],
    labels: Mapping[str, Any],
) -> dict[str, Any]:
    import pyarrow as pa

    records = part.records
    text = pa.string()
    return {
        "decision_id": pa.array([r.id for r in records], text),
        "time": pa.array([r.time for r in records], pa.timestamp("us", tz="UTC")),
        "arm": pa.array([r.arm for r in records], text),
        "model": pa.array([r.model for r in records], text),
        "recorded_score": pa.array(numbers["recorded_score"], from_pandas=True),
        "candidate_score": pa.array(numbers["candidate_score"], from_pandas=True),
        **labels,
        "recorded_fallback": pa.array([r.fallback for r in records], text),
        "candidate_fallback": pa.array([a.fallback for a in answers], text),
        "candidate_verdict": pa.array(said, text),
        "candidate_guards": pa.array([", ".join(a.guards) for a in answers], text),
        "candidate_reason": pa.array([a.reason for a in answers], text),
    }


def _otherwise(numbers: Mapping[str, NDArray[Any]], apart: float) -> NDArray[np.bool_]:
    """Which rows are answered otherwise: another label, no answer, a value further apart."""
    other: NDArray[np.bool_] = numbers["recorded_label"] != numbers["candidate_label"]
    values = numbers.get("recorded_value")
    if values is None or not values.size:
        return other
    with np.errstate(invalid="ignore"):
        return other | (np.abs(numbers["candidate_value"] - values) > apart)


def classes_of(output: Output) -> tuple[Label, ...]:
    """The labels of a model's answers, in the order of their codes."""
    return output.classes if output.kind == "multiclass" else (0, 1)


def label_of(record: DecisionRecord, output: Output) -> Decision | None:
    """What was decided, if it is a label of a model of this kind."""
    said = record.output
    label: Any = said.get("label") if isinstance(said, dict) else None
    if output.kind == "regression":
        if isinstance(label, bool) or not isinstance(label, int | float):
            return None
        return float(label) if np.isfinite(label) else None
    return label if label in classes_of(output) else None


def _itself(
    labels: Sequence[Decision | None], said: Sequence[DecisionRecord | Answer]
) -> NDArray[np.bool_]:
    """Whether the model itself gave each answer."""
    told = [v is not None and one.fallback is None for v, one in zip(labels, said, strict=True)]
    return np.array(told, bool)


def _group(record: DecisionRecord, name: str) -> str:
    value = getattr(record, name) if name in BY_RECORD else record.input.get(name)
    if value is None:
        return "(none)"
    if isinstance(value, str) and value.startswith(_MARKS):
        return "(hidden)"
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value) if whole else value)[:64]


def _floats(values: Iterator[float | None]) -> NDArray[np.float64]:
    return np.array([np.nan if v is None else v for v in values], dtype=np.float64)


def _values(labels: Sequence[Decision | None]) -> NDArray[np.float64]:
    return np.array([np.nan if v is None else float(v) for v in labels], np.float64)
