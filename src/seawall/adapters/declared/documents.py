"""YAML documents with the line of every field, so that an error can say where."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias, cast

import msgspec
import yaml

from seawall.kernel import BadInput, NotFound

Place: TypeAlias = tuple[str | int, ...]

LARGEST = 4 << 20
MOST_NODES = 100_000


class Source(msgspec.Struct, frozen=True):
    """One document: its plain content, the file it stands in, and the line of each place in it."""

    content: dict[str, Any]
    file: str
    lines: dict[Place, int]

    def where(self, place: Place = ()) -> str:
        """`file:line` of a place, or of the nearest one around it that is written."""
        while place not in self.lines:
            place = place[:-1]
        return f"{self.file}:{self.lines[place]}"


class _Loader(yaml.SafeLoader):
    """Plain YAML whose booleans are `true` and `false` alone (YAML 1.2): `on` is a word."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in found if tag != "tag:yaml.org,2002:bool"]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))


def sources(path: Path) -> list[Source]:
    """The documents of a file, or of every .yaml and .yml file under a folder, in name order.

    Only plain YAML: no tags that build objects. Raises `NotFound` without a file, `BadInput` for
    broken YAML, a key given twice, or text that expands beyond reason.
    """
    if path.is_dir():
        files = sorted(p for p in path.rglob("*") if p.suffix in (".yaml", ".yml"))
        if not files:
            raise NotFound(f"no .yaml or .yml files in {path}", remedy="name a file of them")
        return [source for file in files for source in sources(file)]
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise NotFound(f"no file {path}", remedy="check its path") from None
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from error
    if len(data) > LARGEST:
        raise BadInput(f"{path} is larger than {LARGEST >> 20} MB", remedy="split it")
    return list(_parse(data, str(path)))


def _parse(data: bytes, file: str) -> Iterator[Source]:
    try:
        text = data.decode("utf-8")
        loader = _Loader(text)
        while loader.check_node():
            node = loader.get_node()
            assert node is not None
            _refuse_expansion(node, file)
            lines: dict[Place, int] = {}
            _number(node, (), lines, file)
            try:
                content = loader.construct_document(node)
            except (ValueError, KeyError, OverflowError) as error:
                raise BadInput(
                    f"a value is not what it looks like: {error}",
                    where=f"{file}:{node.start_mark.line + 1}",
                    remedy="quote it to make it text",
                ) from error
            if content is None:
                continue
            if not isinstance(content, dict):
                raise BadInput(
                    "a document is a mapping with apiVersion, kind, metadata and spec",
                    where=f"{file}:{node.start_mark.line + 1}",
                )
            yield Source(cast("dict[str, Any]", content), file, lines)
    except UnicodeDecodeError as error:
        remedy = "what is declared stands in YAML files"
        where = f"{file}, byte {error.start}"
        raise BadInput("not UTF-8 text", where=where, remedy=remedy) from error
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise BadInput(f"not YAML: {error.problem}", where=f"{file}{line}") from error
    except yaml.YAMLError as error:
        raise BadInput(f"not YAML: {str(error).splitlines()[0]}", where=file) from error


def _number(node: yaml.Node, place: Place, lines: dict[Place, int], file: str) -> None:
    lines[place] = node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        for at, item in enumerate(node.value):
            _number(item, (*place, at), lines, file)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            name = str(key.value)
            line = key.start_mark.line + 1
            if (*place, name) in lines:
                raise BadInput(
                    f"{name!r} is given twice",
                    where=f"{file}:{line}",
                    remedy=f"the first is on line {lines[(*place, name)]}",
                )
            _number(value, (*place, name), lines, file)
            lines[(*place, name)] = line


def _refuse_expansion(root: yaml.Node, file: str) -> None:
    """Refuse aliases that multiply a small text into a huge value, or that contain themselves."""
    sizes: dict[int, int] = {}
    todo: list[tuple[yaml.Node, bool]] = [(root, False)]
    path: set[int] = set()
    while todo:
        node, done = todo.pop()
        parts = _parts(node)
        if done:
            path.discard(id(node))
            sizes[id(node)] = 1 + sum(sizes[id(part)] for part in parts)
            if sizes[id(node)] > MOST_NODES:
                raise BadInput(
                    f"the document expands to over {MOST_NODES:,} values",
                    where=f"{file}:{node.start_mark.line + 1}",
                    remedy="use fewer aliases, or split it",
                )
            continue
        if id(node) in path:
            raise BadInput("an alias contains itself", where=f"{file}:{node.start_mark.line + 1}")
        if id(node) not in sizes:
            path.add(id(node))
            todo.append((node, True))
            todo.extend((part, False) for part in parts)


def _parts(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.SequenceNode):
        return list(node.value)
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return []
