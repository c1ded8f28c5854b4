"""A trained estimator as an artefact that carries no code, and the proof that it answers alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.kernel import BadInput
from seawall.sdk.conversion import to_onnx
from seawall.sdk.original import answers, output_of
from seawall.sdk.stressed_rows import Stressed, stressed_rows
from seawall.serving.output import Label, Output

TOLERANCE = 1e-5
"""How far a probability may be from the original's; a value, by this much of its own size."""
MERGED = 0.01
"""The share of a column's values, and of the rows, that may need digits beyond single precision."""


class Conversion(msgspec.Struct, frozen=True, kw_only=True):
    """What the comparison of the original and its conversion found, kept with the version.

    `largest` is the largest difference, over `sample` rows of the sample and `stressed` ones, in
    the row that `where` tells. `rounded` counts the rows of the sample whose answer by the original
    differs by more than the tolerance once their values are in single precision.
    """

    converter: str
    output: Output
    tolerance: float
    largest: float
    where: str
    sample: int
    stressed: int
    rounded: int


class Exported(msgspec.Struct, frozen=True):
    """The artefact's bytes and format, with the original's scores on the parity sample."""

    artefact: bytes
    format: str
    sample: NDArray[np.float32]
    """The rows compared: those given, then the stressed ones."""
    scores: NDArray[np.float64]
    conversion: Conversion


def export(
    estimator: Any,
    sample: NDArray[Any],
    *,
    names: Sequence[str] = (),
    positive: Label | None = None,
) -> Exported:
    """Convert a fitted classifier or regression to ONNX, and compare the two.

    Takes scikit-learn's estimators and those of XGBoost and LightGBM, alone or as the last step of
    a pipeline. `sample` is (rows, features) in the estimator's own column order, with `names` for
    what is told; `positive` is the class whose probability is the score, by default the last.
    Raises `BadInput` for what cannot be converted, and for what answers otherwise than the original
    on a row of the sample or on one of the stressed rows made from it, naming the row.
    """
    from seawall.adapters.runtimes import load

    named = list(names) or [f"field {i}" for i in range(sample.shape[1])]
    output = output_of(estimator, positive)
    rows = _single(sample, named)
    artefact = to_onnx(estimator, rows, output)
    model: Any = load(artefact, "onnx")
    stressed = stressed_rows(artefact, rows, named)
    compared = np.vstack([rows, stressed.rows])
    told = answers(estimator, compared.astype(sample.dtype))
    found = model.columns(compared)
    if output.kind == "binary" and found.shape[1] == 1:
        raise BadInput("the conversion has one column for two classes", remedy="save ONNX bytes")
    largest, at = _compare(type(estimator).__name__, told, found, len(rows), stressed)
    conversion = Conversion(
        converter=_converter(estimator),
        output=output,
        tolerance=TOLERANCE,
        largest=largest,
        where=at,
        sample=len(rows),
        stressed=len(stressed.rows),
        rounded=_rounded(estimator, sample, rows, told[: len(rows)], named),
    )
    return Exported(artefact, "onnx", compared, told[:, output.column], conversion)


def _single(sample: NDArray[Any], names: Sequence[str]) -> NDArray[np.float32]:
    if not len(sample):
        raise BadInput("there is no row to compare the conversion on", remedy="give some data")
    with np.errstate(over="ignore"):
        rows = sample.astype(np.float32)
    if (np.isinf(rows) & np.isfinite(sample)).any():
        row, field = np.argwhere(np.isinf(rows) & np.isfinite(sample))[0]
        what = f"row {row} has a {names[field]} beyond single precision"
        raise BadInput(what, remedy="scale the column")
    return rows


def _compare(
    name: str,
    told: NDArray[np.float64],
    found: NDArray[np.float64],
    rows: int,
    stressed: Stressed,
) -> tuple[float, str]:
    """The largest difference, and where; raises `BadInput` when it is beyond the tolerance."""
    if told.shape != found.shape:
        what = f"{name} gives {told.shape[1]} columns, its conversion {found.shape[1]}"
        raise BadInput(what, remedy="convert it yourself and save the ONNX bytes")
    size = np.maximum(1.0, np.abs(told))
    known = np.isfinite(told)  # where the original overflows there is nothing to compare with
    off = np.where(known, np.abs(found - told) / np.where(known, size, 1.0), 0.0)
    off = np.where(known & ~np.isfinite(found), np.inf, off).max(axis=1)
    worst = int(np.argmax(off))
    at = f"row {worst} of the sample"
    if worst >= rows:
        at = f"a row with {stressed.why[worst - rows]}"
    if off[worst] > TOLERANCE:
        raise BadInput(
            f"{name} and its ONNX conversion differ by {off[worst]:.3g}, more than {TOLERANCE:g}, "
            f"in {int((off > TOLERANCE).sum()):,} of {len(off):,} rows",
            where=f"first by size: {at}",
            remedy="save the model in its library's own format, or without the steps before it",
        )
    return float(off[worst]), at


def _rounded(
    estimator: Any,
    sample: NDArray[Any],
    rows: NDArray[np.float32],
    told: NDArray[np.float64],
    names: Sequence[str],
) -> int:
    """How many rows the original answers otherwise in double precision.

    An estimator that was trained on single precision does so where a value lies on a split, and no
    harm is done. Where a column's values become equal, it cannot be served.
    """
    if sample.dtype == np.float32:
        return 0
    exact = answers(estimator, sample)
    off = (np.abs(exact - told) / np.maximum(1.0, np.abs(exact))).max(axis=1)
    count = int((off > TOLERANCE).sum())
    if count > MERGED * len(sample):
        for column, name in enumerate(names):
            before, after = (len(np.unique(m[:, column])) for m in (sample, rows))
            if before - after > MERGED * before:
                raise BadInput(
                    f"{count:,} of {len(sample):,} rows are answered otherwise in single precision "
                    f"(row {int(np.argmax(off))} by {off.max():.3g}): {name} has {before:,} values "
                    f"and {after:,} in single precision",
                    remedy=f"give {name} fewer digits, by an offset or a coarser unit",
                )
    return count


def _converter(estimator: Any) -> str:
    from importlib.metadata import version

    steps = [estimator, *(s for _, s in getattr(estimator, "steps", ()))]
    boosted = any(type(s).__module__.startswith(("xgboost", "lightgbm")) for s in steps)
    used = ("skl2onnx", "onnxmltools") if boosted else ("skl2onnx",)
    return ", ".join(f"{name} {version(name)}" for name in used)
