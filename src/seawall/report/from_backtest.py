"""The result of `backtest` as a document, from its JSON shape."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeAlias

from seawall.report.document import Cell, Column, Document, Section, Sentence, Table
from seawall.report.from_verdict import estimate_of, reasons_section, verdict_of
from seawall.report.words import count, listed, number

Shape: TypeAlias = Mapping[str, Any]

MOST_ALARMS = 40
"""More are counted, not listed."""


def backtest_document(result: Shape) -> Document:
    """How often it would have alarmed, on what, how late; then the tolerance that is quiet."""
    verdict = verdict_of(result["verdict"])
    sections = [reasons_section(verdict, "Is it quiet enough?"), _alarms(result)]
    sections += [_tolerances(result), _delays(result), _columns(result), _read(result)]
    return Document("Backtest", _sentence(result), tuple(sections), verdict.outcome)


def _sentence(result: Shape) -> str:
    alarms, windows = result["alarms"], result["windows"]
    false = [a for a in alarms if a["false"]]
    columns = list(dict.fromkeys(a["column"] for a in false))
    size = _span(windows["seconds"])
    on = f" on {listed(columns)}" if columns else ""
    said = (
        f"{count(len(false), 'alarm').capitalize()}{on} in "
        f"{count(windows['before_change'], 'window')} of {size}"
    )
    rate = estimate_of(result["false_alarms_per_year"])
    year = f"{number(rate.low)} to {number(rate.high)} a year"
    after = ""
    if change := result["change"]:
        said += " before the change"
        late = change["seconds_to_alarm"]
        after = f" The change was seen after {_span(late)}." if late is not None else (
            " The change was not seen."
        )  # fmt: skip
    return f"{said}: {year}.{after}"


def _alarms(result: Shape) -> Section:
    alarms = result["alarms"]
    if not alarms:
        return Section("Alarms", (Sentence("No window would have alarmed."),))
    rows: list[tuple[Cell, ...]] = [
        (_what(a), estimate_of(a["largest"]), a["windows"], datetime.fromisoformat(a["start"]))
        for a in alarms[:MOST_ALARMS]
    ]  # fmt: skip
    more = len(alarms) - len(rows)
    caption = f"and {more:,} more" if more else ""
    columns = (
        Column("column"), Column("largest", align="right"), Column("windows", align="right"),
        Column("from"),
    )  # fmt: skip
    return Section("Alarms", (Table(columns, tuple(rows), caption),))


def _tolerances(result: Shape) -> Section:
    rows: list[tuple[Cell, ...]] = []
    flags: list[str] = []
    short = False
    for measure, t in result["tolerances"].items():
        quiet = estimate_of(t["one_a_year"])
        short |= quiet.high == float("inf")
        now = ", ".join(number(v) for v in t["now"])
        rows.append((measure.replace("_", " "), now, quiet))
        if quiet.value > min(t["now"]):
            flags.append(f"--tolerance {measure}={_above(quiet.value):g}")
    columns = (Column("measure"), Column("now", align="right"),
               Column("one alarm a year at", align="right"))  # fmt: skip
    if flags:
        said = f"To have had at most one a year for each measure: {' '.join(flags)}."
    else:
        said = "The present tolerances gave at most one alarm a year for each measure."
    half = result["windows"]["count"] / 2
    always = [f["column"] for f in result["features"] if f["windows"] > max(half, 1)]
    if always:
        verb = "fails" if len(always) == 1 else "fail"
        said += (
            f" {listed(always)} {verb} in most windows: not noise, but another distribution; "
            "leave out what always moves (--column says what to compare), or take a newer one."
        )
    if short:
        said += (
            " The history is too short to show that any tolerance alarms so seldom: "
            "about four quiet years would."
        )
    return Section("Which tolerance would be quiet", (Sentence(said), Table(columns, tuple(rows))))


def _above(value: float) -> float:
    """The next thousandth above."""
    return (int(value * 1000) + 1) / 1000


def _delays(result: Shape) -> Section:
    rows: list[tuple[Cell, ...]] = [
        (d["size"], f"{d['seen'] / d['windows']:.0%}" if d["windows"] else "–",
         d["median"], d["worst"])
        for d in result["delays"]
    ]  # fmt: skip
    columns = (
        Column("size", "tolerances", "right"), Column("seen", align="right"),
        Column("median", "windows", "right"), Column("worst", "windows", "right"),
    )  # fmt: skip
    said = (
        "Had a change of this size come to one column at any of these windows: how often it would "
        "have been seen before the history ends, and by which window."
    )
    return Section("How late", (Sentence(said), Table(columns, tuple(rows))))


def _columns(result: Shape) -> Section:
    rows: list[tuple[Cell, ...]] = [
        (_what(f), estimate_of(f["largest"]), f["tolerance"], f["alarms"], f["windows"])
        for f in sorted(result["features"], key=_worry)
    ]  # fmt: skip
    columns = (
        Column("column"), Column("largest", align="right"), Column("tolerance", align="right"),
        Column("alarms", align="right"), Column("windows", align="right"),
    )  # fmt: skip
    caption = "the largest of any window, as a look bounds it"
    return Section("By column", (Table(columns, tuple(rows), caption),))


def _what(found: Shape) -> str:
    """A column and what was measured of it."""
    return f"{found['column']}, {found['measure'].replace('_', ' ')}"


def _worry(feature: Shape) -> tuple[float, float]:
    """Most failed windows first, then the largest against its tolerance."""
    largest = estimate_of(feature["largest"]).value
    size = 0.0 if math.isnan(largest) else abs(largest)
    return -feature["windows"], -size / (feature["tolerance"] or 1.0)


def _read(result: Shape) -> Section:
    compared = "; ".join(
        f"{count(n, 'window')} with {text}"
        for text, n in result["windows"]["compared_with"].items()
    )
    lines = [f"Compared: {compared}.", f"{result['looking'].capitalize()}."]
    lines += [f"{note[0].upper()}{note[1:]}." for note in result["notes"]]
    return Section("How it was read", tuple(Sentence(line) for line in lines))


def _span(seconds: float) -> str:
    for size, name in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            return f"{seconds / size:.3g} {name}{'' if seconds == size else 's'}"
    return f"{number(seconds)} s"
