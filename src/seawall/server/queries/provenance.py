"""Where a version came from, as a picture."""

from __future__ import annotations

from seawall.app.root import App
from seawall.kernel import Digest, NotFound
from seawall.registry.provenance import DataSet
from seawall.registry.provenance import Provenance as Origin
from seawall.registry.version import Version
from seawall.server.pages.views import Provenance, ProvenanceNode
from seawall.server.queries.words import listed, plural


def picture(app: App, version: Version) -> Provenance:
    """Data, code, environment and author, the run they went into, what came out."""
    origin = version.provenance
    nodes: list[ProvenanceNode] = []
    edges: list[tuple[str, str]] = []
    sets = _lineage(app, tuple(origin.datasets.values()))
    nodes += _data(origin, sets)
    edges += [(p, data.digest) for data in sets.values() for p in data.parents if p in sets]
    at = max((node.column for node in nodes), default=0)
    if origin.commit:
        state = ", with uncommitted changes" if origin.dirty else ""
        nodes.append(
            ProvenanceNode(
                id="code", kind="code", title=origin.commit[:10], column=at,
                detail=f"{' '.join(origin.command)}{state}".strip(),
            )
        )  # fmt: skip
    if origin.packages:
        python = origin.environment.get("python", "")
        title = f"Python {python}" if python else "environment"
        detail = plural(len(origin.packages), "package") + " by version"
        nodes.append(
            ProvenanceNode(
                id="environment", kind="environment", title=title, column=at, detail=detail
            )
        )
    nodes.append(ProvenanceNode(id="author", kind="person", title=origin.author, column=at))
    settings = ", ".join(f"{k}={v}" for k, v in list(origin.parameters.items())[:4])
    nodes.append(
        ProvenanceNode(id="run", kind="run", title=_when(version), column=at + 1, detail=settings)
    )
    artefact = version.artefact
    nodes.append(
        ProvenanceNode(
            id="artefact",
            kind="artefact",
            title=artefact.name or artefact.format,
            column=at + 2,
            detail=f"{artefact.format}, {artefact.size / 1e3:,.0f} kB, {artefact.digest.short}",
        )
    )
    nodes.append(
        ProvenanceNode(
            id="version", kind="version", title=version.key, column=at + 3, detail=version.stage
        )
    )
    edges += [
        (digest, "run") for digest in dict.fromkeys(origin.datasets.values()) if digest in sets
    ]
    edges += [(n.id, "run") for n in nodes if n.id in ("code", "environment", "author")]
    edges += [("run", "artefact"), ("artefact", "version")]
    return Provenance(_sentence(version), tuple(nodes), tuple(edges))


def _data(origin: Origin, sets: dict[Digest, DataSet]) -> list[ProvenanceNode]:
    """Each data set, sources to the left of what was made of them."""
    depth = _depths(sets)
    deepest = max(depth.values(), default=0)
    roles: dict[Digest, list[str]] = {}
    for role, digest in origin.datasets.items():
        roles.setdefault(digest, []).append(role)
    return [
        ProvenanceNode(
            id=data.digest,
            kind="data",
            title=data.name,
            column=deepest - depth[data.digest],
            detail=f"{listed(roles[data.digest]) if data.digest in roles else 'source'}, "
            f"{data.rows:,} rows, {data.digest.short}",
        )
        for data in sets.values()
    ]


def _lineage(app: App, digests: tuple[Digest, ...]) -> dict[Digest, DataSet]:
    """These data sets and their ancestors, as far as they are registered."""
    found: dict[Digest, DataSet] = {}
    todo = list(digests)
    while todo:
        digest = todo.pop()
        if digest in found:
            continue
        try:
            found[digest] = app.store.get(DataSet, digest)
        except NotFound:
            continue
        todo += found[digest].parents
    return found


def _depths(sets: dict[Digest, DataSet]) -> dict[Digest, int]:
    """How many steps each lies before the run: what was trained on is 0, its parents 1."""
    parents = {p for data in sets.values() for p in data.parents}
    depth = {d: 0 for d in sets if d not in parents}
    todo = list(depth)
    while todo:
        digest = todo.pop()
        for parent in sets[digest].parents:
            if parent in sets and depth.get(parent, -1) < depth[digest] + 1:
                depth[parent] = depth[digest] + 1
                todo.append(parent)
    return {d: depth.get(d, 0) for d in sets}


def _when(version: Version) -> str:
    origin = version.provenance
    if origin.started is None or origin.finished is None:
        return "training run"
    seconds = (origin.finished - origin.started).total_seconds()
    return f"trained in {seconds:.3g} s" if seconds >= 0.1 else "training run"


def _sentence(version: Version) -> str:
    origin = version.provenance
    data = plural(len(set(origin.datasets.values())), "data set")
    code = f"code at {origin.commit[:10]}" if origin.commit else "code that has no commit"
    missing = f" Not known: {listed(origin.missing, 5)}." if origin.missing else ""
    return f"{origin.author} made {version.key} from {data} by {code}.{missing}"
