"""Signatures of data: inferred to be reviewed, read from files, and held against rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from seawall.adapters.declared import read
from seawall.adapters.tables import open_source, read_columns
from seawall.kernel import BadInput
from seawall.sdk.report import Table
from seawall.sdk.summaries import Reference, reference_summary, summary_on
from seawall.serving.inference import SLACK, Inferred, infer
from seawall.serving.reviewed import ReviewedSignature
from seawall.serving.signature import Signature
from seawall.serving.validate import Validator, Violation
from seawall.statistics.column import Column
from seawall.statistics.rescaled import Rescaled, rescaled
from seawall.statistics.summary import TableSummary

BLOCK = 65_536
"""Rows that are checked at once."""


class Held(msgspec.Struct, frozen=True):
    """What rows are by a signature: how many would be refused, all that was counted, and the
    columns that come in another unit although each of their values fits."""

    rows: int
    refused: int
    counted: tuple[Violation, ...]
    rescaled: tuple[Rescaled, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return found | {"rescaled": [one.to_dict() for one in self.rescaled]}


def infer_signature(
    data: Table,
    *,
    columns: Sequence[str] | None = None,
    label: str | None = None,
    categories: Sequence[str] = (),
    slack: float = SLACK,
) -> Inferred:
    """The signature that a table satisfies, with what a reviewer should look at.

    `columns`: the model's inputs in order, all by default; the `label` becomes no field. Raises
    `BadInput` on unreadable data and unknown columns.
    """
    there = open_source(data)
    names = there.chosen(columns)
    if label and label not in names:
        names = [*names, *there.chosen([label])]
    found = infer(read_columns(data, names), label=label, categories=categories, slack=slack)
    if columns is not None or not there.unreadable:
        return found
    left_out = {name: f"holds {kind}" for name, kind in there.unreadable.items()}
    return msgspec.structs.replace(found, left_out=found.left_out | left_out)


def read_signature(path: Path) -> ReviewedSignature:
    """The one signature that a file declares; raises `BadInput` naming file, line and field."""
    (declared, *more) = read(path, {"Signature": ReviewedSignature}) or [None]
    if declared is None or more:
        raise BadInput(f"{path} declares no signature, or several", remedy="one document a file")
    assert isinstance(declared.value, ReviewedSignature)
    return declared.value


def hold(signature: Signature, data: Table, reference: Table | None = None) -> Held:
    """Hold every row of a table against a signature, in blocks, as a gateway would.

    Columns that are no field are counted as unknown; with a `reference` (data, or a saved
    baseline) one that is a field by another name is told by its distribution, and one that comes
    in another unit by that and the field's `unit`. Raises `BadInput` on unreadable data.
    """
    columns = {n: plain(values) for n, values in read_columns(data).items()}
    rows = max((len(values) for values in columns.values()), default=0)
    known = reference_summary(reference) if reference is not None else None
    baseline = known.summary.columns if known else {}
    validator, refused = Validator(signature, baseline=baseline), 0
    counts: dict[tuple[str, str], Violation] = {}
    for first in range(0, rows, BLOCK):
        size = min(BLOCK, rows - first)
        part = {n: values[first : first + size] for n, values in columns.items()}
        checked = validator.columns(part, size)
        refused += int(np.count_nonzero(checked.bad))
        for v in checked.counted:
            before = counts.get((v.field, v.problem))
            total = v.count + (before.count if before else 0)
            counts[v.field, v.problem] = msgspec.structs.replace(before or v, count=total)
    units = _rescaled(signature, known, data) if known else ()
    return Held(rows, refused, tuple(sorted(counts.values(), key=lambda v: -v.count)), units)


def _rescaled(signature: Signature, known: Reference, data: Table) -> tuple[Rescaled, ...]:
    """The fields that come in another unit, among those that hold numbers on both sides."""
    there = open_source(data)
    grids = {
        f.name: known.grids[f.name]
        for f in signature.fields
        if f.name in known.grids and f.name in there.numeric and known.grids[f.name].ordered
    }
    if not grids:
        return ()
    before = TableSummary(known.summary.rows, {n: known.summary.columns[n] for n in grids})
    after = summary_on(data, grids, every_column=False).summary
    return rescaled(before, after, units={f.name: f.unit for f in signature.fields})


def plain(values: Column) -> Any:
    """A column as the validator takes it: an array, or a list with None where nothing is."""
    if isinstance(values, tuple):
        names = np.array([*values[1], None], dtype=object)
        return names[np.asarray(values[0], dtype=np.int64)].tolist()
    if isinstance(values, np.ma.MaskedArray):
        return values.tolist()
    return values
