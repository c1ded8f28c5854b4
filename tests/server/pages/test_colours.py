"""WCAG 2.2: relative luminance and contrast, computed from the style sheet itself."""

import re

import pytest

from seawall.server.pages.assets import FOLDER

CSS = (FOLDER / "app.css").read_text()
LIGHT = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", CSS.split("@media")[0]))
DARK = LIGHT | dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", CSS.split("@media")[1]))
TEXT = ("ink", "soft", "link", "good", "warning", "bad", "undecided", "none")


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_black_on_white_has_the_greatest_contrast():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("ground", ["paper", "panel", "hover"])
@pytest.mark.parametrize("text", TEXT)
def test_text_is_readable_on_every_ground(scheme, ground, text):
    assert contrast(scheme[text], scheme[ground]) >= 4.5


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("ground", ["bad", "soft"])
def test_text_on_a_solid_colour_is_readable(scheme, ground):
    assert contrast(scheme["on-solid"], scheme[ground]) >= 4.5


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("mark", "ground"),
    [(m, g) for m in ("good", "bad", "undecided", "warning") for g in ("panel", "tolerated")]
    + [("ink", "band"), ("ink", "good-band"), ("ink", "bad-band"), ("strong-line", "panel")],
)
def test_the_marks_of_a_chart_stand_out(scheme, mark, ground):
    assert contrast(scheme[mark], scheme[ground]) >= 3
