"""One decision whole: its inputs as they were kept, its route, what came of it, its proof."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from seawall.access.action import Action as Permission
from seawall.app import decisions
from seawall.audit.entry import canonical
from seawall.kernel import NotFound, SeawallError
from seawall.server.pages import paths, views
from seawall.server.pages.views import Fact, GuardResult, InputValue, PrincipalReason, Status
from seawall.server.queries.audit import proof as entry_proof
from seawall.server.queries.model import output
from seawall.server.queries.visit import Visit
from seawall.server.queries.words import number, share
from seawall.serving.endpoint import Endpoint


def decision(visit: Visit, identifier: str) -> views.Decision:
    """The page; raises `NotFound` for an id that no gateway kept."""
    shown = decisions.show(visit.app, visit.who, identifier)
    version = str(shown.get("model") or "")
    model = version.partition("@")[0] or _model(visit, str(shown["endpoint"]))
    fallback = shown.get("fallback")
    status = Status("warning", "fallback") if fallback else Status("good", "answered")
    return views.Decision(
        frame=visit.frame(),
        id=identifier,
        time=datetime.fromisoformat(shown["time"]),
        model=model,
        version=number(version),
        status=status,
        sentence=_sentence(shown, version),
        output=output(shown.get("output")),
        score=shown.get("score"),
        threshold=shown.get("threshold"),
        inputs=_inputs(shown),
        reasons=tuple(
            PrincipalReason(
                feature=r["field"],
                contribution=r["effect"],
                text=f"{r['value']:g}, typical is {r['typical']:g}",
            )
            for r in shown["principal_reasons"]
        ),
        guards=tuple(
            GuardResult(
                name,
                Status("good", "pass") if said == "pass" else Status("warning", "acted"),
                "" if said == "pass" else str(said),
            )
            for name, said in (shown.get("guards") or {}).items()
        ),
        route=_facts(
            shown,
            endpoint="Endpoint",
            arm="Arm",
            arm_probability="Chance of this arm",
            caller="Caller",
            purpose="Purpose it was asked for",
            unit="Unit (keyed hash)",
            subject="Person (pseudonym)",
            latency_ms="Milliseconds",
            trace_id="Trace",
        ),
        versions=_facts(
            shown,
            model="Version",
            version_digest="Artefact, SHA-256",
            bundle_digest="Bundle, SHA-256",
            policy_digest="Policy, SHA-256",
        ),
        outcome=_outcome(shown),
        proof=_proof(visit, identifier, shown["proof"]),
    )


def _model(visit: Visit, endpoint: str) -> str:
    try:
        return visit.app.store.get(Endpoint, endpoint).model
    except NotFound:
        return endpoint


def _sentence(shown: Mapping[str, Any], version: str) -> str:
    if fallback := shown.get("fallback"):
        return (
            f"A fallback answered {output(shown.get('output'))} in the model's place: {fallback}."
        )
    score = shown.get("score")
    by = f" with score {score:.3f}" if isinstance(score, float) else ""
    arm = shown.get("arm")
    where = f", as the {arm}" if arm and arm != "champion" else ""
    known = shown["proof"]["state"] == "proven"
    tail = "; it stands in the audit log" if known else ""
    return f"{version} answered {output(shown.get('output'))}{by}{where}{tail}."


def _inputs(shown: Mapping[str, Any]) -> tuple[InputValue, ...]:
    rows: list[InputValue] = []
    for name, value in (shown.get("input") or {}).items():
        text, form = output(value), "plain"
        if isinstance(value, str) and value.startswith("token:"):
            text, form = value[6:22], "token"
        elif isinstance(value, str) and value.startswith("digest:"):
            text, form = value.rsplit(":", 1)[-1][:16], "digest"
        rows.append(InputValue(name=name, value=text, form=form))
    for path in shown.get("erased") or {}:
        if path.startswith("input."):
            rows.append(InputValue(name=path[6:], value="", form="erased"))
    return tuple(rows)


def _facts(shown: Mapping[str, Any], **names: str) -> tuple[Fact, ...]:
    found: list[Fact] = []
    for key, name in names.items():
        value = shown.get(key)
        if value is None:
            continue
        text = output(value)
        mono = key.endswith("digest") or key in ("unit", "subject", "trace_id", "endpoint")
        if key.endswith("digest"):
            text = text.removeprefix("sha256:")
        if key == "arm_probability":
            text = share(float(value))
        href = ""
        if key == "model":
            model, _, at = text.partition("@")
            href = paths.version(model, at)
        found.append(Fact(name=name, value=text, mono=mono, href=href))
    return tuple(found)


def _outcome(shown: Mapping[str, Any]) -> tuple[Fact, ...]:
    found: list[Fact] = []
    outcomes = shown.get("outcomes") or []
    for i, told in enumerate(outcomes):
        right = output(shown.get("output")) == str(told["label"])
        word = Status("good", "as predicted") if right else Status("warning", "not as predicted")
        when = datetime.fromisoformat(told["time"])
        name = "Label" if i == len(outcomes) - 1 else "Label, corrected since"
        value = f"{told['label']}, observed {when:%Y-%m-%d %H:%M}"
        found.append(Fact(name=name, value=value, status=word))
    after = _facts(
        shown,
        action="Action",
        override="Override",
        override_reason="Why",
        reviewer="Reviewer",
        notice="Notice",
    )
    return (*found, *after)


def _proof(visit: Visit, identifier: str, placed: Mapping[str, Any]) -> views.Proof | None:
    """The proof of the entry that sealed the decision's segment, and the place within it."""
    if placed["state"] != "proven":
        return None
    app, index = visit.app, int(placed["entry"])
    try:
        sealed = app.store.audit.entries(index, 1)
        shown = entry_proof(app, index, canonical(sealed[0]))
    except (SeawallError, IndexError):
        return None
    of, position = int(placed["of"]), int(placed["position"])
    sentence = (
        f"It is leaf {position:,} of the {of:,} decisions in segment {placed['segment']}, whose "
        f"Merkle root stands in entry {index:,} of the audit log. {shown.sentence}"
    )
    return views.Proof(
        status=shown.status,
        sentence=sentence,
        index=shown.index,
        size=shown.size,
        leaf=shown.leaf,
        root=shown.root,
        path=shown.path,
        command=f"seawall audit prove {identifier} --out proof.json"
        if visit.may(Permission.READ_AUDIT)
        else "",
    )
