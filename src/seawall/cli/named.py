"""Options as they are written: CLASS=COLUMN, tp=0,fp=-5, ks=0.05, 12h."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def named_values(given: Sequence[str], option: str, form: str) -> dict[str, str]:
    """NAME=VALUE, each name once; `BadInput` that shows the form on anything else."""
    from seawall.kernel import BadInput

    found: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise BadInput(f"{option} {text} is not {form}")
        if name in found:
            raise BadInput(f"{option} names {name} twice")
        found[name] = value
    return found


def named_numbers(given: Sequence[str], option: str, form: str) -> dict[str, float]:
    """The same with numbers as values."""
    from seawall.kernel import BadInput

    found: dict[str, float] = {}
    for name, value in named_values(given, option, form).items():
        try:
            found[name] = float(value)
        except ValueError:
            raise BadInput(f"{option} {name}={value} is not {form}") from None
    return found


def public_key(trust: Path) -> bytes:
    """The file of `--trust`; `BadInput` when it cannot be read, or is no public key."""
    from seawall.adapters.signing.keys import read_public_pem
    from seawall.kernel import BadInput

    try:
        pem = trust.read_bytes()
    except OSError as error:
        raise BadInput(
            f"no public key: {error.strerror}", where=str(trust), remedy="name it with --trust"
        ) from error
    read_public_pem(pem, str(trust))
    return pem


def tolerances(given: Sequence[str]) -> dict[str, float]:
    """Each `--tolerance`."""
    return named_numbers(given, "--tolerance", "NAME=NUMBER, like ks=0.05")


def cost_values(cost: str | None) -> dict[str, float] | None:
    """A cost matrix, its numbers by name."""
    form = "tp=NUMBER,fp=NUMBER,fn=NUMBER,tn=NUMBER"
    return None if cost is None else named_numbers(cost.split(","), "--cost", form)


def span(text: str, option: str) -> timedelta:
    """A span of time of at least a microsecond: 90m, 12h, 7d, 2w; `BadInput` on anything else."""
    from seawall.kernel import BadInput

    found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,6})?)([mhdw])", text.strip(), re.ASCII)
    length = timedelta(**{_UNITS[found[2]]: float(found[1])}) if found else timedelta(0)
    if not length:
        raise BadInput(f"{option} {text!r} is no span of time", remedy="write, say, 12h or 7d")
    return length


def coming(text: str, option: str) -> datetime:
    """A time in ISO 8601, of UTC where it names no zone, or a span from now; else `BadInput`."""
    from seawall.kernel import BadInput

    try:
        return datetime.now(UTC) + span(text, option)
    except BadInput:
        return moment(text, option)


def moment(text: str, option: str) -> datetime:
    """A time in ISO 8601, of UTC where it names no zone, or a span before now; else `BadInput`."""
    from seawall.kernel import BadInput

    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        try:
            return datetime.now(UTC) - span(text, option)
        except BadInput:
            raise BadInput(
                f"{option} {text!r} is no time", remedy="write 2026-03-02T12:00, or 12h or 7d"
            ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
