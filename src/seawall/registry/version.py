"""A version: one immutable artefact of a model, with where it came from and where it stands."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import ClassVar, Self

import msgspec

from seawall.kernel import BadInput, Conflict, Digest
from seawall.registry.model import Model
from seawall.registry.provenance import Provenance
from seawall.registry.stage import Stage, StageChange

_REF = re.compile(r"([a-z0-9][a-z0-9._-]{0,62})@([1-9][0-9]{0,8})")


class VersionRef(msgspec.Struct, frozen=True, order=True):
    """A version's name, `income@3`. `VersionRef.parse(str(r)) == r`; sorts by model, number."""

    model: str
    number: int

    def __str__(self) -> str:
        return f"{self.model}@{self.number}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a version's name; raises `BadInput` when the text is not one."""
        match = _REF.fullmatch(text)
        if match is None:
            raise BadInput(
                f"{text[:80]!r} is not a version", remedy="write MODEL@NUMBER, e.g. income@3"
            )
        return cls(match[1], int(match[2]))


class Artefact(msgspec.Struct, frozen=True, kw_only=True):
    """The stored bytes of a model: their digest, format (`onnx`, …), size in bytes, file name."""

    digest: Digest
    format: str
    size: int
    name: str = ""


class Version(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A numbered, immutable version; only its stage, history and attached objects grow.

    `objects` are stored by digest under names like "signature", "baseline", "report", "seal".
    `history` holds every stage it entered, the first included.
    """

    kind: ClassVar[str] = "version"

    model: str
    number: int
    artefact: Artefact
    provenance: Provenance
    objects: dict[str, Digest] = {}
    stage: Stage = Stage.REGISTERED
    created: datetime
    history: tuple[StageChange, ...] = ()

    @property
    def ref(self) -> VersionRef:
        """The version's name as a value."""
        return VersionRef(self.model, self.number)

    @property
    def key(self) -> str:
        """The version's name, `income@3`."""
        return str(self.ref)

    def attach(self, name: str, digest: Digest) -> Version:
        """The version with one more object; `Conflict` when the name already means another."""
        present = self.objects.get(name)
        if present is not None and present != digest:
            raise Conflict(
                f"{self.key} already has another {name!r}",
                where=present.short,
                remedy="register a new version to change it",
            )
        return msgspec.structs.replace(self, objects=self.objects | {name: digest})


def register(
    model: Model,
    artefact: Artefact,
    provenance: Provenance,
    existing: Iterable[Version],
    *,
    at: datetime,
    objects: dict[str, Digest] | None = None,
) -> Version:
    """The model's next version; `existing` are all its versions so far.

    Raises `Conflict` when a version that was not rejected or retired already holds the same
    artefact. After a rejection or retirement the new version says in its history which it repeats.
    """
    versions = sorted((v for v in existing if v.model == model.name), key=lambda v: v.number)
    why = "registered"
    for earlier in versions:
        if earlier.artefact.digest != artefact.digest:
            continue
        if earlier.stage not in (Stage.REJECTED, Stage.RETIRED):
            raise Conflict(
                f"this artefact is already {earlier.key} ({earlier.stage})",
                where=artefact.digest.short,
                remedy=f"use {earlier.key}, or reject or retire it first",
            )
        why = f"registered; same artefact as {earlier.key}, {earlier.stage}"
    number = versions[-1].number + 1 if versions else 1
    return Version(
        model=model.name,
        number=number,
        artefact=artefact,
        provenance=provenance,
        objects=dict(objects or {}),
        created=at,
        history=(StageChange(Stage.REGISTERED, at, why),),
    )
