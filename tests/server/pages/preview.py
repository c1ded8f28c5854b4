"""Pictures of every page: `python -m tests.server.pages.preview FOLDER [PAGE…]`."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.server.pages import samples
from tests.server.pages.browser import Browser
from tests.server.pages.site import Site

from seawall.server.pages import render


def rendered(name: str) -> str:
    """The sample page of this name as HTML."""
    page, view = samples.EVERY[name]()
    return getattr(render, page)(view)


def main(folder: Path, names: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    site = Site({f"/{name}": lambda name=name: rendered(name) for name in samples.EVERY})
    browser = Browser()
    for name in names or list(samples.EVERY):
        for width in (360, 1280, 2560):
            for dark in (False, True):
                browser.look(width, 900, dark=dark)
                browser.open(f"{site.url}/{name}")
                browser.run("new Promise(done => setTimeout(done, 700))")
                scheme = "dark" if dark else "light"
                browser.picture(folder / f"{name}-{width}-{scheme}.png")
        sys.stdout.write(f"{name}: {browser.complaints()}\n")
    browser.close()
    site.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
