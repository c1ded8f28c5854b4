"""What is replayed: a model that may not be trusted, in the place of an endpoint's champion."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from seawall.kernel import BadInput, Digest, convert, from_json
from seawall.registry.version import Version, VersionRef
from seawall.serving.again import answering
from seawall.serving.bundle import Arm, Bundle
from seawall.serving.decide import Answer, Model, Steps, ask
from seawall.serving.output import Output
from seawall.serving.signature import Signature

if TYPE_CHECKING:
    from seawall.adapters.runtimes.sandbox import Sandbox
    from seawall.sdk.client import Client

CHAMPION = "champion"


class Candidate(msgspec.Struct, frozen=True):
    """An artefact's bytes and format under a name; `signature` and `output` are its own, if any."""

    name: str
    artefact: bytes
    format: str
    signature: Signature | None = None
    output: Output | None = None


def candidate_of(given: Candidate | Path | str, client: Client | None = None) -> Candidate:
    """The candidate that a file is (`.onnx`, …), or a version (`income@3`) of a control plane.

    Raises `BadInput` for what is neither, and for a version when there is no `client` to ask.
    """
    from seawall.adapters.runtimes import format_of

    if isinstance(given, Candidate):
        return given
    path = Path(given)
    if path.is_file():
        try:
            return Candidate(path.name, path.read_bytes(), format_of(path))
        except OSError as error:
            raise BadInput(f"cannot be read: {error.strerror}", where=str(path)) from error
    try:
        ref = VersionRef.parse(str(given))
    except BadInput:
        remedy = "name an artefact's file, or a version as MODEL@NUMBER"
        raise BadInput(f"there is no file {path}", remedy=remedy) from None
    if client is None:
        raise BadInput(
            f"{ref} is a version of a control plane, and none is named", remedy="give a client"
        )
    version = convert(client.get(f"/versions/{ref}")["version"], Version)
    signature = from_json(client.get_object(version.objects["signature"]), Signature)
    data = client.get_object(version.artefact.digest)
    return Candidate(
        version.key, data, version.artefact.format, signature, version_output(client, version)
    )


def version_output(client: Client, version: Version) -> Output | None:
    """What was registered of a version's answers; None for one that says nothing of them."""
    digest = version.objects.get("output")
    return None if digest is None else from_json(client.get_object(digest), Output)


def in_place(bundle: Bundle, candidate: Candidate, threshold: float | None = None) -> Bundle:
    """The bundle with the candidate as its champion, answering everybody.

    Other arms stay for guards and fallbacks that ask them. The endpoint is not switched off, no
    approval limits the candidate, and no guard is judged by its time.
    """
    champion = bundle.arm(CHAMPION)
    assert champion is not None
    arm = Arm(
        name=CHAMPION,
        version=candidate.name,
        artefact=Digest.of(candidate.artefact),
        format=candidate.format,
        weight=1.0,
        threshold=champion.threshold if threshold is None else threshold,
    )
    idle = tuple(msgspec.structs.replace(a, weight=0.0) for a in bundle.arms if a is not champion)
    alone = msgspec.structs.replace(bundle, arms=(arm, *idle))
    others = [a for a in answering(alone) if a is not arm]
    guards = tuple(msgspec.structs.replace(g, budget_ms=None) for g in bundle.guards)
    signature = candidate.signature or bundle.signature
    return msgspec.structs.replace(
        bundle,
        arms=(arm, *others),
        guards=guards,
        signature=signature,
        killed=False,
        grids={},
        privacy={k: v for k, v in bundle.privacy.items() if k == "*" or k in signature.names},
    )


def check_fields(sandbox: Sandbox, candidate: Candidate, signature: Signature) -> None:
    """Raise `BadInput` when the artefact takes another number of fields than the signature has."""
    wanted, known = sandbox.fields, len(signature.fields)
    if wanted is not None and wanted != known:
        shown = ", ".join(signature.names[:8]) + (", …" if known > 8 else "")
        raise BadInput(
            f"the candidate takes {wanted} fields and the endpoint has {known}: {shown}",
            where=candidate.name,
            remedy="register it with its own signature, and replay it as MODEL@NUMBER",
        )


def check_answers(sandbox: Sandbox, candidate: Candidate, output: Output) -> None:
    """Raise `BadInput` when the candidate answers in another way than the endpoint does."""
    said = candidate.output or sandbox.output
    if not output.agrees(said) or not output.agrees(sandbox.output):
        other = sandbox.output if output.agrees(said) else said
        raise BadInput(
            f"the candidate answers {_words(other)}, the endpoint {_words(output)}",
            where=candidate.name,
            remedy="replay it where its kind of answers is served",
        )


def _words(output: Output) -> str:
    return f"{output.kind} ({', '.join(map(str, output.classes[:8]))})".removesuffix(" ()")


def answered(steps: Steps, sandbox: Sandbox, others: Mapping[str, Model]) -> list[Answer]:
    """Answer by the candidate in its sandbox, and by the models of arms that are asked too."""
    try:
        question = next(steps)
        while True:
            model = sandbox if question.arm == CHAMPION else others[question.arm]
            question = steps.send(ask(model, question))
    except StopIteration as done:
        return done.value
