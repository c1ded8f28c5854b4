"""Capture where a model comes from while it is trained, and register what came out.

with seawall.training_run("income", client, data={"train": table}, parameters=p) as run:
    model = HistGradientBoostingClassifier(**p).fit(X, y)
    run.save(model, table, features=names, label="employed")
print(run.version)
"""

from __future__ import annotations

import io
import os
import platform
import subprocess
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.kernel import (
    BadInput,
    Clock,
    NotFound,
    SystemClock,
    convert,
    nearest,
    now,
    to_builtins,
    to_json,
)
from seawall.registry.provenance import DataSet, Provenance
from seawall.sdk.client import Client
from seawall.sdk.datasets import Table, describe
from seawall.serving.output import Label, Output
from seawall.serving.reviewed import ReviewedSignature
from seawall.serving.signature import Signature
from seawall.statistics.summary import ColumnSummary

if TYPE_CHECKING:
    from seawall.adapters.runtimes import LoadedModel

PARITY_ROWS = 2_000


class TrainingRun:
    """One run in progress: note metrics, save the model; `version` names it once registered."""

    def __init__(
        self,
        model: str,
        client: Client,
        datasets: dict[str, DataSet],
        parameters: Mapping[str, Any],
        started: datetime,
    ) -> None:
        self.model = model
        self.version = ""
        self._client, self._datasets, self._started = client, datasets, started
        self._parameters = dict(parameters)
        self._metrics: dict[str, float] = {}
        self._saved: dict[str, Any] | None = None
        self._commit, self._dirty = _git()  # of the code that is about to run

    def log(self, **metrics: float) -> None:
        """Note metrics as the author saw them; they describe, they never decide."""
        self._metrics |= {name: float(value) for name, value in metrics.items()}

    def save(
        self,
        estimator: Any,
        data: Table,
        *,
        features: Sequence[str],
        label: str,
        protected: Sequence[str] = (),
        ranges: Mapping[str, tuple[float, float]] | None = None,
        positive: Label | None = None,
    ) -> None:
        """Convert the estimator, infer its signature and baseline from the data, and upload all.

        `features` are the model's inputs in order; `protected` columns are no inputs, but their
        distribution belongs to the baseline so that fairness can be watched. `positive` is the
        class whose probability is the score, by default the estimator's last.
        """
        from seawall.adapters.tables import read_table
        from seawall.sdk.export import export

        columns = read_table(data, [*features, *protected, label])
        rows = _parity_rows(np.column_stack([columns[name] for name in features]))
        exported = export(estimator, rows, names=features, positive=positive)
        self.save_artefact(
            exported.artefact,
            columns,
            features=features,
            label=label,
            protected=protected,
            ranges=ranges,
        )
        assert self._saved is not None
        parity = parity_bytes(exported.sample, exported.scores)
        self._saved["objects"] |= {
            "parity": self._client.put_object(parity),
            "conversion": self._client.put_object(to_json(exported.conversion)),
        }

    def save_artefact(
        self,
        artefact: bytes,
        columns: Mapping[str, NDArray[Any]],
        *,
        features: Sequence[str],
        label: str,
        protected: Sequence[str] = (),
        ranges: Mapping[str, tuple[float, float]] | None = None,
        format: str = "onnx",  # noqa: A002 -- what the registry calls it
    ) -> None:
        """Upload an artefact with its signature, and the baseline of these columns.

        `format` is `onnx`, or that of a library whose models a worker serves (`xgboost`,
        `lightgbm`, `skops`), or `remote` for the bytes of a `RemoteServer`.

        The signature is the one declared for the model (`seawall apply`), if there is one, else it
        is inferred: `ranges` are what a person who knows the data says of a field's least and
        greatest value; without them what training saw is all that is allowed.
        """
        from seawall.sdk.remote import load_model
        from seawall.serving.signature import infer_signature
        from seawall.statistics.counting import summarise_table
        from seawall.statistics.grid import make_grid
        from seawall.statistics.score import summarise_scores

        watched = {name: columns[name] for name in (*features, *protected)}
        baseline = summarise_table(
            watched, {name: make_grid(values) for name, values in watched.items()}
        )
        declared = self._declared(features, ranges)
        inferred = infer_signature({n: columns[n] for n in features})
        signature = declared or _reviewed(inferred, ranges or {})
        model, put = load_model(artefact, format, signature), self._client.put_object
        objects = {"signature": put(to_json(signature)), "baseline": put(baseline.to_bytes())}
        objects["output"] = put(to_json(model.output))
        rows = _matrix(columns, features)
        if model.output.kind == "binary":
            true = _is_positive(columns[label], model.output)
            summary = summarise_scores(model.scores(rows), true)
            objects["baseline_scores"] = put(summary.to_bytes())
        else:
            objects["baseline_answers"] = put(_answers(model, rows).to_bytes())
        self._saved = {
            "artefact": {
                "digest": put(artefact),
                "format": format,
                "size": len(artefact),
                "name": f"{self.model}.{format}",
            },
            "objects": objects,
        }

    def _declared(
        self, features: Sequence[str], ranges: Mapping[str, tuple[float, float]] | None
    ) -> Signature | None:
        """The signature that was reviewed and applied for the model; it must name the features."""
        try:
            document = self._client.get(f"/declared/Signature/{quote(self.model, safe='')}")[0]
        except NotFound:
            return None
        signature = convert(document, ReviewedSignature).signature
        where = f"the signature declared for {self.model}"
        if ranges:
            raise BadInput("ranges are given beside a signature", where=where,
                           remedy="say them there, and apply it")  # fmt: skip
        if signature.names != tuple(features):
            odd = sorted(set(signature.names) ^ set(features))
            what = f"the features differ in {', '.join(odd)}" if odd else "the features' order"
            raise BadInput(f"{what} from those declared", where=where,
                           remedy="change it and apply it, or train on its fields in its order",
                           )  # fmt: skip
        return signature

    def register(self, finished: datetime) -> None:
        """Register what was saved, with its provenance; called on leaving the context."""
        if self._saved is None:
            raise BadInput(
                f"the training run of {self.model!r} saved nothing",
                remedy="call run.save(estimator, …) before the block ends",
            )
        provenance = Provenance(
            author="",  # the control plane writes the identity that it has proven
            datasets={role: data.digest for role, data in self._datasets.items()},
            commit=self._commit,
            dirty=self._dirty,
            command=(Path(sys.argv[0]).name, *sys.argv[1:]),
            parameters=self._parameters,
            packages=_packages(),
            environment={
                "python": platform.python_version(),
                "platform": platform.platform(),
                "cpus": str(os.cpu_count() or 0),
            },
            started=self._started,
            finished=finished,
            metrics=self._metrics,
        )
        body = self._saved | {
            "provenance": to_builtins(provenance),
            "datasets": [to_builtins(data) for data in self._datasets.values()],
        }
        answer = self._client.post(f"/models/{self.model}/versions", to_builtins(body))
        self.version = answer["version"]


@contextmanager
def training_run(
    model: str,
    client: Client,
    *,
    data: Mapping[str, Table | str | Path | DataSet],
    parameters: Mapping[str, Any] | None = None,
    clock: Clock | None = None,
) -> Generator[TrainingRun]:
    """Capture one training: data by digest, commit, parameters, packages, times, identity.

    `data` maps a role ("train", "test", …) to a table, a file or an already described `DataSet`.
    When the block ends well the version is registered and `run.version` names it; when it raises,
    nothing is registered.
    """
    ticking = clock or SystemClock()
    datasets = {
        role: given if isinstance(given, DataSet) else describe(given, name=role)
        for role, given in data.items()
    }
    run = TrainingRun(model, client, datasets, parameters or {}, now(ticking))
    yield run
    run.register(now(ticking))


def _reviewed(signature: Signature, ranges: Mapping[str, tuple[float, float]]) -> Signature:
    if unknown := [name for name in ranges if name not in signature.names]:
        raise BadInput(f"no field {unknown[0]!r}", remedy=nearest(unknown[0], signature.names))
    change = msgspec.structs.replace
    return Signature(
        tuple(
            change(f, minimum=ranges[f.name][0], maximum=ranges[f.name][1])
            if f.name in ranges
            else f
            for f in signature.fields
        )
    )


def _matrix(columns: Mapping[str, NDArray[Any]], features: Sequence[str]) -> NDArray[np.float32]:
    return np.column_stack([columns[name] for name in features]).astype(np.float32)


def _answers(model: LoadedModel, rows: NDArray[np.float32]) -> ColumnSummary:
    """What the model says of its training data: how often each class, or which values."""
    from seawall.serving.counted import grid_of
    from seawall.statistics.counting import summarise
    from seawall.statistics.grid import make_grid

    if model.output.kind == "regression":
        values = model.scores(rows)
        return summarise(values, make_grid(values, "numeric"))
    names = tuple(map(str, model.output.classes))
    called = np.argmax(model.columns(rows), axis=1)
    return summarise((called, names), grid_of(model.output, None))


def _is_positive(labels: NDArray[Any], output: Output) -> NDArray[Any]:
    """Whether each row is of the class that the score is the probability of."""
    if output.classes in ((), (0, 1)) and output.positive in (None, 1):
        return labels
    return labels == output.classes[output.column]


def _parity_rows(matrix: NDArray[Any]) -> NDArray[Any]:
    """Some of the rows, evenly spread, and for each field one without a value where there is one.

    In double precision as the table is, so that what single precision loses is seen.
    """
    matrix = matrix.astype(np.float64)
    chosen = np.arange(0, len(matrix), max(1, len(matrix) // PARITY_ROWS))[:PARITY_ROWS]
    gaps = np.isnan(matrix)
    first = np.argmax(gaps, axis=0)[gaps.any(axis=0)]
    return matrix[np.union1d(chosen, first)]


def parity_bytes(sample: np.ndarray, scores: np.ndarray) -> bytes:
    """The parity sample as one `.npz`: float32 rows and the original's float64 scores."""
    sink = io.BytesIO()
    np.savez_compressed(sink, sample=sample, scores=scores)
    return sink.getvalue()


def _git() -> tuple[str, bool | None]:
    """The commit of the code being run and whether it has uncommitted changes."""

    def ask(*words: str) -> str:
        found = subprocess.run(  # noqa: S603 -- fixed words, no shell
            ["git", *words],  # noqa: S607 -- whichever git the author uses
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
        return found.stdout.strip()

    try:
        return ask("rev-parse", "HEAD"), bool(ask("status", "--porcelain"))
    except (OSError, subprocess.SubprocessError):
        return "", None


def _packages() -> dict[str, str]:
    from importlib.metadata import distributions

    found = {d.metadata["Name"]: d.version for d in distributions() if d.metadata["Name"]}
    return dict(sorted(found.items()))
