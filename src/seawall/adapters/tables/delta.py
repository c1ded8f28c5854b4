"""Delta tables: the Parquet files of their newest version."""

from __future__ import annotations

from pathlib import Path

from seawall.adapters.tables.parquet import dataset
from seawall.adapters.tables.source import Source, damaged
from seawall.kernel import BadInput


def delta_table(path: Path) -> Source:
    """A table in a local folder; `BadInput` without deltalake, or where it cannot be read."""
    try:
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError
    except ImportError as error:
        raise BadInput(
            f"{path} is a Delta table", remedy="install its reader: pip install 'seawall[delta]'"
        ) from error
    try:
        return dataset(str(path), DeltaTable(path).to_pyarrow_dataset())
    except (DeltaError, OSError, ValueError) as error:
        raise damaged(path, "a Delta table", error) from error
