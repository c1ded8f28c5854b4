"""Scoring a table by the inline safety layer: the same guards, the same log, in bulk."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import msgspec

from seawall.adapters.tables import open_source, table_writer
from seawall.kernel import BadInput, SeawallError
from seawall.sdk.guard import Guard, GuardDecision, values_of
from seawall.serving.decide import VERDICTS
from seawall.serving.output import Output
from seawall.serving.packing import Said

SHOWN = 1_000
"""So many numbers of refused rows are kept; the table has all."""


class Refused(msgspec.Struct, frozen=True):
    """Rows that the endpoint takes no decision on, since it rejects invalid inputs."""

    rows: int
    first: tuple[int, ...]
    """The numbers of the first thousand, from 1 for the first row of data."""


class Scored(msgspec.Struct, frozen=True):
    """How many rows were answered how: by verdict, and by the arm that answered.

    `rows` are all, `refused` among them, which `verdicts` leave out. `violations` are rows by field
    and problem, as a gateway counts them. `logged` is how many decisions the log took.
    """

    rows: int
    verdicts: dict[str, int]
    arms: dict[str, int]
    reasons: dict[str, int]
    """The most frequent reasons of answers that did not pass, at most ten."""
    refused: Refused
    violations: dict[str, dict[str, int]]
    logged: int
    killed: bool
    """Whether the endpoint was switched off at the end."""


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
    are named. A refused row has the verdict `reject`, a reason, and no decision. What is returned
    is kept beside the answers, in `TO.json`. Raises `BadInput` on a column that the data lack.
    """
    source = open_source(data)
    also = [name for name in (unit or guard.bundle.unit, subject) if name]
    known = {*guard.bundle.signature.names, *guard.bundle.protected}
    names = source.chosen([*(n for n in source.columns if n in known), *dict.fromkeys(also)])
    if not set(names) & set(guard.bundle.signature.names):
        remedy = f"the model takes {', '.join(guard.bundle.signature.names[:8])}"
        raise BadInput("no column is an input of the model", where=source.name, remedy=remedy)
    verdicts, arms, reasons = Counter[str](), Counter[str](), Counter[str]()
    violations = defaultdict[str, Counter[str]](Counter)
    first, refused = list[int](), 0
    with table_writer(Path(to)) as write:
        for piece in source.pieces:
            columns = piece.read(names)
            try:
                bulk = guard.score(columns, unit=unit, subject=subject, said=Said(purpose=purpose))
            except SeawallError as error:
                raise error if error.where else error.at(piece.where) from error
            if not bulk.answers:
                continue
            before, out = sum(verdicts.values()) + refused, frozenset(bulk.refused)
            found = _table(bulk.answers, out, guard.bundle.output)
            write({n: values_of(columns[n]) for n in dict.fromkeys(also)} | found)
            first += [before + place + 1 for place in bulk.refused[: SHOWN - len(first)]]
            refused += len(out)
            for v in bulk.violations:
                violations[v.field][v.problem] += v.count
            made = [a for i, a in enumerate(bulk.answers) if i not in out]
            verdicts.update(a.verdict for a in made)
            arms.update(a.fallback or a.arm for a in made if a.verdict != "block")
            reasons.update(a.reason for a in made if a.reason)
    decided = sum(verdicts.values())
    done = Scored(
        rows=decided + refused,
        verdicts={name: verdicts[name] for name in VERDICTS if verdicts[name]},
        arms=dict(arms),
        reasons=dict(reasons.most_common(10)),
        refused=Refused(refused, tuple(first)),
        violations={field: dict(by) for field, by in sorted(violations.items())},
        logged=decided if guard.logs else 0,
        killed=guard.killed,
    )
    Path(f"{to}.json").write_bytes(msgspec.json.format(msgspec.json.encode(done)) + b"\n")
    return done


def _table(answers: list[GuardDecision], refused: frozenset[int], output: Output) -> dict[str, Any]:
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
    if refused:
        decided = [i not in refused for i in range(len(answers))]
        for name in ("decision_id", "arm", "version"):
            kept = [getattr(a, name) if d else None for a, d in zip(answers, decided, strict=True)]
            found[name] = pa.array(kept, pa.string())
        words = [a.verdict if d else "reject" for a, d in zip(answers, decided, strict=True)]
        found["verdict"] = pa.array(words, pa.string())
    if output.kind == "multiclass":
        for name in map(str, output.classes):
            chances = [a.probabilities.get(name) for a in answers]
            found[f"probability_{name}"] = pa.array(chances, pa.float64())
    return found
