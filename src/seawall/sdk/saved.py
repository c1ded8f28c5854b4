"""A baseline in a file: summaries of a table, no rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from seawall.kernel import BadInput, Corrupt, Digest
from seawall.sdk.report import Table
from seawall.statistics.profile import LabelledScores, Profile

ENDING = ".baseline"
_FEW = 5


class Baseline(msgspec.Struct, frozen=True):
    """What later data is compared with, counted; it serves wherever counts are enough."""

    profile: Profile

    @property
    def digest(self) -> Digest:
        """The content address of the file."""
        return self.profile.digest

    @property
    def rows(self) -> int:
        """Rows that were counted."""
        return self.profile.table.rows

    def save(self, path: str | Path) -> Path:
        """Write the file, which ends in .baseline; `BadInput` when it cannot be written."""
        target = Path(path)
        if target.suffix.lower() != ENDING:
            raise BadInput(
                f"{target} does not end in {ENDING}", remedy=f"call it {target.stem}{ENDING}"
            )
        try:
            target.write_bytes(self.profile.to_bytes())
        except OSError as error:
            raise BadInput(f"cannot write {target}: {error.strerror}") from error
        return target

    @classmethod
    def load(cls, path: str | Path) -> Baseline:
        """Read a saved baseline; `BadInput` when it is not there, damaged or no baseline."""
        target = Path(path)
        try:
            return cls(Profile.from_bytes(target.read_bytes()))
        except FileNotFoundError as error:
            raise BadInput(f"there is no file {target}", remedy="check the path") from error
        except OSError as error:
            raise BadInput(f"cannot read {target}: {error.strerror}") from error
        except Corrupt as error:
            raise BadInput(error.what, where=str(target), remedy=error.remedy) from error

    def rare(self) -> dict[str, list[str]]:
        """By column, the values kept by name that fewer than five rows have."""
        found: dict[str, list[str]] = {}
        for name, column in self.profile.table.columns.items():
            named = [*zip(column.grid.categories, column.counts.tolist(), strict=False)]
            few = (
                []
                if column.grid.ordered
                else [v for v, n in (*named, *column.others) if 0 < n < _FEW]
            )
            found |= {name: few} if few else {}
        return found

    def to_dict(self) -> dict[str, Any]:
        """The readable shape: digest, rows, columns, keys, scores."""
        return {"digest": str(self.digest), **self.profile.to_dict()}


def saved_baseline(source: Table) -> Baseline | None:
    """The baseline that a source is, or the file that it names; None for any other table."""
    if isinstance(source, Baseline):
        return source
    if isinstance(source, (str, Path)) and Path(source).suffix.lower() == ENDING:
        return Baseline.load(source)
    return None


def saved_scores(
    source: Table, *, score: str, label: str, threshold: float
) -> LabelledScores | None:
    """The labelled scores of a saved baseline, or None when the source is a table of rows.

    Raises `BadInput` when the baseline was saved without them, or with others.
    """
    saved = saved_baseline(source)
    if saved is None:
        return None
    held = saved.profile.scores
    where = Path(source).name if isinstance(source, (str, Path)) else ""
    asked = f"--score {score} --label {label} --threshold {threshold:g}"
    if held is None:
        raise BadInput("the baseline holds no scores", where=where, remedy=f"save it with {asked}")
    if (held.score, held.label, held.threshold) != (score, label, threshold):
        raise BadInput(
            f"the baseline holds score {held.score}, label {held.label}, threshold "
            f"{held.threshold:g}",
            where=where,
            remedy=f"name these, or save it with {asked}",
        )
    return held
