"""One function per page: a view in, a whole HTML document out."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from seawall.kernel import Estimate
from seawall.server.pages import assets, describe, formats, paths, specs, svg, views
from seawall.server.pages.svg import Band


def overview(view: views.Overview) -> str:
    """All models by tier and health, and what needs someone."""
    return _page("overview.html", view)


def model(view: views.Model) -> str:
    """One model's health and the evidence for it."""
    return _page("model.html", view)


def version(view: views.Version) -> str:
    """One version: provenance, validation, gate, approvals."""
    return _page("version.html", view)


def rollout(view: views.Rollout) -> str:
    """One rollout's evidence over time, its steps and controls."""
    return _page("rollout.html", view)


def incidents(view: views.Incidents) -> str:
    """The list of incidents."""
    return _page("incidents.html", view)


def incident(view: views.Incident) -> str:
    """One incident: timeline, suspects, checklist, runbook, postmortem."""
    return _page("incident.html", view)


def audit(view: views.Audit) -> str:
    """The audit log: its verified state and a search over its entries."""
    return _page("audit.html", view)


def entry(view: views.Entry) -> str:
    """One entry of the audit log with its proof."""
    return _page("entry.html", view)


def decision(view: views.Decision) -> str:
    """One decision whole, with its proof."""
    return _page("decision.html", view)


def login(view: views.Login) -> str:
    """Signing in with a one-time token."""
    return _page("login.html", view)


def demo(view: views.Demo) -> str:
    """The demo's controls."""
    return _page("demo.html", view)


def failure(view: views.Failure) -> str:
    """What went wrong and what to do about it."""
    return _page("failure.html", view)


def _page(template: str, view: msgspec.Struct) -> str:
    return _environment().get_template(template).render(view=view)


@functools.cache
def _environment() -> Environment:
    env = Environment(
        loader=PackageLoader("seawall.server.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    names: dict[str, Any] = env.globals
    filters: dict[str, Any] = env.filters
    names.update(
        describe=describe,
        estimate=formats.value_and_range,
        json_block=json_block,
        missing=formats.MISSING,
        paths=paths,
        quality_chart=quality_chart,
        evidence_chart=evidence_chart,
        drift_scale=drift_scale,
        group_scale=group_scale,
        group_shape=group_shape,
        static=assets.address,
        svg=svg,
        tolerated=formats.tolerated,
    )
    filters.update(
        absolute=formats.absolute,
        count=formats.count,
        number=formats.number,
        relative=formats.relative,
        span=formats.span,
    )
    return env


def json_block(value: Mapping[str, Any]) -> Markup:
    """Data for a script, as JSON that cannot end the element it stands in."""
    text = msgspec.json.encode(value).decode()
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)  # noqa: S704 -- the signs of markup were escaped just above


def drift_scale(view: views.Model) -> svg.Scale:
    """One scale for the distances of all features and of the scores, from no distance on."""
    every = [f.drift for f in view.features]
    if view.prediction_drift is not None:
        every.append(view.prediction_drift)
    return svg.Scale(0.0, svg.span_of(every).high)


def group_scale(f: views.Fairness) -> svg.Scale:
    """One scale for all groups of a table, with the tolerance band on it."""
    estimates = [g.estimate for g in f.groups if g.estimate is not None and not g.small]
    return svg.padded([f.low, f.high, *(v for e in estimates for v in (e.low, e.high))])


def group_shape(f: views.Fairness, g: views.Group) -> views.Shape:
    """Where the group's interval lies: inside the band, outside it, or across its edge."""
    if g.estimate is None or g.small:
        return "undecided"
    if f.low <= g.estimate.low and g.estimate.high <= f.high:
        return "good"
    outside = g.estimate.high < f.low or g.estimate.low > f.high
    return "bad" if outside else "undecided"


class Chart(msgspec.Struct, frozen=True):
    """A chart twice: as drawn by the server, and as data for the script that draws over it."""

    drawing: Markup
    spec: Mapping[str, Any]
    summary: str


def quality_chart(q: views.Quality) -> Chart:
    """Quality over time; spans whose labels are not all mature are provisional."""
    measured = [
        _band(p.start, p.end, p.measured, provisional=p.matured < 1)
        for p in q.points
        if p.measured is not None
    ]
    estimated = [_band(p.start, p.end, p.estimated) for p in q.points if p.estimated is not None]
    return _chart(measured, q.measure, q.status.shape, q.unit, q.low, q.high, estimated, q.marks)


def evidence_chart(e: views.Evidence, marks: Sequence[views.Mark] = ()) -> Chart:
    """The evidence on one measure as it grew."""
    bands = [_band(p.time, p.time, p.estimate) for p in e.points]
    j = e.judged
    return _chart(bands, j.name, j.status.shape, j.unit, j.low, j.high, (), marks)


def _band(start: Any, end: Any, e: Estimate, *, provisional: bool = False) -> Band:
    return Band(start, end, e.low, e.value, e.high, provisional)


def _chart(
    bands: Sequence[Band],
    name: str,
    shape: views.Shape,
    unit: str,
    low: float | None,
    high: float | None,
    estimated: Sequence[Band],
    marks: Sequence[views.Mark],
) -> Chart:
    summary = describe.over_time(name, bands, unit)
    drawing = svg.series(
        bands,
        summary,
        shape=shape,
        show=lambda value: formats.axis(value, unit),
        low=low,
        high=high,
        estimated=estimated,
        marks=marks,
        height=specs.HEIGHT,
    )
    spec = specs.over_time(
        bands, title=summary, shape=shape, unit=unit, low=low, high=high,
        estimated=estimated, marks=marks,
    )  # fmt: skip
    return Chart(drawing, spec, summary)
