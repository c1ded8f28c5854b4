"""What a gateway says of itself: which bundles it serves, and which it refused."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
_Text = Annotated[str, msgspec.Meta(max_length=500)]
_Sha = Annotated[str, msgspec.Meta(pattern="^sha256:[0-9a-f]{64}$")]


class Serving(msgspec.Struct, frozen=True, kw_only=True):
    """The bundle that an endpoint is answered from; `killed`: switched off at this gateway."""

    number: int
    digest: _Sha
    killed: bool = False


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """A bundle that was refused at `at`, and whether a good one was taken since.

    `offered` is the digest of the refused envelope, `number` its bundle's if that could be read,
    `held` the bundle that is served on. `why` is one word: signature, type, content, endpoint,
    number, digest, artefact, model. `taken` was adopted, or found to be in use, at `ended`.
    """

    endpoint: Name
    why: Name
    message: _Text
    offered: _Sha
    number: int | None
    held: int | None
    at: datetime
    ended: datetime | None = None
    taken: int | None = None


class GatewayStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One gateway (of several workers: one of them) as it stands; the newest counts."""

    gateway: Name
    software: Annotated[str, msgspec.Meta(max_length=50)]
    started: datetime
    serving: Annotated[dict[Name, Serving], msgspec.Meta(max_length=10_000)]
    refusals: Annotated[tuple[Refusal, ...], msgspec.Meta(max_length=64)] = ()
