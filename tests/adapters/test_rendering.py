import builtins
import io
import math
import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from msgspec import structs
from pypdf import PdfReader
from rich.console import Console

from seawall.adapters.rendering import fragment, html, markdown, pdf, terminal
from seawall.adapters.rendering.bars import Axis
from seawall.kernel import BadInput, Estimate, Outcome, Reason, Verdict
from seawall.report.charts import dot_and_whisker, ranked_dots
from seawall.report.document import (
    Column,
    Document,
    Gallery,
    Interval,
    Judgement,
    Section,
    Sentence,
    Table,
)

PASS, FAIL, UNDECIDED = Outcome.PASS, Outcome.FAIL, Outcome.UNDECIDED
EST = Estimate(0.5, 0.4, 0.6, 0.95, 100, "test")
VERDICT = Verdict(
    FAIL,
    (
        Reason("owned", "has an owner", PASS),
        Reason("ece at most 0.05", "ece at most 0.05 is broken: 0.5 [0.4, 0.6]", FAIL, EST),
        Reason("fair", "too few rows", UNDECIDED),
    ),
)
TABLE = Table(
    (Column("measure"), Column("value", "ms", "right")),
    (("a | b", EST), ("<c>", None), ("when", datetime(2026, 3, 1, tzinfo=UTC)), ("ok", PASS)),
    "Measures",
)
CHART = dot_and_whisker(
    {"f": (EST, PASS), "m": (EST, FAIL)}, title="Groups differ", measure="rate", band=(0.4, 0.6)
)
DOCUMENT = Document(
    "Validation of income@1",
    "income@1 breaks 1 of 3 rules.",
    (
        Section("Reasons", (Judgement(VERDICT),)),
        Section("Evidence", (Sentence("Some *text* & <b>more</b>."), TABLE, CHART, CHART)),
    ),
    FAIL,
)


def shown(document: Document = DOCUMENT, width: int = 80, colour: bool = False) -> str:
    out = io.StringIO()
    system = "standard" if colour else None
    console = Console(file=out, width=width, force_terminal=colour, color_system=system)
    terminal(document, console)
    return out.getvalue()


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data) -> None:
        self.text += data


# --- Markdown -------------------------------------------------------------------------------


def test_markdown_opens_with_title_outcome_and_sentence() -> None:
    assert markdown(DOCUMENT).startswith(
        "# Validation of income@1\n\n**✗ fail**: income@1 breaks 1 of 3 rules.\n"
    )


def test_markdown_shows_every_reason_worst_first() -> None:
    lines = [line for line in markdown(DOCUMENT).splitlines() if line.startswith("- ")]
    assert [line.split(":")[0] for line in lines] == [
        "- ✗ fail", "- ○ undecided", "- 1 rule holds",
    ]  # fmt: skip


def test_a_markdown_parser_reads_the_tables_cell_by_cell() -> None:
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown(DOCUMENT))
    assert sum(token.type == "table_open" for token in tokens) == 3
    cells = [
        "".join(child.content for child in (inline.children or []))
        for before, inline in pairwise(tokens)
        if before.type == "td_open"
    ]
    assert cells[:8] == [
        "a | b",
        "0.500 [0.400, 0.600]",
        "<c>",
        "–",
        "when",
        "2026-03-01 00:00 UTC",
        "ok",
        "✓ pass",
    ]


@settings(max_examples=50, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1))
def test_text_in_markdown_is_never_markup(text: str) -> None:
    table = Table((Column("x"),), ((f"a{text}b",),))
    document = Document("t", text, (Section(text, (Sentence(text), table)),))
    parsed = MarkdownIt("commonmark").enable("table").render(markdown(document))
    page = Page(parsed)
    assert {tag for tag, _ in page.seen} <= {
        "h1",
        "h2",
        "p",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
    }
    assert sum(tag == "td" for tag, _ in page.seen) == 1


# --- terminal -------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [80, 60, 40])
def test_the_terminal_text_fits_its_width(width: int) -> None:
    long = Reason("r" * 70, "word " * 60, FAIL)
    document = Document(
        "t", "s " * 90, (Section("h", (Judgement(Verdict(FAIL, (long,))), TABLE, CHART)),), FAIL
    )
    assert all(len(line) <= width for line in shown(document, width).splitlines())


def test_the_terminal_starts_with_title_outcome_and_sentence_then_reasons() -> None:
    lines = [line.rstrip() for line in shown().splitlines()]
    assert lines[:3] == ["✗ fail  income@1 breaks 1 of 3 rules.", "", "Reasons"]
    assert [line.split()[0] for line in lines[3:5]] == ["✗", "○"]
    assert lines[5].strip() == "1 rule holds."


def test_colour_is_used_on_a_terminal_and_not_elsewhere(monkeypatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[" in shown(colour=True)
    assert "\x1b[" not in shown()


def test_no_color_is_honoured_on_a_terminal(monkeypatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    out = io.StringIO()
    terminal(DOCUMENT, Console(file=out, width=80, force_terminal=True))
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", out.getvalue())


def test_text_on_the_terminal_is_never_console_markup() -> None:
    document = Document("[red]t[/red]", "[bold]s", (Section("[h]", (Sentence("[/x]"),)),))
    text = shown(document)
    assert "[bold]s" in text
    assert "[/x]" in text


def test_many_passing_reasons_are_counted_and_no_other_is_hidden() -> None:
    reasons = tuple(Reason(f"r{i:02}", "m", FAIL if i in (3, 30) else PASS) for i in range(40))
    text = shown(Document("t", "s", (Section("h", (Judgement(Verdict(FAIL, reasons)),)),)))
    assert "r03" in text
    assert "r30" in text
    assert "38 rules hold" in text


# --- HTML -----------------------------------------------------------------------------------


def test_the_html_is_well_formed_and_refers_to_nothing_outside() -> None:
    text = html(DOCUMENT)
    page = Page(text)
    assert page.open == []
    tags = {tag for tag, _ in page.seen}
    assert not tags & {"script", "link", "iframe", "img", "object"}
    for _, attributes in page.seen:
        for name, value in attributes.items():
            if name in ("href", "src", "xlink:href", "action"):
                assert (value or "").startswith("#")
            assert not name.startswith("on")
    assert "@import" not in text
    assert not re.search(r"url\((?!#)", text)


def test_the_html_adapts_to_light_and_dark_and_to_small_screens() -> None:
    text = html(DOCUMENT)
    assert "light-dark(" in text
    assert 'name="viewport"' in text
    assert "currentColor" in text


def test_a_chart_is_drawn_with_its_words_and_the_table_behind_it() -> None:
    page = Page(html(DOCUMENT))
    pictures = [attributes for tag, attributes in page.seen if tag == "svg"]
    labelled = [a for _, a in page.seen if a.get("role") == "img"]
    assert len(pictures) == 4  # wide and narrow
    assert labelled[0]["aria-label"] == CHART.summary
    assert page.text.count("Table") == 2


def test_without_the_charts_extra_the_table_stands_in_the_open(monkeypatch) -> None:
    real = builtins.__import__

    def without(name, *rest, **more):
        if name == "vl_convert":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    page = Page(html(DOCUMENT))
    tags = [tag for tag, _ in page.seen]
    assert "svg" not in tags
    assert tags.count("table") == 3
    assert CHART.title in page.text


@settings(max_examples=50, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"])))
def test_text_in_html_is_never_markup(text: str) -> None:
    table = Table((Column(text),), ((text,),), text)
    document = Document(text, text, (Section(text, (Sentence(text), table)),))
    plain = Document(
        "t", "t", (Section("t", (Sentence("t"), Table((Column("t"),), (("t",),), "t"))),)
    )
    tags = [tag for tag, _ in Page(html(document)).seen if tag != "caption"]
    assert tags == [tag for tag, _ in Page(html(plain)).seen if tag != "caption"]


def test_a_notebook_gets_the_body_alone() -> None:
    text = fragment(DOCUMENT)
    assert "<html" not in text
    assert Page(text).open == []


def test_the_style_in_a_notebook_touches_nothing_but_the_report() -> None:
    style = fragment(DOCUMENT).partition("<style>")[2].partition("</style>")[0]
    bare = re.sub(r"/\*.*?\*/", "", style, flags=re.S)
    selectors = [
        part.strip()
        for rule in re.findall(r"([^{}]+)\{", bare)
        for part in re.split(r",(?![^(]*\))", rule)
        if "@media" not in rule
    ]
    assert len(selectors) > 40
    assert [s for s in selectors if ".seawall" not in s] == []


def test_every_outcome_has_its_shape_and_word() -> None:
    text = Page(html(DOCUMENT)).text
    for told in ("✗ fail", "○ undecided", "✓ pass"):
        assert told in text


# --- intervals in text -------------------------------------------------------------------------


def test_an_interval_is_drawn_around_its_value_over_what_is_tolerated() -> None:
    row = Interval("x", Estimate(0.5, 0.4, 0.6, 0.95, 9, "m"), PASS, (0.0, 1.0))
    assert Axis([row], 11).bar(row) == "░░░░─●─░░░░"


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=3).map(sorted),
    st.sampled_from([math.inf, -math.inf, math.nan, 0.0]),
    st.integers(8, 40),
)
def test_a_drawn_interval_has_its_width_and_its_mark_whatever_it_is(numbers, odd, width) -> None:
    low, value, high = numbers
    plain = Interval("x", Estimate(value, low, high, 0.95, 9, "m"), FAIL, (-1.0, odd or 1.0))
    other = Interval("y", Estimate(odd, -math.inf, math.inf, 0.95, 9, "m"), UNDECIDED)
    axis = Axis([plain, other], width)
    for row, mark in ((plain, "✗"), (other, "○")):
        bar = axis.bar(row)
        assert len(bar) == width
        assert (mark in bar) != math.isnan(row.estimate.value)


def test_a_long_table_on_a_terminal_says_how_to_see_it_all() -> None:
    table = Table((Column("n", align="right"),), tuple((i,) for i in range(100)))
    text = shown(Document("t", "s", (Section("h", (table,)),)))
    assert "80 more rows; --html FILE or --json has all." in text


def test_a_wide_table_on_a_terminal_names_the_columns_it_leaves_out() -> None:
    columns = tuple(Column(f"measure {i}", align="right") for i in range(12))
    text = shown(Document("t", "s", (Section("h", (Table(columns, ((EST,) * 12,)),)),)))
    assert "measure 0" in text
    assert re.search(r"Wider with .*measure 11", " ".join(text.split()))


def test_detail_is_named_on_a_terminal_and_shown_elsewhere() -> None:
    document = Document("t", "s", (Section("Everything there is", (TABLE,), detail=True),))
    assert "Also there with --html FILE or --json: everything there is." in shown(document)
    assert "a | b" in Page(html(document)).text


# --- PDF ---------------------------------------------------------------------------------------


def paper(document: Document) -> tuple[str, int]:
    """The text of a PDF, on one line and without breaks within words, and its pages."""
    read = PdfReader(io.BytesIO(pdf(document)))
    text = " ".join(page.extract_text() for page in read.pages).replace("\u200b", "")
    return " ".join(text.split()), len(read.pages)


def test_the_pdf_says_sentence_reasons_tables_and_what_it_is_about() -> None:
    document = structs.replace(DOCUMENT, facts=(("data", "2018.parquet"),))
    text, _ = paper(document)
    for part in (
        "income@1 breaks 1 of 3 rules.", "too few rows", "a | b", "Groups differ", "2018.parquet",
        "1 of ",
    ):  # fmt: skip
        assert part in text


def test_a_long_table_breaks_over_pages_and_repeats_its_head() -> None:
    table = Table((Column("name of it"), Column("n", align="right")),
                  tuple((f"row{i}", i) for i in range(150)))  # fmt: skip
    text, pages = paper(Document("t", "s", (Section("h", (table,)),)))
    assert pages > 2
    assert text.count("name of it") == pages
    assert "row149" in text


def test_without_the_pdf_extra_one_line_says_what_to_install(monkeypatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(BadInput, match=r"a PDF needs Typst; pip install 'seawall\[pdf\]'"):
        pdf(DOCUMENT)


# --- hostile text --------------------------------------------------------------------------------

HOSTILE = [
    "<script>alert(1)</script>", "a|b", "#read(\"x\") $x$ *b* _i_ @l \\ `c`", "```", "[red]x[/red]",
    "</style></text>", "\x1b[31mred", "🌊 漢字", "a\nb",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_column_name_is_shown_as_it_is_in_every_format(name: str) -> None:
    seen = " ".join(name.replace("\x1b", "␛").split())
    chart = ranked_dots([Interval(name, EST, FAIL, (0.0, 0.1))], title=name, measure="m")
    table = Table((Column(name), Column("n")), ((name, 1),), name)
    reason = Reason(f"{name}: ks within 0.1", f"{name}: ks within 0.1 is broken", FAIL, EST)
    blocks = (Judgement(Verdict(FAIL, (reason,))), chart, Gallery((chart,)), table)
    document = Document(name, name, (Section(name, blocks),), FAIL, ((name, name),))
    page = Page(html(document))
    assert "script" not in {tag for tag, _ in page.seen}
    assert seen in " ".join(page.text.split())
    assert seen.split()[0] in shown(document, 200)
    plain = MarkdownIt("commonmark").enable("table").parse(markdown(document))
    cells = [b for a, b in pairwise(plain) if a.type == "td_open"]
    assert "".join(c.content for c in cells[0].children or ()) == seen
    assert not any("<script" in t.content for t in plain if t.type == "html_block")
    if name not in HOSTILE[-3:-1]:  # their letters depend on the machine's fonts
        assert seen.replace(" ", "") in paper(document)[0].replace(" ", "")
