"""What of an input the decision log keeps: the fields and groups, after the privacy rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seawall.serving.bundle import Bundle
from seawall.serving.decision_privacy import apply_privacy
from seawall.serving.typed import LONGEST

_SCALARS = (str, int, float, bool)


class Keeping:
    """A bundle's rule for inputs, ready to be applied."""

    def __init__(self, bundle: Bundle) -> None:
        self.names = tuple(dict.fromkeys((*bundle.signature.names, *bundle.protected)))
        self._drop = bundle.unit if bundle.unit not in self.names else None
        self._rules, self._key = bundle.privacy, bundle.privacy_key
        self._apart = tuple(sorted(bundle.apart))

    def typed(self, sent: dict[str, Any]) -> dict[str, Any]:
        """Of a row that a `TypedReader` took; the row may be changed."""
        if self._drop is not None:
            sent.pop(self._drop, None)
        return apply_privacy(sent, self._rules, self._key) if self._rules else sent

    def any(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Of a row with values of any kind: each in a form that a log can keep."""
        kept = {name: keepable(row[name]) for name in self.names if name in row}
        return apply_privacy(kept, self._rules, self._key) if self._rules else kept

    def apart(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """What of a row is kept apart from its record: protected fields that the rule hides."""
        return {name: keepable(row[name]) for name in self._apart if row.get(name) is not None}


def keepable(value: Any) -> Any:
    """A value that was not checked, such that any log can keep it."""
    if type(value) is int and not -(2**63) <= value < 2**63:
        return float(value) if abs(value) < 10**300 else str(value)[:LONGEST]
    if isinstance(value, str):
        return value[:LONGEST]
    if value is None or isinstance(value, _SCALARS):
        return value
    return f"({type(value).__name__})"
