"""Tables from files and other libraries, as columns that the core takes."""

from seawall.adapters.tables.arrow import to_columns
from seawall.adapters.tables.read import open_source, read_columns, read_table
from seawall.adapters.tables.source import Piece, Source, chosen
from seawall.adapters.tables.write import table_writer, write_table

__all__ = [
    "Piece",
    "Source",
    "chosen",
    "open_source",
    "read_columns",
    "read_table",
    "table_writer",
    "to_columns",
    "write_table",
]
