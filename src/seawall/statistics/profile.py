"""All that is kept of a table: what a saved baseline holds."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from seawall.kernel import BadInput, Digest
from seawall.statistics.codec import Reader, Writer
from seawall.statistics.column import Column
from seawall.statistics.describe import describe
from seawall.statistics.distinct import Distinct
from seawall.statistics.grid import Grid
from seawall.statistics.hashing import hash_values
from seawall.statistics.keys import KeySummary
from seawall.statistics.score import ScoreSummary
from seawall.statistics.summary import TableSummary


class LabelledScores(msgspec.Struct, frozen=True, kw_only=True):
    """A model's scores by label and group, and the columns they were read from.

    `threshold` is counted apart on the grid, so calls at it are exact.
    """

    score: str
    label: str
    threshold: float
    summary: ScoreSummary

    def merge(self, other: LabelledScores) -> LabelledScores:
        """Both together; `BadInput` when they were read from other columns."""
        if (self.score, self.label, self.threshold) != (other.score, other.label, other.threshold):
            raise BadInput("scores of different columns or thresholds do not merge")
        return msgspec.structs.replace(self, summary=self.summary.merge(other.summary))

    def to_bytes(self) -> bytes:
        """`SWLS`, u16 version 1, text score, text label, f64 threshold, blob score summary."""
        out = Writer(b"SWLS", 1)
        out.text(self.score)
        out.text(self.label)
        out.number("d", self.threshold)
        out.blob(self.summary.to_bytes())
        return out.done()

    @classmethod
    def from_bytes(cls, data: bytes) -> LabelledScores:
        """Read what `to_bytes` wrote; raises `Corrupt` on anything else."""
        read = Reader(data, b"SWLS", 1, "labelled score summary")
        score, label, (threshold,) = read.text(), read.text(), read.number("d")
        summary = ScoreSummary.from_bytes(read.blob())
        read.end()
        read.require(0 <= threshold <= 1, "has a threshold outside [0, 1]")
        return cls(score=score, label=label, threshold=threshold, summary=summary)


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """A table's columns, and what was asked about it besides.

    `table` counts every column on its grid; `distinct` how many values each has; `keys` whether
    rows are one of a kind; `scores` a model's scores with their labels.
    """

    table: TableSummary
    distinct: dict[str, Distinct] = {}
    keys: KeySummary | None = None
    scores: LabelledScores | None = None

    @property
    def digest(self) -> Digest:
        """The content address of `to_bytes()`."""
        return Digest.of(self.to_bytes())

    def merge(self, other: Profile) -> Profile:
        """Both tables' rows together; `BadInput` when they do not count the same things."""
        if _asked(self) != _asked(other):
            raise BadInput("profiles that count different things do not merge")
        return Profile(
            table=self.table.merge(other.table),
            distinct={n: d.merge(other.distinct[n]) for n, d in self.distinct.items()},
            keys=self.keys.merge(other.keys) if self.keys and other.keys else None,
            scores=self.scores.merge(other.scores) if self.scores and other.scores else None,
        )

    def to_dict(self) -> dict[str, Any]:
        """The readable shape: rows, each column's facts, duplicate keys, scores."""
        found: dict[str, Any] = {
            "rows": self.table.rows,
            "columns": {
                name: describe(column, self.distinct.get(name))
                for name, column in self.table.columns.items()
            },
        }
        if self.keys:
            found["keys"] = {
                "columns": list(self.keys.columns),
                "missing": self.keys.missing,
                "duplicate_rows": self.keys.duplicate_rows().to_dict(),
                "repeated_keys": self.keys.repeated_keys().to_dict(),
            }
        if self.scores:
            scores = self.scores.summary
            found["scores"] = {
                "score": self.scores.score,
                "label": self.scores.label,
                "threshold": self.scores.threshold,
                "rows": {
                    "scored": scores.n, "labelled": scores.labelled,
                    "without_score": scores.missing,
                },
                "groups": ["×".join(family.columns) for family in scores.families],
            }  # fmt: skip
        return found

    def to_bytes(self) -> bytes:
        """`SWBL`, u16 version 1, u32 columns in their own order, a text each; u32 sections, each a
        text kind, a text name and a blob, in order of kind and name; the SHA-256 of all before.
        """
        sections = [("table", "", self.table.to_bytes())]
        sections += [("distinct", n, d.to_bytes()) for n, d in self.distinct.items()]
        for kind, part in (("keys", self.keys), ("scores", self.scores)):
            sections += [(kind, "", part.to_bytes())] if part else []
        out = Writer(b"SWBL", 1)
        out.number("I", len(self.table.columns))
        for name in self.table.columns:
            out.text(name)
        out.number("I", len(sections))
        for kind, name, data in sorted(sections):
            out.text(kind)
            out.text(name)
            out.blob(data)
        body = out.done()
        return body + hashlib.sha256(body).digest()

    @classmethod
    def from_bytes(cls, data: bytes) -> Profile:
        """Read what `to_bytes` wrote; raises `Corrupt` on anything else."""
        body, seal = data[:-32], data[-32:]
        read = Reader(body, b"SWBL", 1, "baseline")
        read.require(hashlib.sha256(body).digest() == seal, "is damaged or cut short")
        order = [read.text() for _ in range(read.number("I")[0])]
        sections = {(read.text(), read.text()): read.blob() for _ in range(read.number("I")[0])}
        read.end()
        odd = {kind for kind, _ in sections} - {"table", "distinct", "keys", "scores"}
        read.require(not odd, f"has sections that this version does not know: {sorted(odd)}")
        read.require(list(sections) == sorted(sections), "has sections out of order")
        read.require(("table", "") in sections, "has no table")
        keys, scores = sections.get(("keys", "")), sections.get(("scores", ""))
        table = TableSummary.from_bytes(sections["table", ""])
        read.require(sorted(order) == sorted(table.columns), "has no order of its columns")
        return cls(
            table=TableSummary(table.rows, {name: table.columns[name] for name in order}),
            distinct={n: Distinct.from_bytes(d) for (k, n), d in sections.items()
                      if k == "distinct"},
            keys=KeySummary.from_bytes(keys) if keys is not None else None,
            scores=LabelledScores.from_bytes(scores) if scores is not None else None,
        )  # fmt: skip


def count_distinct(
    table: Mapping[str, Column], grids: Mapping[str, Grid], names: Iterable[str]
) -> dict[str, Distinct]:
    """The distinct counts of these columns, each value read as its grid reads it."""
    found: dict[str, Distinct] = {}
    for name in names:
        hashes, there = hash_values(table[name], grids[name].kind)
        found[name] = Distinct.of(hashes[there])
    return found


def _asked(profile: Profile) -> tuple[set[str], bool, bool]:
    return set(profile.distinct), profile.keys is None, profile.scores is None
