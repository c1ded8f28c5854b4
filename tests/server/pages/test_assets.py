import gzip
import sys

import pytest

from seawall.kernel import NotFound
from seawall.server.pages import assets


@pytest.mark.parametrize("name", sorted(file.name for file in assets.FOLDER.iterdir()))
def test_every_file_is_served_whole_with_its_type(name):
    asset = assets.load(name)
    assert asset.body == (assets.FOLDER / name).read_bytes() == gzip.decompress(asset.gzipped)
    assert asset.media_type.split("/")[0] in ("text", "image")


def test_all_files_share_one_address_that_changes_with_their_content():
    folders = {assets.address(name).rsplit("/", 1)[0] for name in ("app.css", "app.js")}
    assert folders == {f"/static/{assets.build()}"}


@pytest.mark.parametrize("name", ["../render.py", "app", "app.css/", "/etc/passwd", ""])
def test_nothing_else_is_served(name):
    with pytest.raises(NotFound):
        assets.load(name)


def test_the_chart_library_is_made_from_the_installed_package():
    assert b"vegaEmbed" in assets.load("vega.js").body


def test_without_the_extra_the_library_is_named_with_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    with pytest.raises(NotFound, match=r"seawall\[charts\]"):
        assets.load.__wrapped__("vega.js")


def test_the_policy_allows_nothing_inline_and_nothing_from_elsewhere():
    policy = assets.PAGE_HEADERS["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


def test_what_ships_with_the_pages_is_small():
    assert sum(file.stat().st_size for file in assets.FOLDER.iterdir()) < 100_000
