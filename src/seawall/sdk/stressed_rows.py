"""Rows that a converted model is most likely to answer otherwise: its splits, gaps and extremes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

MOST_SPLITS = 2_000
"""Splits looked at, three rows each; of more, every so many-th."""
_NAN, _INF = np.float32(np.nan), np.float32(np.inf)
_TREES = ("TreeEnsembleClassifier", "TreeEnsembleRegressor")


class Stressed(NamedTuple):
    """Rows (n × fields, single precision), each with what is unusual about it."""

    rows: NDArray[np.float32]
    why: tuple[str, ...]


class _Split(NamedTuple):
    field: int
    value: np.float32
    low: dict[int, np.float32]
    high: dict[int, np.float32]
    """What each field must lie within, both inclusive, for a row to get to the split."""


def stressed_rows(artefact: bytes, sample: NDArray[np.float32], names: Sequence[str]) -> Stressed:
    """Rows made of those in the sample, in the units of the model's input.

    Each split of a tree ensemble that reads the input itself: at it, and the next number below and
    above, in a row that reaches it. Each field: the ends of what was seen, its width beyond them,
    0, and no value where the sample has such; of a category every value that was seen.
    """
    trees = list(_trees(artefact))
    categories = {s.field for s, equal in trees if equal}
    splits = [s for s, equal in trees if not equal and np.isfinite(s.value)]
    gaps = np.any(np.isnan(sample), axis=0)
    rows: list[NDArray[np.float32]] = []
    why: list[str] = []

    def add(base: int, field: int, value: Any, what: str, row: Any = None) -> None:
        made = sample[base % len(sample)].copy() if row is None else row.copy()
        made[field] = value
        rows.append(made)
        why.append(f"{names[field]} {what}")

    for place, split in enumerate(splits[:: 1 + len(splits) // MOST_SPLITS]):
        row = _reaching(split, sample[place % len(sample)])
        for value, what in _around(split.value):
            add(place, split.field, value, what, row)
    for field in range(sample.shape[1]):
        seen = sample[:, field][~np.isnan(sample[:, field])]
        odd = _seen(seen) if field in categories else _extremes(seen)
        for base, (value, what) in enumerate(
            [*odd, *([(_NAN, "missing")] if gaps.item(field) else [])]
        ):
            add(base * 7, field, value, what)
    if gaps.any():
        rows.append(np.where(gaps, _NAN, sample[0]))
        why.append("all missing that may be")
    kept = np.array(rows, dtype=np.float32).reshape(len(rows), sample.shape[1])
    return Stressed(kept, tuple(why))


def _around(value: np.float32) -> Iterator[tuple[np.float32, str]]:
    yield value, f"at its split {value:g}"
    yield np.nextafter(value, -_INF), f"one ulp below its split {value:g}"
    yield np.nextafter(value, _INF), f"one ulp above its split {value:g}"


def _seen(values: NDArray[np.float32]) -> Iterator[tuple[np.float32, str]]:
    for value in np.unique(values)[:256]:
        yield value, f"the category {value:g}"


def _extremes(values: NDArray[np.float32]) -> Iterator[tuple[np.float32, str]]:
    if len(values):
        low, high = values.min(), values.max()
        reach = high - low
        yield low, "at the least seen"
        yield high, "at the greatest seen"
        yield low - reach, "far below what was seen"
        yield high + reach, "far above what was seen"
    yield np.float32(0), "at 0"


def _reaching(split: _Split, base: NDArray[np.float32]) -> NDArray[np.float32]:
    """The row, changed as little as lets it reach the split."""
    row = base.copy()
    for field in split.low.keys() | split.high.keys():
        low, high = split.low.get(field, -_INF), split.high.get(field, _INF)
        if low <= high and not low <= row[field] <= high:
            row[field] = low if np.isfinite(low) else high if np.isfinite(high) else 0
    return row


def _trees(artefact: bytes) -> Iterator[tuple[_Split, bool]]:
    """Splits of the ensembles that read the graph's input; True where one asks for equality."""
    import onnx

    graph: Any = onnx.load_from_string(artefact).graph
    source = {graph.input[0].name}
    for node in graph.node:
        if node.op_type in ("Cast", "Identity") and node.input[0] in source:
            source.add(node.output[0])
    for node in graph.node:
        if node.op_type in _TREES and node.input[0] in source:
            yield from _splits({a.name: onnx.helper.get_attribute_value(a) for a in node.attribute})


def _splits(told: dict[str, Any]) -> Iterator[tuple[_Split, bool]]:
    values = np.asarray(told["nodes_values"], dtype=np.float32)
    modes, fields = told["nodes_modes"], told["nodes_featureids"]
    trees, ids = told["nodes_treeids"], told["nodes_nodeids"]
    at = {key: place for place, key in enumerate(zip(trees, ids, strict=True))}
    children = {*_children(told, "true"), *_children(told, "false")}
    todo: list[tuple[int, dict[int, np.float32], dict[int, np.float32]]] = [
        (place, {}, {}) for key, place in at.items() if key not in children
    ]
    while todo:
        place, low, high = todo.pop()
        mode, field, value = modes[place], fields[place], values[place]
        if mode == b"LEAF":
            continue
        yield _Split(field, value, low, high), mode in (b"BRANCH_EQ", b"BRANCH_NEQ")
        below = value if mode in (b"BRANCH_LEQ", b"BRANCH_GT") else np.nextafter(value, -_INF)
        upper = {**high, field: min(high.get(field, _INF), below)}
        lower = {**low, field: max(low.get(field, -_INF), np.nextafter(below, _INF))}
        if mode in (b"BRANCH_EQ", b"BRANCH_NEQ"):
            same = ({**low, field: value}, {**high, field: value})
            sides = (same, (low, high)) if mode == b"BRANCH_EQ" else ((low, high), same)
        elif mode in (b"BRANCH_LEQ", b"BRANCH_LT"):
            sides = ((low, upper), (lower, high))
        else:
            sides = ((lower, high), (low, upper))
        for name, (least, most) in zip(("true", "false"), sides, strict=True):
            child = at.get((trees[place], told[f"nodes_{name}nodeids"][place]))
            if child is not None and child != place:
                todo.append((child, least, most))


def _children(told: dict[str, Any], side: str) -> Iterator[tuple[int, int]]:
    nodes = told["nodes_treeids"], told["nodes_modes"], told[f"nodes_{side}nodeids"]
    for tree, mode, child in zip(*nodes, strict=True):
        if mode != b"LEAF":
            yield tree, child
