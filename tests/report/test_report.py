import json
import math
from datetime import UTC, datetime

import numpy as np
import pytest
import vl_convert
from hypothesis import given, settings
from hypothesis import strategies as st

from seawall.kernel import Estimate, Outcome, Reason, Verdict
from seawall.report.charts import (
    EventMark,
    ReliabilityPoint,
    TimePoint,
    dot_and_whisker,
    e_value_path,
    evidence_path,
    histogram,
    ranked_dots,
    reliability,
    time_series,
)
from seawall.report.document import Chart, Column, Document, Table
from seawall.report.from_drift import drift_document
from seawall.report.from_estimation import estimation_document
from seawall.report.from_evaluation import evaluation_document
from seawall.report.from_verdict import estimate_of, verdict_document, verdict_of, verdict_sentence
from seawall.report.words import by_urgency, cell_text, count, listed, number, reason_text
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
        {"AGE": (estimate(0.02), PASS), "INC": (estimate(0.3), FAIL)},
        title="INC moved",
        measure="KS",
        tolerance=0.1,
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
    assert '"text": {"field": "outcome"}' in json.dumps(CHARTS["dots"].spec)
    unjudged = dot_and_whisker({"a": (estimate(0.1), None)}, title="t", measure="m")
    assert '"text"' not in json.dumps(unjudged.spec)
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
    document = drift_document(result, 0.1)
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
    assert document.sentence == "Holds: r0. ROC AUC is 0.8 [0.78, 0.82] on 500 labelled rows."
    assert [s.heading for s in document.sections] == ["Reasons", "Quality", "Fairness by SEX"]
    titles = [b.title for b in document.sections[2].blocks if isinstance(b, Chart)]
    assert titles[0] == "Selection rates by SEX differ by 0.03 [0.01, 0.05]"


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


def test_a_table_refuses_a_row_of_another_width() -> None:
    with pytest.raises(ValueError, match="another width"):
        Table((Column("a"),), (("x", "y"),))


def test_a_document_needs_no_sections() -> None:
    assert Document("t", "s").sections == ()
