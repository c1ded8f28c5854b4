import inspect
import re
from html.parser import HTMLParser
from itertools import pairwise

import msgspec
import pytest
from tests.server.pages.preview import rendered
from tests.server.pages.samples import EVERY, FULL
from tests.server.pages.samples.common import frame
from tests.server.pages.samples.model import model
from tests.server.pages.samples.overview import overview

from seawall.server.pages import render, views

VOID = {"meta", "link", "input", "br", "path", "circle", "rect", "line"}
HOSTILE = '<script>alert("1")</script>&\'"'


class Page(HTMLParser):
    """Reads a page, checks that its elements nest, and keeps them in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID or tag in ("path", "circle", "rect", "line"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open, tag
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("script", "style"):
            self.words.append(data)

    def all(self, *tags):
        return [attrs for tag, attrs in self.elements if tag in tags]

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.words))


@pytest.fixture(params=list(EVERY))
def page(request) -> Page:
    return Page(rendered(request.param))


def test_a_page_opens_with_its_doctype_and_language():
    html = rendered("overview")
    assert html.lstrip().startswith("<!doctype html>")
    assert Page(html).all("html") == [{"lang": "en"}]


def test_nothing_on_a_page_needs_an_exception_from_the_security_policy(page):
    for tag, attrs in page.elements:
        assert "style" not in attrs, tag
        assert not [name for name in attrs if name.startswith("on")], tag
        if tag == "script":
            assert attrs.get("src", "").startswith("/static/") or "json" in attrs["type"]
        if tag in ("link", "img"):
            assert attrs.get("href", attrs.get("src")).startswith(("/static/", "#"))
    assert not page.all("style", "iframe", "object", "base")


def test_an_id_names_one_element_and_every_reference_has_its_target(page):
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    for _, attrs in page.elements:
        for name in ("aria-labelledby", "aria-describedby", "for"):
            if name in attrs:
                assert attrs[name] in ids


def test_headings_begin_with_one_h1_and_skip_no_level(page):
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(b <= a + 1 for a, b in pairwise(levels))


def test_every_form_that_changes_something_carries_the_token(page):
    inside = None
    for tag, attrs in page.elements:
        if tag == "form":
            assert inside in (None, "safe")
            inside = "safe" if attrs["method"] == "get" else "wants token"
        if tag == "input" and attrs.get("name") == "csrf":
            assert attrs["value"] == "f3a91c"
            inside = "safe"
    assert inside in (None, "safe")


def test_every_drawing_has_a_name_or_is_hidden_from_a_screen_reader(page):
    depth = 0
    for attrs in page.all("svg"):
        if "chart" in attrs.get("class", "").split():
            assert attrs.get("aria-hidden") == "true" or attrs.get("aria-label"), attrs
            depth += 1
    assert depth >= 0


def test_every_state_is_told_by_a_word_beside_its_shape(page):
    html_states = [a for t, a in page.elements if t == "span" and "status" in a.get("class", "")]
    assert len(page.all("svg")) >= len(html_states)
    assert page.text


def test_every_time_says_the_absolute_on_hover(page):
    for attrs in page.all("time"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", attrs["title"])
        assert attrs["datetime"].endswith("+00:00")


def test_every_table_has_headed_columns(page):
    for attrs in page.all("th"):
        assert attrs.get("scope") in ("col", "row")


@pytest.mark.parametrize("name", [n for n in EVERY if n.endswith("empty")])
def test_an_empty_page_says_what_would_be_here(name):
    html = rendered(name)
    assert 'class="empty"' in html


def hostile(value):
    """The same view with every text in it replaced by markup that must not take effect."""
    if isinstance(value, msgspec.Struct):
        changed = {}
        for field in msgspec.structs.fields(value):
            inner = getattr(value, field.name)
            keep = typed_by_code(field.type) or field.name in ("post", "href", "state")
            changed[field.name] = inner if keep else hostile(inner)
        return type(value)(**changed)
    if isinstance(value, tuple):
        return tuple(hostile(v) for v in value)
    if isinstance(value, str) and value:
        return HOSTILE
    return value


def typed_by_code(kind) -> bool:
    return "Literal" in str(kind) or "Shape" in str(kind) or kind is views.Shape


@pytest.mark.parametrize("name", list(FULL))
def test_no_text_of_a_view_is_taken_for_markup(name):
    function, view = FULL[name]()
    html = getattr(render, function)(hostile(view))
    assert "<script>alert" not in html
    assert "&lt;script&gt;" in html
    assert len(Page(html).all("script")) == len(Page(rendered(name)).all("script"))


def test_data_for_a_script_cannot_end_the_element_it_stands_in():
    assert "<" not in render.json_block({"a": "</script><!--"})


def test_the_overview_shows_the_rows_it_is_given_and_leads_to_the_rest():
    page = Page(render.overview(overview(100)))
    rows = [a for a in page.all("tr") if a.get("id", "").startswith("m-")]
    assert len(rows) == 100
    assert "page 1 of 100" in page.text
    assert "?page=2" in [a.get("href") for a in page.all("a")][-1]


def test_the_next_part_of_a_search_keeps_the_search():
    view = msgspec.structs.replace(overview(), q="pri cing", tier="low")
    links = [a["href"] for a in Page(render.overview(view)).all("a") if a.get("rel") == "next"]
    assert links == ["/?page=2&q=pri+cing&tier=low"]


def test_a_dangerous_button_tells_its_effect_before_it_asks():
    html = rendered("rollout")
    effect = html.index("about 420 decisions an hour) back to v3")
    assert html.index("Roll back…</summary>") < effect < html.index('<button class="danger"')


def test_a_button_that_is_refused_says_why_and_sends_nothing():
    view = msgspec.structs.replace(
        model(), actions=(views.Action(label="Go", post="/go", effect="x", refused="Not yours."),)
    )
    html = render.model(view)
    assert "Not yours." in html
    assert 'action="/go"' not in html


def test_a_page_for_nobody_offers_neither_pages_nor_a_live_stream():
    page = Page(rendered("login"))
    assert not page.all("nav")
    assert page.all("main")[0]["data-topics"] == ""


def test_a_group_is_judged_by_where_its_interval_lies():
    f = model().fairness[0]
    shapes = [render.group_shape(f, g) for g in f.groups]
    assert shapes == ["good", "good", "good", "undecided", "bad", "undecided"]


def test_every_view_is_frozen_and_says_what_it_is():
    for name in views.__all__:
        kind = getattr(views, name)
        if inspect.isclass(kind) and issubclass(kind, msgspec.Struct):
            assert kind.__struct_config__.frozen, name
            assert kind.__doc__, name


def test_a_frame_without_incidents_shows_no_count():
    view = msgspec.structs.replace(model(), frame=frame(open_incidents=0))
    assert 'class="badge"' not in render.model(view)
