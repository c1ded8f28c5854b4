"""Scoring a table by the inline safety layer: the same guards, the same log, in bulk."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from seawall.adapters.tables import open_source, table_writer
from seawall.kernel import BadInput, SeawallError
from seawall.sdk.guard import Guard, GuardDecision, values_of
from seawall.serving.decide import VERDICTS
from seawall.serving.output import Output
from seawall.serving.packing import Said


class Scored(msgspec.Struct, frozen=True):
    """How many rows were answered how: by verdict, and by the arm that answered."""

    rows: int
    verdicts: dict[str, int]
    arms: dict[str, int]
    reasons: dict[str, int]
    """The most frequent reasons of answers that did not pass, at most ten."""


def score(
    guard: Guard,
    data: Any,
    to: Path | str,
    *,
    unit: str | None = None,
    subject: str | None = None,
    purpose: str | None = None,
) -> Scored:
    """Answer every row of a table and write the answers beside its routing keys.

    `data` is anything that `drift` takes; `to` a .csv or .parquet with a row for each row of data,
    in the same order: `decision_id`, `score`, `label`, `verdict`, `arm`, `version`, `reason`, of
    several classes `probability_CLASS` for each, and the columns `unit` and `subject` where they
    are named. Raises `BadInput` on a column that the data lack.
    """
    source = open_source(data)
    also = [name for name in (unit or guard.bundle.unit, subject) if name]
    known = {*guard.bundle.signature.names, *guard.bundle.protected}
    names = source.chosen([*(n for n in source.columns if n in known), *dict.fromkeys(also)])
    if not set(names) & set(guard.bundle.signature.names):
        remedy = f"the model takes {', '.join(guard.bundle.signature.names[:8])}"
        raise BadInput("no column is an input of the model", where=source.name, remedy=remedy)
    verdicts, arms, reasons = Counter[str](), Counter[str](), Counter[str]()
    with table_writer(Path(to)) as write:
        for piece in source.pieces:
            columns = piece.read(names)
            try:
                answers = guard.score(
                    columns, unit=unit, subject=subject, said=Said(purpose=purpose)
                )
            except SeawallError as error:
                raise error if error.where else error.at(piece.where) from error
            if not answers:
                continue
            found = _table(answers, guard.bundle.output)
            write({n: values_of(columns[n]) for n in dict.fromkeys(also)} | found)
            verdicts.update(a.verdict for a in answers)
            arms.update(a.fallback or a.arm for a in answers if a.verdict != "block")
            reasons.update(a.reason for a in answers if a.reason)
    counted = {name: verdicts[name] for name in VERDICTS if verdicts[name]}
    return Scored(sum(verdicts.values()), counted, dict(arms), dict(reasons.most_common(10)))


def _table(answers: list[GuardDecision], output: Output) -> dict[str, Any]:
    import pyarrow as pa

    named = output.kind == "multiclass" and isinstance(output.classes[0], str)
    whole = pa.int8() if output.kind == "binary" else pa.int64()
    types = {
        "decision_id": pa.string(),
        "score": pa.float64(),
        "label": pa.float64() if output.kind == "regression" else pa.string() if named else whole,
        "verdict": pa.string(),
        "arm": pa.string(),
        "version": pa.string(),
        "reason": pa.string(),
    }
    found = {n: pa.array([getattr(a, n) for a in answers], kind) for n, kind in types.items()}
    if output.kind == "multiclass":
        for name in map(str, output.classes):
            chances = [a.probabilities.get(name) for a in answers]
            found[f"probability_{name}"] = pa.array(chances, pa.float64())
    return found
