"""Where a version comes from: data by digest, code, parameters, environment and author."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, ClassVar

import msgspec

from seawall.kernel import Conflict, Digest, NotFound, convert, to_builtins, to_json


class DataSet(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """An immutable table, known by the digest of its content.

    `columns` maps each column to its type as text; `parents` are the data sets it was made from;
    `source` says where it came from (a path, a query, a URL).
    """

    kind: ClassVar[str] = "data_set"

    digest: Digest
    name: str
    rows: int
    columns: dict[str, str] = {}
    parents: tuple[Digest, ...] = ()
    source: str = ""

    @property
    def key(self) -> str:
        """The digest."""
        return self.digest


class Provenance(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """What one training run was, captured as it ran and frozen with the version.

    `author` is the identity that trained it; `datasets` maps a role ("train", "test", …) to a
    digest; `commit` is the revision of the code and `dirty` whether it had uncommitted changes
    (None: not known); `packages` and `environment` map names to versions and values; `metrics`
    are bare numbers as the author reported them: they describe and never decide.
    """

    author: str
    datasets: dict[str, Digest] = {}
    commit: str = ""
    dirty: bool | None = None
    command: tuple[str, ...] = ()
    parameters: dict[str, Any] = {}
    packages: dict[str, str] = {}
    environment: dict[str, str] = {}
    started: datetime | None = None
    finished: datetime | None = None
    metrics: dict[str, float] = {}

    @property
    def digest(self) -> Digest:
        """The digest of its JSON with sorted keys."""
        # Through `convert`, so that 1 and 1.0 in a field of numbers give the same bytes.
        return Digest.of(to_json(convert(to_builtins(self), Provenance)))

    @property
    def missing(self) -> tuple[str, ...]:
        """What a reader would need to repeat the run and is not here; empty when complete."""
        wanted = {
            "author": bool(self.author),
            "training data": bool(self.datasets),
            "code commit": bool(self.commit),
            "clean work tree": self.dirty is False,
            "parameters": bool(self.parameters),
            "packages": bool(self.packages),
            "start and end": self.started is not None and self.finished is not None,
        }
        return tuple(name for name, present in wanted.items() if not present)


def lineage(digests: Iterable[Digest], known: Mapping[Digest, DataSet]) -> tuple[DataSet, ...]:
    """These data sets and all they came from, parents before children, each once.

    Raises `NotFound` for a digest that is not known, `Conflict` for one among its own ancestors.
    """
    order: dict[Digest, DataSet] = {}
    for first in digests:
        # (digest, True) is met again after all its parents: then it may take its place.
        path: set[Digest] = set()
        todo = [(first, False)]
        while todo:
            digest, parents_done = todo.pop()
            if parents_done:
                path.discard(digest)
                order.setdefault(digest, known[digest])
                continue
            if digest in order:
                continue
            if digest in path:
                raise Conflict(f"data set {digest.short} is among its own ancestors")
            if digest not in known:
                raise NotFound(f"data set {digest.short} is not registered", where=str(digest))
            path.add(digest)
            todo.append((digest, True))
            todo.extend((parent, False) for parent in reversed(known[digest].parents))
    return tuple(order.values())
