"""Tables from files and other libraries, as columns that the core takes."""

from seawall.adapters.tables.arrow import to_columns
from seawall.adapters.tables.read import batches, read_columns, read_table

__all__ = ["batches", "read_columns", "read_table", "to_columns"]
