"""Rows of the tables put in the place of others, or taken out, beside whoever else writes."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from datetime import date
from typing import Any

from seawall.adapters.decisions.schema import DECISIONS
from seawall.adapters.decisions.tables import (
    ATTEMPTS,
    is_in,
    open_table,
    select,
    table_errors,
    writing,
)

AT_ONCE = 20
"""Decisions whose rows are replaced in one commit: so many are still looked for by statistics."""
VACUUM: dict[str, Any] = {"dry_run": False, "enforce_retention_duration": False}
Change = Callable[[list[dict[str, Any]]], tuple[list[str], Any]]
"""From the rows of some decisions to the ids of those to be replaced, and what takes their place
(a `pyarrow.Table`)."""


def replace(
    root: str, kind: str, days: Mapping[str, date], columns: Iterable[str], change: Change
) -> int:
    """Put changed rows in the place of those of these decisions, by day; of how many decisions."""
    names = ", ".join(f'"{name}"' for name in columns)
    return sum(_replace(root, kind, ids, where, names, change) for ids, where in _parts(kind, days))


def _replace(root: str, kind: str, ids: str, where: str, names: str, change: Change) -> int:
    from deltalake import write_deltalake
    from deltalake.exceptions import CommitFailedError

    sql = f"SELECT {names} FROM t WHERE {where}"  # noqa: S608 -- quoted
    with table_errors(root, kind):
        for left in reversed(range(ATTEMPTS)):
            table = open_table(root, kind)
            if table is None:
                return 0
            found, rows = change(select(root, kind, sql, at=table))
            if not found:
                return 0
            mine = f"{where} AND {is_in(ids, found)}"
            how: dict[str, Any] = {"mode": "overwrite", "writer_properties": writing(kind)}
            try:
                write_deltalake(table, rows, predicate=mine, **how)
                return len(found)
            except CommitFailedError:
                if not left:
                    raise
    raise AssertionError


def delete(root: str, kind: str, where: str) -> None:
    """Take the rows out of which this is true."""
    from deltalake.exceptions import CommitFailedError

    with table_errors(root, kind):
        for left in reversed(range(ATTEMPTS)):
            try:
                if table := open_table(root, kind):
                    table.delete(where, writer_properties=writing(kind))
                return
            except CommitFailedError:
                if not left:
                    raise


def delete_of(root: str, kind: str, days: Mapping[str, date], more: str = "true") -> None:
    """Take the rows of these decisions out, by day, as far as `more` is true of them."""
    for _, where in _parts(kind, days):
        delete(root, kind, f"{where} AND {more}")


def delete_replaced(root: str, kinds: Iterable[str]) -> None:
    """Delete the files that the tables refer to no more.

    Files that no commit ever named are left: somebody may be about to commit them. What a killed
    run left so is deleted by `compaction.compact`, an hour later.
    """
    for kind in kinds:
        with table_errors(root, kind):
            if table := open_table(root, kind):
                table.vacuum(0, **VACUUM)


def _parts(kind: str, days: Mapping[str, date]) -> Generator[tuple[str, str]]:
    """The column of ids, and a condition for so many decisions after another."""
    name, ids = "id" if kind == DECISIONS else "decision_id", sorted(days)
    for at in range(0, len(ids), AT_ONCE):
        part = ids[at : at + AT_ONCE]
        yield name, f"{is_in('day', sorted({days[i] for i in part}))} AND {is_in(name, part)}"
