"""A registered version as it is measured: its model, its fields, and what it says of a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.kernel import BadInput, from_json, nearest
from seawall.registry.version import Version
from seawall.sdk.candidate import version_output
from seawall.sdk.client import Client
from seawall.serving.output import Output
from seawall.serving.signature import Signature
from seawall.serving.validate import Validator, Violation
from seawall.statistics.column import Column, encode, placed
from seawall.statistics.score import UNLABELLED, label_codes

if TYPE_CHECKING:
    from seawall.adapters.runtimes import LoadedModel

Vector = NDArray[np.float64]


class Subject(msgspec.Struct, frozen=True, eq=False):
    """A version's model, ready to be asked as it is served."""

    version: Version
    model: LoadedModel | Any
    output: Output
    signature: Signature

    def inputs(
        self, columns: Mapping[str, Column]
    ) -> tuple[NDArray[np.float32], tuple[Violation, ...]]:
        """A table's rows as the model gets them, and what of them breaks the signature."""
        inputs: Any = {name: columns[name] for name in self.signature.names}
        checked = Validator(self.signature).columns(inputs, len(next(iter(inputs.values()))))
        return checked.matrix.astype(np.float32), checked.violations

    def says(self, matrix: NDArray[np.float32]) -> Vector:
        """Scores or values of n rows, of several classes n × classes."""
        several = self.output.kind == "multiclass"
        return self.model.columns(matrix) if several else self.model.scores(matrix)

    def calls(self, said: Vector, threshold: float) -> Vector:
        """What is decided by what was said: 0 or 1, the place of a class, a value; NaN for none."""
        if self.output.kind == "regression":
            return np.where(np.isfinite(said), said, np.nan)
        if self.output.kind == "binary":
            return np.where(np.isnan(said), np.nan, (said >= threshold).astype(np.float64))
        silent = np.isnan(said).any(axis=1)
        return np.where(silent, np.nan, np.argmax(np.nan_to_num(said, nan=-1.0), axis=1))


def subject_of(client: Client, version: Version) -> Subject:
    """A version's model with its registered signature and kind."""
    from seawall.sdk.remote import load_model

    signature = from_json(client.get_object(version.objects["signature"]), Signature)
    artefact = client.get_object(version.artefact.digest)
    model = load_model(artefact, version.artefact.format, signature)
    output = version_output(client, version) or model.output
    return Subject(version, model, output, signature)


def labels(output: Output, column: Column, where: str) -> Vector:
    """A label's column as `Subject.calls` says it; raises `BadInput` for what is no label."""
    if output.kind == "regression":
        if isinstance(column, tuple) or column.dtype.kind not in "iufb":
            raise BadInput("numbers are expected, not text", where=where)
        return np.ma.filled(column.astype(np.float64), np.nan)
    names = [str(c) for c in output.classes]
    if output.kind == "binary" and not (names and _named(column, names)):
        codes = label_codes(column)
        return np.where(codes == UNLABELLED, np.nan, codes.astype(np.float64))
    strange = sorted(set(encode(column)[1]) - set(names))
    if strange:
        raise BadInput(
            f"{strange[0]!r} is no class of the model", where=where,
            remedy=nearest(strange[0], tuple(names)),
        )  # fmt: skip
    places = placed(column, {name: at for at, name in enumerate(names)}).astype(np.float64)
    places[places < 0] = np.nan
    if output.kind == "multiclass":
        return places
    return np.where(np.isnan(places), np.nan, places == output.column % len(names))


def _named(column: Column, names: list[str]) -> bool:
    """Whether a label of two classes is told in their own names, which are not 0 and 1."""
    return not {"0", "1"} >= set(names) and set(encode(column)[1]) <= set(names)
