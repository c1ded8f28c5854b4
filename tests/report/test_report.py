import json
import math
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
import pytest
import vl_convert
from hypothesis import given, settings
from hypothesis import strategies as st

from seawall.adapters.rendering import markdown
from seawall.kernel import Estimate, Outcome, Reason, Rule, Verdict
from seawall.report.charts import (
    ChunkPoint,
    EventMark,
    ReliabilityPoint,
    TimePoint,
    categories,
    chunks,
    curve,
    dot_and_whisker,
    e_value_path,
    evidence_path,
    histogram,
    ranked_dots,
    reliability,
    time_series,
)
from seawall.report.document import Chart, Column, Document, Gallery, Interval, Table
from seawall.report.from_drift import drift_document
from seawall.report.from_estimation import estimation_document
from seawall.report.from_evaluation import evaluation_document
from seawall.report.from_verdict import estimate_of, verdict_document, verdict_of, verdict_sentence
from seawall.report.other import other_sections
from seawall.report.words import (
    by_urgency,
    cell_text,
    count,
    listed,
    number,
    reason_text,
    told_reasons,
)
from seawall.statistics.counting import summarise_table
from seawall.statistics.drift import drift
from seawall.statistics.grid import make_grid

PASS, FAIL, UNDECIDED = Outcome.PASS, Outcome.FAIL, Outcome.UNDECIDED
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def estimate(value: float, half: float = 0.02, n: int = 500) -> Estimate:
    return Estimate(value, value - half, value + half, 0.95, n, "test")


UNBOUNDED = Estimate(0.3, -math.inf, math.inf, 0.95, 1, "test")
CHARTS: dict[str, Chart] = {
    "reliability": reliability(
        [ReliabilityPoint(0.2, estimate(0.25), 90), ReliabilityPoint(0.8, UNBOUNDED, 1)],
        title="High scores promise too much",
    ),
    "dots": dot_and_whisker(
        {"f": (estimate(0.5), PASS), "m": (estimate(0.7), FAIL), "x": (UNBOUNDED, UNDECIDED)},
        title="Men are selected more often",
        measure="selection rate",
        band=(0.4, 0.6),
        reference=0.5,
    ),
    "ranked": ranked_dots(
        [
            Interval("AGE", estimate(0.02), PASS, (0.0, 0.1)),
            Interval("INC", estimate(0.3), FAIL, (0.0, 0.2)),
        ],
        title="INC moved",
        measure="KS",
    ),
    "categories": categories(
        ["a", "b"], [1, 3], title="More b", variable="KIND", baseline=[2, 2], outcome=FAIL
    ),
    "chunks": chunks(
        [ChunkPoint(0, 9, estimate(0.8), estimate(0.7)), ChunkPoint(10, 19, UNBOUNDED)],
        title="Quality holds",
        measure="accuracy",
        at_least=0.7,
    ),
    "curve": curve(
        [0.1, 0.5, 1.0],
        [0.4, 0.6, None],
        [0.3, 0.5, None],
        [0.5, 0.7, None],
        title="Precision from 0.4 to 0.6",
        measure="Precision",
        marked=0.5,
    ),
    "histogram": histogram(
        [0, 1, 2, 3], [1, 5, 2], title="Younger", variable="AGE", baseline=[2, 2, 4]
    ),
    "time": time_series(
        [TimePoint(NOW, estimate(0.8)), TimePoint(NOW, UNBOUNDED, provisional=True)],
        title="Quality holds",
        measure="accuracy",
        events=[EventMark(NOW, "income@2 deployed")],
        at_least=0.7,
    ),
    "path": evidence_path(
        [estimate(0.02, 0.3, 10), estimate(0.02, 0.03, 1000)],
        title="The difference closes in",
        measure="error difference",
        at_most=0.05,
    ),
    "e-value": e_value_path([(10, -1.0), (100, 4.0)], title="The split is off", boundary=20),
}


@pytest.mark.parametrize("name", CHARTS)
def test_every_chart_is_a_specification_that_vega_lite_draws(name: str) -> None:
    chart = CHARTS[name]
    json.dumps(chart.spec, allow_nan=False)
    drawn = vl_convert.vegalite_to_svg(chart.spec, vl_version="6.1")
    assert drawn.count("role-mark") >= 1
    assert "NaN" not in drawn


@pytest.mark.parametrize("name", CHARTS)
def test_every_chart_has_its_words_and_the_table_behind_it(name: str) -> None:
    chart = CHARTS[name]
    assert chart.title
    assert chart.summary.endswith(".")
    assert chart.table.rows


@pytest.mark.parametrize(
    "chart",
    [
        reliability([], title="t"),
        dot_and_whisker({}, title="t", measure="m", band=(0, 1)),
        histogram([0], [], title="t", variable="x"),
        categories([], [], title="t", variable="x"),
        chunks([], title="t", measure="m"),
        curve([], [], [], [], title="t", measure="m"),
        time_series([], title="t", measure="m"),
        evidence_path([], title="t", measure="m"),
        e_value_path([], title="t", boundary=20),
    ],
)
def test_a_chart_without_data_is_drawn_empty(chart: Chart) -> None:
    assert vl_convert.vegalite_to_svg(chart.spec, vl_version="6.1").startswith("<svg")


def test_ranked_dots_put_the_largest_first() -> None:
    assert [row[0] for row in CHARTS["ranked"].table.rows] == ["INC", "AGE"]


def test_an_unbounded_interval_is_drawn_wider_than_every_other() -> None:
    values = {row["name"]: row for row in CHARTS["dots"].spec["data"]["values"]}
    assert values["x"]["low"] < min(values["f"]["low"], 0.4)
    assert values["x"]["high"] > max(values["m"]["high"], 0.6)


def test_the_outcome_is_written_beside_the_dot_only_where_something_was_judged() -> None:
    assert '"text": {"field": "mark"}' in json.dumps(CHARTS["dots"].spec)
    unjudged = dot_and_whisker({"a": (estimate(0.1), None)}, title="t", measure="m")
    assert '"type": "text"' not in json.dumps(unjudged.spec)
    assert [c.name for c in unjudged.table.columns] == ["", "m", "rows"]


def test_histogram_shares_sum_to_one_and_edges_must_fit() -> None:
    now = [row[2] for row in CHARTS["histogram"].table.rows]
    assert math.fsum(now) == pytest.approx(1)
    with pytest.raises(ValueError, match="3 bins need 4 edges"):
        histogram([0, 1], [1, 2, 3], title="t", variable="x")


def test_the_e_value_path_says_whether_the_boundary_was_crossed() -> None:
    assert "crossed" in CHARTS["e-value"].summary
    calm = e_value_path([(10, 2.9)], title="t", boundary=20)
    assert "did not cross" in calm.summary


# --- words ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.5, "0.500"),
        (0.012345, "0.0123"),
        (4.5678, "4.57"),
        (0.99971, "1.00"),
        (0.099999, "0.100"),
        (-9.9999, "-10.0"),
        (123.456, "123"),
        (12345.6, "12,300"),
        (-0.5, "-0.500"),
        (1e-7, "1.00e-07"),
        (math.nan, "–"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
    ],
)
def test_numbers_are_written_to_three_significant_digits(value: float, text: str) -> None:
    assert number(value) == text


@settings(max_examples=50, deadline=None)
@given(st.floats(-1e300, 1e300))
def test_a_written_number_is_within_half_a_percent(value: float) -> None:
    assert float(number(value).replace(",", "")) == pytest.approx(value, rel=6e-3)


def test_cells_read_as_people_write_them() -> None:
    cells = [None, True, 1234567, "text", NOW, FAIL, estimate(0.5)]
    assert [cell_text(c) for c in cells] == [
        "–",
        "yes",
        "1,234,567",
        "text",
        "2026-03-01 00:00 UTC",
        "✗ fail",
        "0.500 [0.480, 0.520]",
    ]


def test_counts_and_lists_read_as_sentences() -> None:
    assert [count(n, "rule") for n in (0, 1, 1200)] == ["no rules", "1 rule", "1,200 rules"]
    assert listed([]) == "none"
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed(["a", "b", "c", "d", "e"]) == "a, b and 3 more"


def test_a_rule_is_not_said_twice() -> None:
    assert reason_text(Reason("ece", "ece holds", PASS)) == "ece holds"
    assert reason_text(Reason("owned", "no owner", FAIL)) == "owned: no owner"


# --- documents ------------------------------------------------------------------------------


def verdict(*outcomes: Outcome, outcome: Outcome | None = None) -> Verdict:
    reasons = tuple(Reason(f"r{i}", "m", o) for i, o in enumerate(outcomes))
    worst = FAIL if FAIL in outcomes else UNDECIDED if UNDECIDED in outcomes else PASS
    return Verdict(outcome or worst, reasons)


@pytest.mark.parametrize(
    ("judged", "sentence"),
    [
        (verdict(PASS, PASS), "All 2 rules hold."),
        (verdict(PASS), "Holds: r0."),
        (verdict(PASS, FAIL, UNDECIDED), "1 rule of 3 broken: r1."),
        (verdict(PASS, UNDECIDED), "None of 2 rules is broken; not yet decided: r1."),
        (verdict(outcome=UNDECIDED), "Nothing was judged, so nothing is shown."),
        (verdict(PASS, FAIL, outcome=PASS), "Passes with 1 rule waived."),
    ],
)
def test_a_verdict_opens_with_its_sentence(judged: Verdict, sentence: str) -> None:
    assert verdict_sentence(judged) == sentence
    assert verdict_document("Gate", judged).sentence == sentence


def test_reasons_are_told_worst_first() -> None:
    told = [r.outcome for r in by_urgency(verdict(PASS, UNDECIDED, FAIL))]
    assert told == [FAIL, UNDECIDED, PASS]


def test_a_verdict_survives_its_json_shape() -> None:
    reasons = (Reason("a", "m", FAIL, estimate(0.5)), Reason("b", "m", PASS, UNBOUNDED))
    whole = Verdict(FAIL, reasons)
    assert verdict_of(json.loads(json.dumps(whole.to_dict()))) == whole
    assert estimate_of(UNBOUNDED.to_dict()) == UNBOUNDED


def test_a_drift_document_names_what_moved_and_ranks_it() -> None:
    random = np.random.default_rng(0)
    old = {"AGE": random.normal(40, 9, 4000), "INC": random.normal(0, 1, 4000)}
    new = {"AGE": random.normal(49, 9, 4000), "INC": random.normal(0, 1, 4000)}
    grids = {name: make_grid(values) for name, values in old.items()}
    result = drift(summarise_table(old, grids), summarise_table(new, grids)).to_dict()
    document = drift_document(result)
    assert document.outcome is FAIL
    assert document.sentence.startswith("AGE moved beyond tolerance, of 2 columns.")
    assert "4,000 rows against 4,000" in document.sentence
    (chart,) = document.sections[1].blocks
    assert isinstance(chart, Chart)
    assert [row[0] for row in chart.table.rows] == ["AGE", "INC"]


def test_an_evaluation_document_shows_quality_and_each_group() -> None:
    holds = verdict(PASS).to_dict()
    rates = {
        name: estimate(0.5).to_dict()
        for name in ("selection_rate", "recall", "false_positive_rate")
    }
    result = {
        "verdict": holds,
        "measures": {"roc_auc": estimate(0.8).to_dict(), "brier": estimate(0.1).to_dict()},
        "groups": [{"by": {"SEX": s}, "n": 100, "measures": rates} for s in ("f", "m")],
        "fairness": {
            "SEX": {
                "verdict": holds,
                "measures": {"demographic_parity_difference": estimate(0.03).to_dict()},
            }
        },
    }
    document = evaluation_document(result)
    assert document.sentence == (
        "The one rule holds. ROC AUC is 0.800 [0.780, 0.820] on 500 labelled rows."
    )
    assert [s.heading for s in document.sections] == [
        "Reasons", "Fairness by SEX", "Quality", "Every measure by SEX",
    ]  # fmt: skip
    gallery = document.sections[1].blocks[0]
    assert isinstance(gallery, Gallery)
    assert gallery.charts[0].title == "Selection rates by SEX differ by 0.0300"


def test_an_estimation_document_says_that_a_pass_is_provisional() -> None:
    chunk = {"n": 10, "measures": {"accuracy": estimate(0.8).to_dict()}}
    chunks = [
        chunk | {"first": 0, "last": 9, "realised": {"accuracy": estimate(0.79).to_dict()}},
        chunk | {"first": 10, "last": 19},
    ]
    document = estimation_document({"verdict": verdict(PASS).to_dict(), "chunks": chunks})
    assert "a pass is provisional" in document.sentence
    (block,) = document.sections[1].blocks
    assert isinstance(block, Chart)
    assert [row[2] for row in block.table.rows] == [estimate(0.79), None]
    assert "Labels came for 1 of 2" in document.sentence


def test_a_table_refuses_a_row_of_another_width() -> None:
    with pytest.raises(ValueError, match="another width"):
        Table((Column("a"),), (("x", "y"),))


def test_a_document_needs_no_sections() -> None:
    assert Document("t", "s").sections == ()


def test_a_reason_reads_as_a_finding_and_keeps_what_is_said_of_the_family() -> None:
    rule = "SEX: demographic_parity_difference at most 0.1"
    broken = Reason(rule, f"{rule} is broken: …", FAIL, estimate(0.3))
    waits = Reason(
        rule, f"{rule} is broken: …; not broken once corrected", UNDECIDED, estimate(0.3)
    )
    assert reason_text(broken) == "SEX: gap in selection rates 0.300 [0.280, 0.320], more than 0.1"
    assert reason_text(waits).endswith("not yet told from 0.1; not broken once corrected")
    assert reason_text(broken, short=True) == "SEX: gap in selection rates 0.300, more than 0.1"


def test_reasons_that_are_not_told_are_counted() -> None:
    shown, rest = told_reasons(verdict(FAIL, FAIL, UNDECIDED, PASS, PASS), 1)
    assert [r.outcome for r in shown] == [FAIL]
    assert rest == "1 more fails; 1 rule waits; 2 rules hold"


@pytest.mark.parametrize(
    ("part", "texts"),
    [
        ({"new_measure": estimate(0.4).to_dict()}, ["new measure", "0.400 [0.380, 0.420]"]),
        ([{"slice": "AGE>60", "n": 5, "gap": estimate(0.2).to_dict()}], ["AGE>60", "slice", "gap"]),
        (["labels are 30 days old"], ["labels are 30 days old"]),
        ({"verdict": verdict(FAIL).to_dict(), "rows": 7}, ["r0", "7"]),
        ({"a": {"n": 1, "why": "x"}, "b": {"n": 2}}, ["why", "name"]),
        (["p", "q"], ["p, q"]),
    ],
)
def test_what_a_result_gains_is_shown_by_its_shape(part: object, texts: list[str]) -> None:
    (section,) = other_sections({"worst_segments": part, "known": 1}, frozenset({"known"}))
    assert section.heading == "Worst segments"
    text = markdown(Document("t", "s", (section,)))
    for expected in texts:
        assert expected in text.replace("\\", "")


def test_nothing_is_made_of_what_a_result_leaves_empty() -> None:
    assert other_sections({"a": None, "b": [], "c": {}, "d": ""}, frozenset()) == ()


def test_an_evaluation_document_shows_all_that_is_known_of_a_model() -> None:
    bins = [{"score": s, "positive": estimate(s).to_dict(), "n": 50} for s in (0.2, 0.8)]
    points = {"value": [0.2, None], "low": [0.1, None], "high": [0.3, None]}
    difference = {"model": 0.8, "other": 0.7, "difference": estimate(0.1).to_dict(), "better": True}
    result = {
        "verdict": verdict(FAIL).to_dict(),
        "measures": {"accuracy": estimate(0.8).to_dict()},
        "groups": [], "fairness": {},
        "notes": ["30 rows have no label"],
        "calibration": {
            "reliability": bins,
            "by_group": {
                "SEX": [{"by": {"SEX": "f"}, "n": 9, "measures": {}, "reliability": bins}]
            },
        },
        "curves": {"thresholds": [0.5, 1.0], "precision": points},
        "confusion": {"labels": ["a", "b"], "counts": [[3, 1], [0, 4]]},
        "against": {"n": 9, "verdict": verdict(PASS).to_dict(), "notes": [],
                    "measures": {"accuracy": difference}},
    }  # fmt: skip
    document = evaluation_document(result)
    assert [s.heading for s in document.sections] == [
        "What speaks against it", "Against the other model", "To know first", "Calibration",
        "Quality", "Which classes are taken for which", "Over all thresholds",
    ]  # fmt: skip
    assert "SEX f: no bins of 2 off the diagonal" in markdown(document).replace("\\", "")


def test_a_drift_document_draws_each_rule_that_does_not_hold_against_its_own_tolerance() -> None:
    def feature(**judged: tuple[float, float]) -> dict[str, Any]:
        reasons = [
            Rule(name, within=bound).judge(estimate(value)).reasons[0]
            for name, (value, bound) in judged.items()
        ]
        told = [msgspec.structs.replace(r, rule=f"x: {r.rule}", message=f"x: {r.message}")
                for r in reasons]  # fmt: skip
        outcome = FAIL if any(r.outcome is FAIL for r in told) else PASS
        return {
            "kind": "numeric",
            "verdict": Verdict(outcome, tuple(told)).to_dict(),
            "measures": {n: estimate(v).to_dict() for n, (v, _) in judged.items()},
        }

    features = {"x": feature(ks=(0.05, 0.1), missing_difference=(0.4, 0.02))}
    whole = {"verdict": features["x"]["verdict"], "features": features,
             "rows": {"reference": 9, "current": 9}}  # fmt: skip
    chart = drift_document(whole).sections[1].blocks[0]
    assert isinstance(chart, Chart)
    assert [(r.name, r.outcome, r.tolerated) for r in chart.intervals] == [
        ("x, change in missing", FAIL, (0.0, 0.02)), ("x", PASS, (0.0, 0.1)),
    ]  # fmt: skip
    by_psi = {**whole, "features": {"x": feature(psi=(0.4, 0.2))}}
    chart = drift_document(by_psi).sections[1].blocks[0]
    assert isinstance(chart, Chart)
    assert chart.intervals[0].estimate.value == pytest.approx(2)
    assert chart.intervals[0].tolerated == (0.0, 1.0)
