"""What the files of a log or of its tables hold."""

from __future__ import annotations

from pathlib import Path


def holds(folder: Path | str, text: str) -> list[str]:
    """The files below a folder that hold the text, looked for column by column in Parquet."""
    import pyarrow.parquet as pq

    found: list[str] = []
    for path in Path(folder).rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            if path.suffix == ".parquet" and "_delta_log" not in str(path):
                rows = pq.ParquetFile(path).read().to_pylist()
                data += repr(rows).encode() + b"".join(r.get("record") or b"" for r in rows)
            if text.encode() in data:
                found.append(path.name)
    return found
