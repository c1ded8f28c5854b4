"""A decision performed again as a document, from its JSON shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from seawall.kernel import Outcome
from seawall.report.document import Block, Cell, Column, Document, Section, Sentence, Table
from seawall.report.from_verdict import verdict_of

Shape: TypeAlias = Mapping[str, Any]


def again_document(result: Shape) -> Document:
    """Whether it is the same, then each value recorded and made again."""
    verdict = verdict_of(result["verdict"])
    (reason,) = verdict.reasons
    about = f"Decision {result['decision']} of {result['version']}, {result['time'][:19]}"
    if verdict.outcome is Outcome.PASS:
        sentence = f"{about}, was performed again: {reason.message}."
    elif verdict.outcome is Outcome.FAIL:
        sentence = f"{about}, was performed again and {reason.message}."
    else:
        sentence = f"{about}: {reason.message}."
    sections = [Section("Recorded and again", tuple(_values(result)))]
    sections.append(Section("By what", (_by(result),)))
    return Document("Decision performed again", sentence, tuple(sections), verdict.outcome)


def _values(result: Shape) -> list[Block]:
    made, gone = result["again"], result["not_compared"]
    differing = {d["field"]: d for d in result["differences"]}
    rows: list[tuple[Cell, ...]] = []
    for name, value in result["recorded"].items():
        now = "erased" if name in gone else "the same"
        if made is None:
            now = "–"
        elif name in differing:
            now = _said(made[name])
            if (ulps := differing[name].get("ulps")) is not None:
                now += f", {ulps:g} units in the last 32-bit place apart"
        if now != "the same" or value not in (None, {}, [], ()):
            rows.append((name.replace("_", " "), _said(value), now))
    columns = (Column("value"), Column("recorded"), Column("again"))
    return [Table(columns, tuple(rows)), *(Sentence(f"{_begun(n)}.") for n in result["notes"])]


def _by(result: Shape) -> Table:
    bundle, route = result["bundle"], result["route"]
    number = "not there" if bundle["number"] is None else f"number {bundle['number']}"
    rows: list[tuple[Cell, ...]] = [
        ("artefact", _said(result["artefact"])),
        ("bundle", f"{number}, {_said(bundle['digest'])}"),
    ]
    if route:
        arm = route["arm"] or "none"
        at = "" if route["position"] is None else f" at {route['position']:.6f} of the route"
        rows.append(("arm by keyed hash", f"{arm}{at}, by {route['by']}"))
    if result["leaf"] is not None:
        rows.append(("leaf hash", "the recorded one" if result["leaf"] else "another"))
    return Table((Column("what"), Column("which")), tuple(rows))


def _said(value: Any) -> str:
    if value in (None, {}, [], ()):
        return "–"
    if isinstance(value, Mapping):
        pairs: Mapping[str, Any] = value
        return ", ".join(f"{k} {v}" for k, v in pairs.items())
    text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return f"{text[:19]}…" if text.startswith("sha256:") else text


def _begun(text: str) -> str:
    return text[:1].upper() + text[1:]
