"""Whole reports in a real browser, from a file and without a network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.server.pages.browser import Browser

from seawall.sdk.drift import drift
from seawall.sdk.estimate import estimate
from seawall.sdk.evaluate import evaluate
from seawall.sdk.report import Report

pytestmark = pytest.mark.browser

OVERFLOWING = """
[...document.querySelectorAll('body *')].filter(e => e.checkVisibility() &&
  e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.scroll') && !e.closest('svg') &&
  !e.closest('.skip')).map(e => e.outerHTML.slice(0, 120))"""
CONTRAST = """
(() => {
  const paint = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const channels = colour => {
    paint.clearRect(0, 0, 1, 1); paint.fillStyle = colour; paint.fillRect(0, 0, 1, 1);
    return [...paint.getImageData(0, 0, 1, 1).data];
  };
  const luminance = c => c.slice(0, 3).map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = e => {
    for (; e; e = e.parentElement) {
      const c = channels(getComputedStyle(e).backgroundColor);
      if (c[3] === 255) return c;
    }
  };
  const bad = [];
  for (const e of document.querySelectorAll('body *')) {
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!own || !e.checkVisibility() || e.closest('title')) continue;
    const style = getComputedStyle(e);
    const inside = e.closest('svg');
    const [a, b] = [luminance(channels(inside ? style.fill : style.color)), luminance(ground(e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) bad.push(`${e.textContent.slice(0, 40)} ${ratio}`);
  }
  return bad;
})()"""


def sample(seed: int, shift: float = 0.0, rows: int = 3000) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(shift, 1.5, rows)
    table = {f"a long name of a column {i}": rng.normal(0, 1, rows) for i in range(4)}
    return table | {
        "x": x,
        "sex": rng.choice(["f", "m"], rows),
        "score": 1 / (1 + np.exp(-x)),
        "label": (rng.random(rows) < 1 / (1 + np.exp(-x))).astype(int),
    }


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    base, now = sample(1), sample(2, 1.0)
    made: dict[str, Report] = {
        "drift": drift(base, now),
        "evaluate": evaluate(now, label="label", score="score", groups=["sex"]),
        "estimate": estimate(base, now, label="label", score="score", chunk_size=600),
    }
    folder = tmp_path_factory.mktemp("reports")
    return {name: report.save(folder / f"{name}.html") for name, report in made.items()}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    browser = Browser()
    yield browser
    browser.close()


@pytest.mark.parametrize("name", ["drift", "evaluate", "estimate"])
def test_a_report_opens_without_a_network_and_fits_every_window(browser, reports, name):
    browser.send("Network.emulateNetworkConditions", offline=True, latency=0,
                 downloadThroughput=0, uploadThroughput=0)  # fmt: skip
    for width in (360, 1280, 2560):
        browser.look(width, 900)
        browser.open(reports[name].as_uri())
        asked = [e["params"]["request"]["url"] for e in browser.events
                 if e.get("method") == "Network.requestWillBeSent"]  # fmt: skip
        assert {url for url in asked if url != "about:blank"} <= {reports[name].as_uri()}
        assert browser.complaints() == []
        assert browser.run(OVERFLOWING) == []
        assert browser.run("document.documentElement.scrollWidth <= innerWidth")
        assert browser.run("document.querySelectorAll('.chart svg').length") > 0


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", ["drift", "estimate"])
def test_every_text_is_legible_in_light_and_dark(browser, reports, name, dark):
    browser.look(1280, 900, dark=dark)
    browser.open(reports[name].as_uri())
    assert browser.run(CONTRAST) == []


def test_headings_are_in_order_and_every_link_leads_somewhere(browser, reports):
    browser.look()
    browser.open(reports["drift"].as_uri())
    levels = browser.run("[...document.querySelectorAll('h1,h2,h3')].map(h => +h.tagName[1])")
    assert levels[0] == 1
    assert set(levels[1:]) == {2}
    missing = "[...document.querySelectorAll('a')].filter(a => !document.querySelector(\n"
    missing += "'[id=\"' + a.hash.slice(1) + '\"]')).length"
    assert browser.run(missing) == 0
    assert browser.run("document.querySelectorAll('nav a').length") >= 4


def test_on_paper_the_report_is_light_and_without_its_navigation(browser, reports):
    browser.look(800, 900, dark=True)
    browser.open(reports["drift"].as_uri())
    browser.send("Emulation.setEmulatedMedia", media="print",
                 features=[{"name": "prefers-color-scheme", "value": "dark"}])  # fmt: skip
    ground = browser.run("getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(255, 255, 255)"
    assert browser.run("getComputedStyle(document.querySelector('nav')).display") == "none"
    browser.send("Emulation.setEmulatedMedia", media="")
