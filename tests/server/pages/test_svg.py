import math
import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.server.pages.samples.common import est

from seawall.kernel import Estimate
from seawall.server.pages import svg
from seawall.server.pages.views import Distribution, Mark, Provenance, ProvenanceNode

NOW = datetime(2026, 3, 12, tzinfo=UTC)
NUMBERS = st.floats(-1e6, 1e6)
SHARES = st.lists(st.floats(0, 1), min_size=3, max_size=40)


def drawn(markup) -> ET.Element:
    """The drawing as XML; every coordinate in it is a finite number."""
    root = ET.fromstring(f"<root>{markup}</root>")
    for element in root.iter():
        for name, value in element.attrib.items():
            assert "nan" not in value, (name, value)
            assert name == "aria-label" or "inf" not in value, (name, value)
            assert name != "style"
    return root


def find(root: ET.Element, class_: str) -> list[ET.Element]:
    return [e for e in root.iter() if class_ in e.get("class", "").split()]


def points(path: ET.Element) -> list[tuple[float, float]]:
    found = re.findall(r"(-?[\d.]+) (-?[\d.]+)", path.get("d", ""))
    return [(float(x), float(y)) for x, y in found]


def area(path: ET.Element) -> float:
    corners = points(path)
    pairs = zip(corners, corners[1:] + corners[:1], strict=True)
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in pairs)) / 2


def test_equal_shares_in_unequal_bins_cover_equal_areas():
    d = Distribution(edges=(0, 1, 5), baseline=(0.5, 0.5), present=(1, 0))
    corners = points(find(drawn(svg.step_histogram(d, "x")), "baseline")[0])
    (x0, _), (a, top), (b, _), (c, low), (e, _), _ = corners
    assert x0 == a == 0
    assert (b - a) * (100 - top) == pytest.approx((e - c) * (100 - low), rel=0.01)


def test_the_baseline_lies_behind_and_both_share_one_scale():
    d = Distribution(labels=("a", "b"), baseline=(0.2, 0.8), present=(0.4, 0.6))
    root = drawn(svg.step_histogram(d, "x"))
    order = [e.get("class") for e in root.iter("path")]
    assert order == ["baseline", "baseline", "present", "present"]
    base, now = find(root, "baseline"), find(root, "present")
    assert area(base[0]) * 2 == pytest.approx(area(now[0]), rel=0.01)


def test_an_infinite_outer_edge_is_drawn_as_one_more_bin():
    d = Distribution(edges=(-math.inf, 0, 1, math.inf), baseline=(1, 1, 1), present=(1, 1, 1))
    drawn(svg.step_histogram(d, "x"))


@given(SHARES, st.data())
def test_any_distribution_can_be_drawn(shares, data):
    n = len(shares)
    edges = data.draw(st.lists(NUMBERS, min_size=n + 1, max_size=n + 1, unique=True).map(sorted))
    for d in (
        Distribution(edges=tuple(edges), baseline=tuple(shares), present=tuple(shares[::-1])),
        Distribution(
            labels=tuple(str(i) for i in range(n)), baseline=tuple(shares), present=tuple(shares)
        ),
    ):
        drawn(svg.step_histogram(d, "x", threshold=0.5))


def test_a_name_cannot_break_out_of_a_drawing():
    d = Distribution(labels=("a",), baseline=(1,), present=(1,))
    markup = svg.step_histogram(d, '"><script>alert(1)</script>')
    assert "<script>" not in markup
    assert drawn(markup)[0].get("aria-label") == '"><script>alert(1)</script>'


def test_an_undecided_dot_is_told_by_its_class_and_a_verdict_lies_where_the_whisker_is():
    scale = svg.Scale(0, 1)
    root = drawn(svg.whisker(est(0.5, 0.2), "undecided", low=None, high=0.6, scale=scale))
    assert find(root, "tolerated")[0].get("width") == "60%"
    whisker = find(root, "whisker")[0]
    assert (whisker.get("x1"), whisker.get("x2")) == ("30%", "70%")
    assert "undecided" in find(root, "dot")[0].get("class", "")


def test_an_interval_that_leaves_the_scale_has_no_end_stroke_there():
    estimate = Estimate(0.5, -math.inf, 0.7, 0.95, 10, "m")
    root = drawn(svg.whisker(estimate, "good", low=None, high=None, scale=svg.Scale(0, 1)))
    ends = [e.get("x1") for e in find(root, "whisker")[1:]]
    assert ends == ["70%"]


@given(NUMBERS, st.floats(0, 1e6), st.floats(0, 1e6))
def test_any_estimate_can_be_drawn(value, below, above):
    estimate = Estimate(value, value - below, value + above, 0.95, 10, "m")
    scale = svg.padded([estimate.low, estimate.high])
    drawn(svg.whisker(estimate, "bad", low=-1, high=1, scale=scale, centre=0))


def bands(values, provisional=0):
    n = len(values)
    return [
        svg.Band(NOW + timedelta(days=i), NOW + timedelta(days=i + 1), v - 1, v, v + 1,
                 i >= n - provisional)
        for i, v in enumerate(values)
    ]  # fmt: skip


def series(values, **more):
    return drawn(svg.series(values, "x", shape="good", show=str, **more))


def test_provisional_spans_are_hatched():
    root = series(bands([1, 2, 3, 4], provisional=2))
    hatched = [e for e in root.iter("rect") if e.get("fill") == "url(#hatch)"]
    assert len(hatched) == 2


def test_a_higher_value_is_drawn_higher():
    line = points(find(series(bands([1, 5])), "value")[0])
    assert line[0][1] > line[1][1]


def test_what_is_tolerated_is_shaded_up_to_its_bound():
    root = series(bands([1, 1, 1]), high=2)
    shade, bound = find(root, "tolerated")[0], points(find(root, "bound")[0])
    top, height = float(shade.get("y", "nan")), float(shade.get("height", "nan"))
    assert (top, top + height) == pytest.approx((bound[0][1], 100), abs=0.02)


def test_only_marks_inside_the_span_are_drawn():
    marks = [Mark(NOW + timedelta(days=1), "in"), Mark(NOW - timedelta(days=9), "before")]
    assert len(find(series(bands([1, 2, 3]), marks=marks), "mark")) == 1


@given(st.lists(NUMBERS, min_size=1, max_size=30))
def test_any_series_can_be_drawn(values):
    series(bands(values, provisional=1), low=min(values), estimated=bands(values))


def test_evidence_without_bounds_yet_can_be_drawn():
    wide = [svg.Band(NOW, NOW, -math.inf, 0.0, math.inf)]
    series([*wide, svg.Band(NOW + timedelta(hours=1), NOW + timedelta(hours=1), -1, 0, 1)])


def test_each_state_has_a_shape_of_its_own():
    shapes = {
        re.sub(r' class="[^"]*"', "", svg.icon(s))
        for s in ("good", "warning", "bad", "undecided", "none")
    }
    assert len(shapes) == 5


def test_parts_of_a_whole_fill_it_and_zero_parts_take_no_room():
    root = drawn(svg.stacked([("good", 3), ("bad", 0), ("none", 1)]))
    widths = [e.get("width") for e in root.iter("rect")]
    assert widths == ["75%", "25%"]


def test_a_line_of_provenance_never_crosses_a_box_in_between():
    def node(name, column):
        return ProvenanceNode(id=name, kind="data", title=name, column=column)

    p = Provenance("s", (node("a", 0), node("b", 1), node("c", 2)), (("a", "b"), ("a", "c")))
    boxes = {x.node.id: x for x in svg.place(p)}
    lines = [e.get("d", "") for e in find(drawn(svg.edges(p)), "edge")]
    lane = float(lines[1].split("H")[1].split()[-1])
    assert abs(lane - boxes["b"].row) > 0.9
