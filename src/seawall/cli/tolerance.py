"""Tolerances as they are written on the command line."""

from __future__ import annotations


def tolerances_of(given: list[str]) -> dict[str, float]:
    """Each `NAME=NUMBER`; `BadInput` on another form."""
    from seawall.kernel import BadInput

    found: dict[str, float] = {}
    for text in given:
        name, _, value = text.partition("=")
        try:
            found[name] = float(value)
        except ValueError:
            raise BadInput(
                f"--tolerance {text!r} is not NAME=NUMBER", remedy="write, say, ks=0.05"
            ) from None
    return found
