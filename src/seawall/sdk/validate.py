"""Measure a version for its validation plan: the evidence that the control plane judges."""

from __future__ import annotations

import io
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from seawall.kernel import BadInput, Estimate, NotFound, convert, to_builtins
from seawall.registry.provenance import DataSet
from seawall.registry.version import Version
from seawall.sdk.champion import beside
from seawall.sdk.client import Client
from seawall.sdk.datasets import file_digest
from seawall.sdk.replay_gathered import replayed
from seawall.sdk.stability import stability
from seawall.sdk.subject import Subject, labels, subject_of
from seawall.statistics.column import Column
from seawall.validation.evidence import Evidence, Parity
from seawall.validation.measure import Measured
from seawall.validation.plan import ValidationPlan

if TYPE_CHECKING:
    from seawall.adapters.runtimes import LoadedModel
    from seawall.serving.validate import Violation

LATENCY_CALLS = 2_000


def validate_version(
    client: Client,
    key: str,
    data: Path | None = None,
    state: Path | None = None,
    table: str | None = None,
) -> dict[str, Any]:
    """Gather a version's evidence on a table and hand it in; returns the control plane's report.

    Without `data` the hold-out that was named at training is used, if it is still the same file.
    `state` is the folder of a gateway's state and `table` its log, for a plan that asks for a
    replay.
    """
    version = convert(client.get(f"/versions/{key}")["version"], Version)
    declared = client.get(f"/versions/{key}/plan")
    plan = convert(declared["plan"], ValidationPlan)
    path = data or _holdout(client, version)
    evidence = gather(client, version, plan, path, champion=declared.get("champion") or "")
    if plan.replay is not None and state is not None:
        evidence = replayed(evidence, client, version, plan.replay, state, table)
    body = {"plan": declared["digest"], "evidence": to_builtins(evidence)}
    return client.post(f"/versions/{key}/evidence", body)


def gather(
    client: Client, version: Version, plan: ValidationPlan, path: Path, champion: str = ""
) -> Evidence:
    """Everything that the plan's rules are judged on, measured with the deployed artefact.

    `champion` is the version that serves, to be compared where the plan asks for it.
    """
    from seawall.adapters.tables import read_table

    subject = subject_of(client, version)
    other = _champion(client, plan, version, champion)
    grouped = sorted({column for group in plan.groups for column in group.columns})
    fields = [*subject.signature.names, *(other.signature.names if other else ())]
    columns = read_table(path, list(dict.fromkeys([*fields, *grouped, plan.label])))
    matrix, violations = subject.inputs(columns)
    label = labels(subject.output, columns[plan.label], f"{path.name}, column {plan.label}")
    said = subject.says(matrix)
    measured = _measure(subject, label, said, {n: columns[n] for n in grouped}, plan)
    estimates, corrected = stability(subject, matrix, label, said, plan)
    if other is not None:
        theirs = other.says(other.inputs(columns)[0])
        estimates |= beside(subject, label, said, theirs, plan)
    return Evidence(
        data=file_digest(path),
        rows=len(matrix),
        estimates=measured.estimates | estimates,
        corrected=measured.corrected | corrected,
        small=measured.small,
        groups=measured.groups,
        reliability=measured.reliability,
        parity=_parity(client, version, subject),
        latency=_latency(subject.model, matrix, plan.latency_quantile),
        signature=version.objects["signature"],
        violations=dict(_by_field(violations)),
        task=subject.output.kind,
        confusion=measured.confusion,
        champion=(other.version.key if other else "") if plan.champion else None,
    )


def _measure(
    subject: Subject,
    label: NDArray[np.float64],
    said: NDArray[np.float64],
    groups: Mapping[str, Column],
    plan: ValidationPlan,
) -> Measured:
    from seawall.statistics.score import summarise_scores
    from seawall.validation.measure import measure
    from seawall.validation.measure_classes import measure_classes
    from seawall.validation.measure_values import measure_values

    if subject.output.kind == "regression":
        return measure_values(label, said, groups, plan)
    if subject.output.kind == "multiclass":
        codes = np.where(np.isnan(label), -1, label).astype(np.int64)
        classes = tuple(map(str, subject.output.classes))
        return measure_classes(classes, codes, said, groups, plan)
    intersections = [g.columns for g in plan.groups if len(g.columns) > 1]
    return measure(summarise_scores(said, label, groups, intersections=intersections), plan)


def _champion(client: Client, plan: ValidationPlan, version: Version, key: str) -> Subject | None:
    if not plan.champion or key in ("", version.key):
        return None
    return subject_of(client, convert(client.get(f"/versions/{key}")["version"], Version))


def _by_field(violations: tuple[Violation, ...]) -> Counter[str]:
    found: Counter[str] = Counter()
    for violation in violations:
        found[violation.field] += violation.count
    return found


def _holdout(client: Client, version: Version) -> Path:
    digest = version.provenance.datasets.get("holdout")
    if digest is None:
        raise BadInput(
            f"{version.key} names no hold-out", remedy="give the validation table with --data FILE"
        )
    source = convert(client.get(f"/datasets/{digest}"), DataSet).source
    path = Path(source)
    if not path.is_file() or file_digest(path) != digest:
        raise NotFound(
            f"the hold-out of {version.key} is not here as it was",
            where=source,
            remedy="give the validation table with --data FILE",
        )
    return path


def _parity(client: Client, version: Version, subject: Subject) -> Parity | None:
    """The largest difference between the artefact's scores and the original's, on its sample.

    Of several classes that of the last class's probability, which is what was kept.
    """
    stored = version.objects.get("parity")
    if stored is None:
        return None
    with np.load(io.BytesIO(client.get_object(stored)), allow_pickle=False) as sample:
        rows, told = sample["sample"], sample["scores"]
    largest = float(np.max(np.abs(subject.model.scores(rows) - told)))
    return Parity(largest, len(rows))


def _latency(model: LoadedModel, matrix: NDArray[np.float32], quantile: float) -> Estimate | None:
    """One-row latency at a quantile, with the interval that order statistics give (binomial)."""
    if not len(matrix):
        return None
    spent = np.empty(LATENCY_CALLS)
    for i in range(LATENCY_CALLS):
        row = matrix[i % len(matrix)][None, :]
        began = time.perf_counter()
        model.scores(row)
        spent[i] = (time.perf_counter() - began) * 1e3
    spent.sort()
    at, spread = quantile * LATENCY_CALLS, 1.96 * (LATENCY_CALLS * quantile * (1 - quantile)) ** 0.5
    low, high = max(0, int(at - spread)), min(LATENCY_CALLS - 1, int(at + spread) + 1)
    return Estimate(
        value=float(spent[int(at)]),
        low=float(spent[low]),
        high=float(spent[high]),
        confidence=0.95,
        n=LATENCY_CALLS,
        method=f"order statistics of {LATENCY_CALLS:,} one-row calls, milliseconds",
    )
