"""Files that commands write: a name that cannot be is said before anything is done."""

from __future__ import annotations

from pathlib import Path

STANDARD_OUTPUT = Path("-")


def check_place(path: Path) -> Path:
    """The path, if a file may stand there; raises `BadInput`."""
    from seawall.kernel import BadInput

    if path != STANDARD_OUTPUT:
        if path.is_dir():
            raise BadInput(f"{path} is a folder", remedy="name a file in it")
        if not path.parent.is_dir():
            raise BadInput(f"there is no folder {path.parent}", remedy="make it first")
    return path


def check_new(path: Path) -> Path:
    """The same, if nothing is there: what may hold somebody's work is never written over."""
    from seawall.kernel import BadInput

    if path.is_file():
        raise BadInput("the file is there already", where=str(path), remedy="name a new one")
    return check_place(path)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file, or standard output for `-`; raises `BadInput` when the disk says no."""
    import sys

    from seawall.kernel import BadInput

    if path == STANDARD_OUTPUT:
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
        return
    try:
        path.write_bytes(data)
    except OSError as error:
        raise BadInput(f"cannot write {path}: {error.strerror}") from error
