"""Measure a version for its validation plan: the evidence that the control plane judges."""

from __future__ import annotations

import io
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from seawall.kernel import (
    BadInput,
    Estimate,
    NotFound,
    convert,
    from_json,
    to_builtins,
)
from seawall.registry.provenance import DataSet
from seawall.registry.version import Version
from seawall.sdk.client import Client
from seawall.sdk.datasets import file_digest
from seawall.serving.signature import Signature
from seawall.validation.evidence import Evidence, Parity
from seawall.validation.plan import ValidationPlan

if TYPE_CHECKING:
    from seawall.adapters.runtimes import LoadedModel
    from seawall.serving.validate import Violation

LATENCY_CALLS = 2_000


def validate_version(client: Client, key: str, data: Path | None = None) -> dict[str, Any]:
    """Gather a version's evidence on a table and hand it in; returns the control plane's report.

    Without `data` the hold-out that was named at training is used, if it is still the same file.
    """
    version = convert(client.get(f"/versions/{key}")["version"], Version)
    declared = client.get(f"/versions/{key}/plan")
    plan = convert(declared["plan"], ValidationPlan)
    path = data or _holdout(client, version)
    evidence = gather(client, version, plan, path)
    body = {"plan": declared["digest"], "evidence": to_builtins(evidence)}
    return client.post(f"/versions/{key}/evidence", body)


def gather(client: Client, version: Version, plan: ValidationPlan, path: Path) -> Evidence:
    """Everything that the plan's rules are judged on, measured with the deployed artefact."""
    from seawall.adapters.tables import read_table
    from seawall.sdk.remote import load_model
    from seawall.serving.validate import Validator
    from seawall.statistics.score import summarise_scores
    from seawall.validation.measure import measure

    signature_digest = version.objects["signature"]
    signature = from_json(client.get_object(signature_digest), Signature)
    artefact = client.get_object(version.artefact.digest)
    model = load_model(artefact, version.artefact.format, signature)
    grouped = sorted({column for group in plan.groups for column in group.columns})
    columns = read_table(path, [*signature.names, *grouped, plan.label])
    inputs = {name: columns[name] for name in signature.names}
    rows = len(next(iter(inputs.values())))
    checked = Validator(signature).columns(inputs, rows)
    matrix = checked.matrix.astype(np.float32)
    scores = model.scores(matrix)
    summary = summarise_scores(
        scores,
        columns[plan.label],
        {name: columns[name] for name in grouped},
        intersections=[g.columns for g in plan.groups if len(g.columns) > 1],
    )
    measured = measure(summary, plan)
    return Evidence(
        data=file_digest(path),
        rows=rows,
        estimates=measured.estimates,
        corrected=measured.corrected,
        small=measured.small,
        groups=measured.groups,
        reliability=measured.reliability,
        parity=_parity(client, version, model),
        latency=_latency(model, matrix, plan.latency_quantile),
        signature=signature_digest,
        violations=dict(_by_field(checked.violations)),
    )


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


def _parity(client: Client, version: Version, model: LoadedModel) -> Parity | None:
    """The largest difference between the artefact's scores and the original's, on its sample."""
    stored = version.objects.get("parity")
    if stored is None:
        return None
    with np.load(io.BytesIO(client.get_object(stored)), allow_pickle=False) as sample:
        rows, told = sample["sample"], sample["scores"]
    largest = float(np.max(np.abs(model.scores(rows) - told)))
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
