"""Tables from files and other libraries, as columns that the core takes."""

from seawall.adapters.tables.arrow import to_columns
from seawall.adapters.tables.read import batches, read_columns, read_table, row_count

__all__ = ["batches", "read_columns", "read_table", "row_count", "to_columns"]
