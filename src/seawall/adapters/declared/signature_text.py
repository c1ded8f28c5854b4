"""A signature as the YAML that a person reads, changes and applies."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from seawall.kernel import to_builtins
from seawall.serving.signature import Signature

_WIDE = 96
_FLOW = 1_000_000_000


def signature_text(
    name: str,
    signature: Signature,
    *,
    head: Sequence[str] = (),
    facts: Mapping[str, str] = {},
    doubts: Mapping[str, Sequence[str]] = {},
) -> str:
    """A complete document: a line for each field, above it what was seen and what is doubtful.

    `seawall apply` reads it back as the same signature.
    """
    lines = [f"# {line}" for line in head]
    lines += ["apiVersion: seawall/v1", "kind: Signature", f"metadata: {{name: {_scalar(name)}}}"]
    lines += ["spec:", "  fields:"]
    for field in signature.fields:
        lines += [f"    # {fact}" for fact in (facts.get(field.name),) if fact]
        lines += [f"    # ? {doubt}" for doubt in doubts.get(field.name, ())]
        lines += _item(to_builtins(field))
    if signature.rules:
        lines += ["  rules:"]
        for rule in signature.rules:
            lines += _item(to_builtins(rule))
    return "\n".join(lines) + "\n"


def _item(value: Mapping[str, Any]) -> Iterator[str]:
    """One entry of a list: on one line where it fits, else a line for each of its keys."""
    plain = {k: _short(v) for k, v in value.items()}
    inline = ", ".join(f"{k}: {_flow(v)}" for k, v in plain.items())
    if len(inline) <= _WIDE - 8:
        yield f"    - {{{inline}}}"
        return
    for at, (key, held) in enumerate(plain.items()):
        lead = "    - " if at == 0 else "      "
        if isinstance(held, (list, tuple)) and len(_flow(held)) > _WIDE - 8:
            yield f"{lead}{key}:"
            yield from (f"        - {_scalar(one)}" for one in held)
        else:
            yield f"{lead}{key}: {_flow(held)}"


def _short(value: Any) -> Any:
    """Whole bounds without their .0."""
    whole = isinstance(value, float) and value.is_integer() and abs(value) < 1e15
    return int(value) if whole else value


def _flow(value: Any) -> str:
    return (
        f"[{', '.join(map(_scalar, value))}]"
        if isinstance(value, (list, tuple))
        else _scalar(value)
    )


def _scalar(value: Any) -> str:
    """A value such that YAML 1.2 and 1.1 read it back; in quotes where a text may be another."""
    if not isinstance(value, str):
        return json.dumps(value)
    told = yaml.safe_dump(value, default_flow_style=True, width=_FLOW, allow_unicode=True)
    told = told.removesuffix("\n").removesuffix("\n...")
    return json.dumps(value) if "\n" in told or set(told) & set(",[]{}#") else told
