"""The pages of docs/ say what the code says."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
from tests.docs.blocks import blocks

from seawall.adapters.declared import KINDS, read
from seawall.adapters.settings import Settings

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_ROW = re.compile(r"^\| `(\w+)` \| `(\w+)` \| (.+?) \| (.+) \|$", re.M)


def anchors(page: Path) -> set[str]:
    """What a heading is linked by."""
    found = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", h).lower().replace(" ", "-") for h in found}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_link_leads_to_a_file_or_a_heading(page: Path) -> None:
    dead: list[str] = []
    for link in _LINK.findall(page.read_text(encoding="utf-8")):
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            dead.append(link)
    assert dead == []


def test_every_page_of_the_documentation_is_linked_from_its_index() -> None:
    indexes = [ROOT / "docs" / "index.md", ROOT / "docs" / "decisions" / "README.md"]
    linked = {
        (index.parent / link.partition("#")[0]).resolve()
        for index in indexes
        for link in _LINK.findall(index.read_text(encoding="utf-8"))
    }
    pages = {page.resolve() for page in (ROOT / "docs").rglob("*.md")} - {*indexes[:1]}
    assert pages - linked == set()


def test_the_settings_table_is_that_of_the_settings() -> None:
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    rows = {name: (variable, default) for name, variable, default, _ in _ROW.findall(text)}
    fields = {field.name: field.default for field in msgspec.structs.fields(Settings)}
    assert list(rows) == list(fields)
    filled_in = {"database_url", "objects"}  # by `load`, from the data folder
    for name, default in fields.items():
        variable, shown = rows[name]
        assert variable == f"SEAWALL_{name.upper()}"
        if name not in filled_in:
            said = f"{default:g}" if isinstance(default, float) else str(default)
            assert shown == ("none" if default is None else f"`{said}`")


def test_every_kind_has_a_complete_example_that_is_read(tmp_path: Path) -> None:
    found: set[str] = set()
    text = (ROOT / "docs" / "policies.md").read_text(encoding="utf-8")
    for at, block in enumerate(blocks(text)):
        assert block.kind == "yaml"
        file = tmp_path / f"{at}.yaml"
        file.write_text(block.body, encoding="utf-8")
        found |= {declared.kind for declared in read(file, KINDS)}
    assert found == set(KINDS)


def test_pages_hold_lines_to_their_width() -> None:
    """Tables and links may be longer: they cannot be broken."""
    long: list[str] = []
    for page in PAGES:
        for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
            if len(line) > 100 and not line.startswith("|") and "](" not in line:
                long.append(f"{page.relative_to(ROOT)}:{number}")
    assert long == []
