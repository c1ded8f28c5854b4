"""Headers whose secrets come from the environment or from files, and stand in no bundle."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from seawall.kernel import BadInput
from seawall.serving.remote import SECRET

FRESH_SECONDS = 10.0
"""A file is read again after so long, so that a secret can be changed while we serve."""


class Headers:
    """Called, it gives the headers with their secrets filled in.

    Raises `BadInput` for a secret that is not there, when it is made; one that goes away later
    leaves the last one standing.
    """

    def __init__(
        self,
        name: str,
        templates: Mapping[str, str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name, self._templates, self._clock = name, dict(templates), clock
        self._changing = any("${file:" in value for value in templates.values())
        self._filled, self._read_at = self._fill(), clock()

    def __call__(self) -> dict[str, str]:
        """The headers now."""
        if self._changing and self._clock() - self._read_at > FRESH_SECONDS:
            self._read_at = self._clock()
            with contextlib.suppress(BadInput):  # a file being replaced: what it held is tried on
                self._filled = self._fill()
        return self._filled

    def _fill(self) -> dict[str, str]:
        return {name: SECRET.sub(self._secret, value) for name, value in self._templates.items()}

    def _secret(self, found: re.Match[str]) -> str:
        named = found[1]
        path = named.removeprefix("file:")
        try:
            value = os.environ[named] if path == named else Path(path).read_text("utf-8").strip()
        except KeyError:
            raise BadInput(
                f"the environment variable {named} is not set",
                where=self._name,
                remedy="set it where the gateway runs",
            ) from None
        except (OSError, UnicodeDecodeError):
            what = f"the secret's file {path} cannot be read"
            raise BadInput(what, where=self._name, remedy="put it where the gateway runs") from None
        if not value or not value.isprintable():
            raise BadInput(f"the secret {named} is empty or not one line", where=self._name)
        return value
