"""Separation of duties: who may not be the same person."""

from __future__ import annotations

from seawall.kernel import Forbidden


def require_separation(
    author: str, validator: str | None = None, approver: str | None = None
) -> None:
    """Raise `Forbidden` unless author, validator and approver of a version all differ.

    A part that nobody has yet is None. No role is excepted (SS1/23 3.2; OSFI E-23, principle 3.4).
    """
    for first, one, second, other in (
        ("author", author, "validator", validator),
        ("author", author, "approver", approver),
        ("validator", validator, "approver", approver),
    ):
        if one is not None and one == other:
            raise Forbidden(
                f"{one} is the version's {first} and cannot be its {second}",
                remedy=f"ask somebody else to be the {second}",
            )
