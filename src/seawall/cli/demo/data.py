"""The census: 277,677 people of Massachusetts, 2015 to 2018, and the extracts made from them."""

from __future__ import annotations

import importlib.resources
from pathlib import Path

import numpy as np

from seawall.kernel import BadInput
from seawall.sdk.datasets import Table

LABEL, UNIT, YEAR = "employed", "id", "year"
PROTECTED = ("SEX", "RAC1P")
FEATURES = (
    "AGEP", "SCHL", "MAR", "RELP", "DIS", "ESP", "CIT", "MIG", "MIL", "ANC", "NATIVITY",
    "DEAR", "DEYE", "DREM",
)  # fmt: skip
ROWS = 277_677
SOURCE = "US Census Bureau, American Community Survey PUMS, Massachusetts, 2015 to 2018"
RANGES = {"AGEP": (0.0, 99.0)}
"""By the survey's own dictionary; in 2015 nobody was older than 94, in 2017 somebody is."""
FLIPPED_AGES = (56, 72)
"""The age band whose labels the faulty extract turns around, both ends included."""


def census(path: Path | None = None) -> Table:
    """The whole table; raises `BadInput` when the file is missing, damaged or another."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = path or packaged()
    try:
        table = pq.read_table(file)
    except FileNotFoundError as error:
        raise BadInput(
            "there is no data file", where=str(file), remedy="leave --data out to use our own"
        ) from error
    except (OSError, pa.ArrowInvalid) as error:
        raise BadInput(
            "the data file is damaged or no Parquet",
            where=str(file),
            remedy="leave --data out to use our own",
        ) from error
    wanted = (UNIT, YEAR, LABEL, *FEATURES, *PROTECTED)
    if missing := [name for name in wanted if name not in table.column_names]:
        raise BadInput(f"the data has no column {missing[0]!r}", where=str(file))
    if table.num_rows != ROWS and path is None:
        raise BadInput(f"{table.num_rows:,} rows, expected {ROWS:,}", where=str(file))
    return table


def packaged() -> Path:
    """The census file inside the installed package."""
    return Path(str(importlib.resources.files("seawall") / "data" / "acs_employment_ma.parquet"))


def of_years(table: Table, *years: int) -> Table:
    """The people surveyed in these years, in an order that is always the same and says nothing.

    The file is sorted by household and kind of dwelling: in its order, each hour would be drift.
    """
    chosen = np.flatnonzero(np.isin(table[YEAR].to_numpy(), years))
    return table.take(np.random.default_rng(min(years)).permutation(chosen))


def split(table: Table) -> tuple[Table, Table]:
    """Four fifths to train on, one fifth held out, by id: the same people always."""
    held = table[UNIT].to_numpy() % 5 == 0
    return table.filter(~held), table.filter(held)


def flip_band(table: Table) -> Table:
    """The fault of the bad extract: within one age band, employed and not employed swapped."""
    import pyarrow as pa

    age = table["AGEP"].to_numpy()
    labels = table[LABEL].to_numpy().copy()
    inside = (age >= FLIPPED_AGES[0]) & (age <= FLIPPED_AGES[1])
    labels[inside] = 1 - labels[inside]
    place = table.column_names.index(LABEL)
    return table.set_column(place, LABEL, pa.array(labels, table[LABEL].type))


def lose_women(table: Table) -> Table:
    """The fault of the unfair extract: a third of the employed women are recorded as not so."""
    import pyarrow as pa

    labels = table[LABEL].to_numpy().copy()
    women = table["SEX"].to_numpy() == 2
    lost = women & (np.random.default_rng(2015).random(len(labels)) < 0.35)
    labels[lost] = 0
    place = table.column_names.index(LABEL)
    return table.set_column(place, LABEL, pa.array(labels, table[LABEL].type))


def write(table: Table, path: Path) -> Path:
    """Write an extract whole or not at all."""
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".part")
    pq.write_table(table, draft, compression="zstd")
    draft.replace(path)
    return path
