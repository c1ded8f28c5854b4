"""Register a version: its artefact by digest, where it came from, sealed by the control plane."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from seawall.access.action import Action
from seawall.access.identity import Identity
from seawall.adapters.runtimes import FORMATS
from seawall.adapters.signing.envelope import seal
from seawall.app.root import App
from seawall.kernel import BadInput, Digest, now, to_json
from seawall.registry.model import Model
from seawall.registry.provenance import DataSet, Provenance, lineage
from seawall.registry.version import Artefact, Version, register
from seawall.serving.remote import FORMAT

SEAL = "application/vnd.in-toto+json"
NEEDED = ("signature", "baseline")


def register_version(
    app: App,
    who: Identity,
    model_name: str,
    artefact: Artefact,
    provenance: Provenance,
    datasets: Sequence[DataSet],
    objects: Mapping[str, Digest],
) -> Version:
    """The model's next version, authored by the proven identity, whatever the caller wrote.

    Raises `BadInput` for a format that may carry code, a missing object or unknown lineage.
    """
    app.allow(who, Action.REGISTER, model=model_name)
    if artefact.format not in (*FORMATS, FORMAT):
        raise BadInput(
            f"artefacts of format {artefact.format!r} are not accepted",
            remedy=f"convert it to {', '.join(FORMATS)}: formats that carry code are refused",
        )
    if missing := [name for name in NEEDED if name not in objects]:
        raise BadInput(f"the version lacks its {' and '.join(missing)}", where=model_name)
    if absent := [d for d in (artefact.digest, *objects.values()) if not app.objects.has(d)]:
        raise BadInput(f"object {absent[0]} is not stored", remedy="upload it first")
    provenance = msgspec.structs.replace(provenance, author=who.id)
    at = now(app.clock)
    with app.store.transaction(who.actor) as tx:
        model = tx.get(Model, model_name)
        for data in datasets:
            if not tx.revision(DataSet, data.key):
                tx.put(data)
        known = {d.digest: d for d in tx.find(DataSet)}
        lineage(provenance.datasets.values(), known)
        existing = tx.find(Version, f"{model_name}@")
        version = register(model, artefact, provenance, existing, at=at, objects=dict(objects))
        version = version.attach("seal", app.objects.put(_seal(app, version)))
        tx.put(version, expect=0)
        detail = {
            "artefact": str(artefact.digest),
            "provenance": str(provenance.digest),
            "seal": str(version.objects["seal"]),
        }
        tx.record("registry:version:registered", version.key, detail)
        tx.emit("registry:version:registered", version.key, detail)
    return version


def _seal(app: App, version: Version) -> bytes:
    """An in-toto statement that binds the version's name to its artefact, signed (DSSE)."""
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [
            {"name": version.artefact.name, "digest": {"sha256": version.artefact.digest.hex}}
        ],
        "predicateType": "https://seawall.dev/registration/v1",
        "predicate": {
            "version": version.key,
            "author": version.provenance.author,
            "provenance": str(version.provenance.digest),
            "objects": {name: str(digest) for name, digest in sorted(version.objects.items())},
        },
    }
    return seal(SEAL, to_json(statement), app.key)
