"""Text, measured: its length, its words, and how many of these the baseline knows.

A text column becomes three columns of numbers, each on an ordinary grid; the text itself is not
kept. The grid of the share of known words carries the vocabulary, as hashes, in its categories.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from seawall.statistics.column import Column, encode, length, take
from seawall.statistics.grid import Grid, make_grid, score_grid
from seawall.statistics.hashing import hash_text

CHARACTERS, WORDS, KNOWN = " characters", " words", " known words"
"""What is added to a text column's name."""
MEASURES = (CHARACTERS, WORDS, KNOWN)
VOCABULARY = 1024
"""How many words of the baseline are known, the most frequent ones."""
AT_LEAST = 5
"""Texts of the baseline in which a word must occur to be known."""
_LOOKED_AT = 10_000
_WORD = re.compile(
    "[\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff]"
    "|[0-9a-z\u00aa\u00b5\u00ba\u00c0-\u167f\u1681-\u1fff\u2c00-\u2dff\ua000-\ud7ff\uf900-\ufdff]+"
)
_UPPER = {upper: upper + 32 for upper in range(65, 91)}


def words_of(text: str) -> list[str]:
    """The words of a text, A to Z in lower case.

    A word is one kana or Han character, or a longest run of ASCII letters, digits and the letters
    in the ranges that docs/summary-format.md lists.
    """
    return _WORD.findall(text.translate(_UPPER))


def may_be_text(values: Column) -> bool:
    """Whether a column's type can hold text at all."""
    return isinstance(values, tuple) or values.dtype.kind in "OUT"


def looks_like_text(values: Column) -> bool:
    """Whether a column holds text rather than categories.

    At least half of its rows differ and have two words or more on average; ids have one.
    """
    if not may_be_text(values):
        return False
    codes, names = encode(_rows(values))
    present = codes[codes >= 0]
    used = np.unique(present)
    if present.size < 20 or 2 * used.size < present.size:
        return False
    return sum(len(words_of(names[i])) for i in used) >= 2 * used.size


def text_grids(name: str, values: Column) -> dict[str, Grid]:
    """The grids of a baseline's text column."""
    codes, names = encode(_rows(values))
    texts = np.bincount(codes[codes >= 0], minlength=len(names))
    seen: Counter[str] = Counter()
    for text, count in zip(names, texts.tolist(), strict=True):
        seen.update(dict.fromkeys(words_of(text), count))
    order = sorted((-count, word) for word, count in seen.items() if count >= AT_LEAST)
    known = {f"{hash_text(word):016x}" for _, word in order[:VOCABULARY]}
    measured = measure_text(name, values, known)
    share = score_grid((0.0, 1.0))
    return {
        name + CHARACTERS: make_grid(measured[name + CHARACTERS]),
        name + WORDS: make_grid(measured[name + WORDS]),
        name + KNOWN: Grid(kind="score", scale=share.scale, low=share.low, high=share.high,
                           atoms=share.atoms, categories=tuple(sorted(known))),
    }  # fmt: skip


def measure_text(name: str, values: Column, known: Iterable[str]) -> dict[str, Column]:
    """A text column as three columns: characters, words, and the share of words in `known`.

    Characters are Unicode code points. Missing text is missing in all three; text without a word
    has no share of known words.
    """
    codes, names = encode(values)
    vocabulary = frozenset(known)
    cache: dict[str, bool] = {}
    sizes = np.zeros((3, len(names) + 1))
    sizes[:, -1] = np.nan
    for at, text in enumerate(names):
        words = words_of(text)
        for word in words:
            if word not in cache:
                cache[word] = f"{hash_text(word):016x}" in vocabulary
        share = sum(cache[word] for word in words) / len(words) if words else np.nan
        sizes[:, at] = len(text), len(words), share
    rows = sizes[:, codes]
    lengths = (_integers(rows[0]), _integers(rows[1]))
    return {name + CHARACTERS: lengths[0], name + WORDS: lengths[1], name + KNOWN: rows[2]}


def measured(name: str, values: Column, grids: Mapping[str, Grid]) -> dict[str, Column]:
    """The columns that are counted for one column: itself, or the measures of a text."""
    if not _is_text(name, grids):
        return {name: values}
    return measure_text(name, values, grids[name + KNOWN].categories)


def on_grids(columns: Mapping[str, Column], grids: Mapping[str, Grid]) -> dict[str, Column]:
    """The columns that the grids count, of those read for `sources` of them."""
    return {
        name: values
        for source in sources(grids)
        for name, values in measured(source, columns[source], grids).items()
    }


def counted(names: Iterable[str], grids: Mapping[str, Grid]) -> list[str]:
    """The columns that have a grid on behalf of these columns, in their order."""
    found: list[str] = []
    for name in names:
        found += [name + m for m in MEASURES] if _is_text(name, grids) else [name]
    return found


def sources(grids: Mapping[str, Grid]) -> list[str]:
    """The columns to read for these grids: of a text's measures, the text."""
    homes = {name: next((h for h in _homes(name) if _is_text(h, grids)), name) for name in grids}
    return list(dict.fromkeys(homes.values()))


def _homes(name: str) -> list[str]:
    return [name.removesuffix(measure) for measure in MEASURES if name.endswith(measure)]


def _is_text(name: str, grids: Mapping[str, Grid]) -> bool:
    return name not in grids and all(name + measure in grids for measure in MEASURES)


def _rows(values: Column) -> Column:
    return take(values, slice(None, None, max(1, length(values) // _LOOKED_AT)))


def _integers(row: NDArray[np.float64]) -> NDArray[np.int64]:
    gaps = np.isnan(row)
    return np.ma.MaskedArray(np.where(gaps, 0, row).astype(np.int64), gaps)
