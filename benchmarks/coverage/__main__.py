"""`python -m benchmarks.coverage SUBJECT`: how often intervals hold the truth, as one table.

In per cent, nominal 95: for each measure and size the mean over the cases, and the least of them.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from importlib import import_module

from benchmarks.coverage import drift
from benchmarks.coverage.missed import Missed, gather

SUBJECTS = (
    "calibration", "classes", "decisions", "drift", "estimated", "fairness", "labels", "losses",
    "pairs", "quality", "regression", "segments",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.coverage", description=__doc__)
    parser.add_argument("subject", choices=SUBJECTS)
    parser.add_argument("--runs", type=int, help="of each case and size; each subject has its own")
    parser.add_argument("--json", action="store_true", help="every case as JSON lines instead")
    options = parser.parse_args()
    module = import_module(f"benchmarks.coverage.{options.subject}")
    runs = options.runs or module.RUNS
    if module is drift:
        drift.report(runs, lines_only=options.json)
        return
    found = gather(options.subject, module, runs)
    if options.json:
        print("\n".join(json.dumps(line._asdict()) for line in found))
    else:
        show(found, tuple(module.COLUMNS), getattr(module, "BY_CASE", False))


def show(found: list[Missed], columns: tuple[str, ...], by_case: bool) -> None:
    """One row for each measure: by size over all cases, or by case with the sizes in a cell."""
    rows: dict[str, dict[str, list[Missed]]] = defaultdict(lambda: defaultdict(list))
    for m in found:
        rows[m.measure][m.case if by_case else m.column].append(m)
    cases = tuple(dict.fromkeys(m.case for m in found))
    heads = [" · ".join(columns), *cases] if by_case else ["measure", *columns, "least at"]
    print("| " + " | ".join(heads) + " |")
    print("|---|" + "--:|" * (len(heads) - 1 - (not by_case)) + "---|" * (not by_case))
    for measure, cells in rows.items():
        if by_case:
            told = [_each(cells[case], columns) for case in cases]
        else:
            least = min((m for part in cells.values() for m in part), key=_held)
            told = [_mean(cells[c]) for c in columns] + [f"{least.case}, {least.column}"]
        print("| " + " | ".join([measure, *told]) + " |")


def _each(part: list[Missed], columns: tuple[str, ...]) -> str:
    at = {m.column: f"{_held(m):.1f}" for m in part}
    return " · ".join(at.get(c, "") for c in columns)


def _held(m: Missed) -> float:
    return 100 * (1 - (m.over + m.under) / m.runs)


def _mean(part: list[Missed]) -> str:
    held = [_held(m) for m in part]
    return f"{sum(held) / len(held):.1f} ({min(held):.1f})" if held else ""


if __name__ == "__main__":
    main()
