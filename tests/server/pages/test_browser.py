"""Every page in a real browser, under the headers that the control plane sends."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from tests.server.pages.browser import Browser
from tests.server.pages.samples import EVERY
from tests.server.pages.samples.common import NOW, WAITING
from tests.server.pages.samples.rollout import rollout
from tests.server.pages.site import Site

from seawall.server.pages import assets, formats, render

pytestmark = pytest.mark.browser

OVERFLOWING = """
[...document.querySelectorAll('main *')].filter(e =>
  e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.scroll') && !e.closest('svg'))
  .map(e => e.outerHTML.slice(0, 120))"""


@pytest.mark.parametrize("width", [360, 1280, 2560])
@pytest.mark.parametrize("name", list(EVERY))
def test_a_page_fits_its_window_and_breaks_no_rule(browser: Browser, site: Site, name, width):
    browser.look(width, 900)
    browser.open(f"{site.url}/{name}")
    assert browser.run(OVERFLOWING) == []
    assert browser.run("document.documentElement.scrollWidth <= innerWidth")
    assert browser.complaints() == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", ["model", "rollout"])
def test_large_charts_are_drawn_by_vega_without_eval(browser: Browser, site: Site, name, dark):
    browser.look(1280, 900, dark=dark)
    browser.open(f"{site.url}/{name}")
    before = browser.run("document.documentElement.scrollHeight")
    browser.run(
        "document.querySelectorAll('[data-chart]')"
        ".forEach(e => e.dispatchEvent(new PointerEvent('pointerenter')))"
    )
    browser.wait("document.querySelectorAll('[data-chart]:not([data-drawn])').length === 0")
    assert browser.run("document.querySelectorAll('[data-chart] canvas').length") > 1
    assert abs(browser.run("document.documentElement.scrollHeight") - before) <= 8
    assert browser.complaints() == []


def test_without_the_chart_library_the_drawing_of_the_server_stays(browser, site, monkeypatch):
    monkeypatch.setattr(assets, "CHART_LIBRARY", "elsewhere.js")
    assets.load.cache_clear()
    browser.look()
    browser.open(f"{site.url}/rollout")
    browser.run("document.body.dataset.library = '/static/none/vega.js'")
    browser.run(
        "document.querySelector('[data-chart]').dispatchEvent(new PointerEvent('pointerenter'))"
    )
    browser.wait("performance.getEntriesByName(location.origin + '/static/none/vega.js').length")
    assert browser.run("document.querySelector('[data-chart] .drawn').offsetHeight") >= 190
    assets.load.cache_clear()


@pytest.fixture
def slow(browser):
    """The browser on a machine ten times as slow, which paints pages while they arrive."""
    browser.send("Emulation.setCPUThrottlingRate", rate=10)
    yield browser
    browser.send("Emulation.setCPUThrottlingRate", rate=1)


def test_the_layout_does_not_shift_while_a_page_loads(slow, site):
    browser = slow
    browser.look()
    for name in ("overview", "model", "rollout"):
        browser.open(f"{site.url}/{name}")
        shift = browser.run(
            "new Promise(done => { let total = 0; new PerformanceObserver(list => {"
            "for (const e of list.getEntries()) total += e.value;"
            "}).observe({type: 'layout-shift', buffered: true});"
            "setTimeout(() => done(total), 400); })"
        )
        assert shift == 0


def later(**changes) -> str:
    view = rollout()
    moved = msgspec.structs.replace(view.frame, now=NOW + timedelta(minutes=5), csrf="new-token")
    return render.rollout(msgspec.structs.replace(view, frame=moved, **changes))


def test_news_of_the_rollout_replace_what_differs_and_leave_the_reader_in_peace(browser, site):
    browser.look(1280, 500)
    browser.open(f"{site.url}/rollout")
    browser.wait("document.getElementById('live').dataset.state === 'live'")
    browser.run(
        "(() => { const d = [...document.querySelectorAll('details.action')].at(-1);"
        "d.open = true; const i = d.querySelector('input[name=reason]');"
        "i.value = 'scores look odd'; i.focus(); scrollTo(0, 120); window.same = i; })()"
    )
    scrolled = browser.run("scrollY")
    site.pages["/rollout"] = lambda: later(sentence="v4 is worse.", status=WAITING)
    site.tell("rollout", rollout().key)
    browser.wait("document.querySelector('.sentence').textContent === 'v4 is worse.'")
    assert browser.run("document.activeElement === window.same")
    assert browser.run("window.same.isConnected && window.same.value") == "scores look odd"
    assert browser.run("window.same.closest('details').open")
    assert browser.run("window.same.form.elements.csrf.value") == "new-token"
    assert browser.run("scrollY") == scrolled
    assert browser.run("document.querySelector('.steps .current time').textContent").startswith(
        "24"
    )
    assert browser.complaints() == []


def test_news_of_something_else_change_nothing(browser, site):
    browser.look()
    browser.open(f"{site.url}/rollout")
    browser.wait("document.getElementById('live').dataset.state === 'live'")
    site.pages["/rollout"] = lambda: later(sentence="changed")
    site.tell("rollout", "another")
    site.tell("model", "income")
    browser.run("new Promise(done => setTimeout(done, 900))")
    assert browser.run("document.querySelector('.sentence').textContent") != "changed"


def test_a_page_that_lost_its_connection_says_so_and_catches_up(browser, site):
    browser.look()
    browser.open(f"{site.url}/rollout")
    browser.wait("document.getElementById('live').dataset.state === 'live'")
    site.lose()
    browser.wait("document.getElementById('live').dataset.state === 'lost'")
    said = browser.run("document.getElementById('live').textContent")
    assert said.startswith("Connection lost; this page is ")
    assert said.endswith(" old")
    site.pages["/rollout"] = lambda: later(sentence="caught up")
    site.mend()
    browser.wait("document.getElementById('live').dataset.state === 'live'")
    browser.wait("document.querySelector('.sentence').textContent === 'caught up'")


def test_every_control_can_be_reached_and_pressed_by_keyboard(browser, site):
    browser.look()
    browser.open(f"{site.url}/rollout")
    browser.press("Tab")
    assert browser.run("document.activeElement.className") == "skip"
    browser.press("Enter")
    assert browser.run("document.activeElement.id") == "main"
    for _ in range(40):
        browser.press("Tab")
        if browser.run("document.activeElement.textContent").startswith("Roll back"):
            break
    assert browser.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    browser.press("Enter")
    assert browser.run("document.activeElement.parentElement.open")
    browser.press("Tab")
    assert browser.run("document.activeElement.name") == "reason"
    for letter in "bad":
        browser.press(letter)
    browser.press("Enter")
    path, body = site.posted.get(timeout=20)
    assert path == "/rollouts/income/roll-back"
    assert body == "csrf=f3a91c&reason=bad"


def test_escape_closes_what_was_opened_and_slash_finds(browser, site):
    browser.look()
    browser.open(f"{site.url}/rollout")
    browser.run("document.querySelector('details.action summary').focus()")
    browser.press("Enter")
    browser.press("Tab")
    browser.press("Escape")
    assert not browser.run("document.querySelector('details.action').open")
    assert browser.run("document.activeElement.nodeName") == "SUMMARY"
    browser.open(f"{site.url}/audit")
    browser.press("/")
    assert browser.run("document.activeElement.type") == "search"


def test_a_screen_reader_finds_names_on_everything(browser, site):
    browser.look()
    for name in ("overview", "model", "version", "rollout", "incident", "decision", "demo"):
        browser.open(f"{site.url}/{name}")
        nodes = browser.send("Accessibility.getFullAXTree")["nodes"]
        wanted = {"link", "button", "textbox", "searchbox", "image", "combobox", "form"}
        nameless = [
            n["role"]["value"]
            for n in nodes
            if not n.get("ignored")
            and n.get("role", {}).get("value") in wanted - {"form"}
            and not n.get("name", {}).get("value")
        ]
        assert nameless == []


@pytest.mark.parametrize("seconds", [0, 42, 3540, 12_000, 30_000, 93_600, 1_036_800])
def test_browser_and_server_tell_times_alike(browser, site, seconds):
    browser.open(f"{site.url}/overview")
    module = assets.address("times.js")
    told = browser.run(f"import('{module}').then(m => m.span({seconds * 1000}))")
    assert told == formats.span(timedelta(seconds=seconds))


def test_a_page_prints(browser, site):
    browser.look()
    browser.open(f"{site.url}/model")
    pdf = browser.pdf()
    assert pdf.startswith(b"%PDF")
    assert 2 <= pdf.count(b"/Type /Page\n") + pdf.count(b"/Type /Page ") <= 8


def test_a_page_works_without_scripts(browser, site):
    browser.send("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.look()
        browser.send("Page.navigate", url=f"{site.url}/model")
        browser.wait("document.readyState === 'complete' && location.pathname === '/model'")
        assert browser.run("document.querySelectorAll('.series svg path').length") > 5
        assert browser.run("document.getElementById('live').dataset.state") == "still"
    finally:
        browser.send("Emulation.setScriptExecutionDisabled", value=False)


def test_a_state_is_told_without_colour(browser, site):
    browser.look()
    browser.open(f"{site.url}/model")
    words = browser.run(
        "[...document.querySelectorAll('.status')].map(e => [e.className, e.textContent.trim()])"
    )
    assert all(word for _, word in words)
