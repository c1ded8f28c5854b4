"""A folder to keep things in, or one line that says why it cannot be."""

from __future__ import annotations

import tempfile
from pathlib import Path

from seawall.kernel import BadInput


def writable(folder: Path, flag: str) -> Path:
    """The folder, made if need be; raises `BadInput` when nothing can be written there.

    `flag` is the option by which another one is named.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        raise BadInput(
            f"the folder cannot be written: {error.strerror}",
            where=str(folder),
            remedy=f"name another with {flag}",
        ) from error
