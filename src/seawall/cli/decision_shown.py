"""One decision as lines for people: what was answered, why, from what, and its proof."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

TOLD = {"outcomes", "actions", "overrides", "events", "story"}
"""What came later: the story tells it."""
_NAMES = {"principal_reasons": "reasons, by effect", "output": "answer"}


def show_decision(terminal: Console, found: Mapping[str, Any]) -> None:
    """A sentence, then a line for each thing that is on record, then what came later."""
    from rich.table import Table
    from rich.text import Text

    proof = found["proof"]
    word = "proven in the audit log" if proof["state"] == "proven" else proof["why"]
    terminal.print(f"{found['model']} answered {said(found.get('output'))}; {word}.", markup=False)
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in found.items():
        if value not in (None, {}, [], "") and name not in TOLD:
            table.add_row(_NAMES.get(name, name.replace("_", " ")), Text(_line(name, value)))
    terminal.print(table)
    for line in found["story"]:
        terminal.print(f"{line['time'][:19]}  {line['sentence']}", markup=False)


def said(value: Any) -> str:
    """A value of a record in words: {"label": 1, "score": 0.25} as `label 1, score 0.25`."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {said(one)}" for name, one in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(said, value))
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "nothing"}[value]
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1_000 else f"{value:.10g}"
    return str(value)


def _line(name: str, value: Any) -> str:
    if name == "principal_reasons":
        return "\n".join(
            f"{r['field']} {said(r['value'])}, typical is {said(r['typical'])}: {r['effect']:+.3f}"
            for r in value
        )
    if name == "reasons":
        return "\n".join(value)
    if name == "proof" and value["state"] == "proven":
        return (
            f"leaf {value['position']:,} of {value['of']:,} of segment {value['segment']}\n"
            f"entry {value['entry']:,} of a log of {value['log_size']:,}; root {value['root']}"
        )
    return said(value)
