"""`python -m benchmarks.census`: estimates without labels on real people, and what then came.

Half of 2015 trains the model of the README's tour, the other half is the reference. First chunks of
1,000 people in random order, from the reference split in two and from later years; then inputs
shifted by drawing people of 2015 again by their age or schooling, whose labels are known.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from sklearn.linear_model import LogisticRegression

from seawall.kernel import Estimate
from seawall.sdk.estimate import estimate

FEATURES = ("AGEP", "SCHL", "DIS", "SEX", "MAR", "NATIVITY")
SHOWN = ("accuracy", "precision", "recall", "f1", "roc_auc")
SHIFTS = {
    "none": lambda t: np.ones(len(t["AGEP"])),
    "younger": lambda t: np.exp(-(t["AGEP"] - 16) / 20.0),
    "older": lambda t: np.exp((t["AGEP"] - 90) / 20.0),
    "working age": lambda t: np.where((t["AGEP"] > 24) & (t["AGEP"] < 60), 4.0, 1.0),
    "educated": lambda t: np.where(t["SCHL"] > 20, 4.0, 1.0),
}
Table = dict[str, Any]


def people() -> tuple[Table, dict[int, Table]]:
    """The reference, and each later year, all scored."""
    table = pq.read_table(str(files("seawall") / "data" / "acs_employment_ma.parquet"))
    columns = {name: table[name].to_numpy() for name in (*FEATURES, "employed", "year")}
    rng = np.random.default_rng(0)
    order = rng.permutation(table.num_rows)
    columns = {name: values[order] for name, values in columns.items()}
    first = np.flatnonzero(columns["year"] == 2015)
    train, known = first[: len(first) // 2], first[len(first) // 2 :]
    inputs = np.column_stack([np.minimum(columns["AGEP"], 66), columns["SCHL"], columns["DIS"]])
    model = LogisticRegression(max_iter=1_000)
    model.fit(inputs[train], columns["employed"][train])
    columns["score"] = model.predict_proba(inputs)[:, 1]
    years = {y: np.flatnonzero(columns["year"] == y) for y in (2016, 2017, 2018)}
    return taken(columns, known), {y: taken(columns, at) for y, at in years.items()}


def taken(table: Table, rows: Any) -> Table:
    return {name: values[rows] for name, values in table.items()}


def chunks(reference: Table, current: Table, size: int, features: tuple[str, ...] = ()) -> Any:
    """Each chunk's estimates beside what was realised."""
    names = [*dict.fromkeys(("employed", "score", *features))]
    parts = ({name: table[name] for name in names} for table in (reference, current))
    found = estimate(
        *parts, label="employed", score="score", features=features, chunk_size=size
    ).to_dict()
    return [c for c in found["chunks"] if "realised" in c]


def held(found: Any, name: str) -> Iterator[tuple[bool, float]]:
    """Whether the interval held what was realised, and estimated − realised."""
    for chunk in found:
        e, r = chunk["measures"][name], chunk["realised"][name]
        real: float = r["value"] if isinstance(r, dict) else r
        given = Estimate(**e)
        yield given.low <= real <= given.high, given.value - real


def main() -> None:
    known, later = people()
    half = len(known["score"]) // 2
    pairs = [("half of 2015 → its other half", taken(known, slice(half)),
              taken(known, slice(half, None)))]  # fmt: skip
    pairs += [(f"2015 → {year}", known, table) for year, table in later.items()]
    print("| reference → current | chunks | " + " | ".join(SHOWN) + " |")
    print("|---|--:|" + "--:|" * len(SHOWN))
    for name, reference, current in pairs:
        found = chunks(reference, current, 1_000)
        cells = [
            f"{np.mean([h for h, _ in told]):.2f} ({np.mean([off for _, off in told]):+.3f})"
            for told in ([*held(found, measure)] for measure in SHOWN)
        ]
        print(f"| {name} | {len(found)} | {' | '.join(cells)} |")
    print("\n| shift | " + " | ".join(f"{m}, {w}" for m in ("recall", "roc_auc")
                                      for w in ("CBPE", "corrected")) + " |")  # fmt: skip
    print("|---|--:|--:|--:|--:|")
    reference, pool = taken(known, slice(half)), taken(known, slice(half, None))
    rng = np.random.default_rng(1)
    for name, weight in SHIFTS.items():
        w = weight(pool)
        drawn = taken(pool, rng.choice(len(w), 20_000, p=w / w.sum()))
        ways = [chunks(reference, drawn, 2_000, f) for f in ((), FEATURES)]
        told = [[*held(found, m)] for m in ("recall", "roc_auc") for found in ways]
        cells = [f"{np.mean([abs(o) for _, o in t]):.3f} ({sum(h for h, _ in t)})" for t in told]
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
