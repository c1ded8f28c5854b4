"""`python -m benchmarks.power SUBJECT`: how often verdicts fail at, and beyond, their tolerance."""

from __future__ import annotations

import argparse

from benchmarks.power import calibration, drift, fairness, monitors

SUBJECTS = {"calibration": calibration, "drift": drift, "fairness": fairness,
            "monitors": monitors}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.power", description=__doc__)
    parser.add_argument("subject", choices=SUBJECTS)
    parser.add_argument("--runs", type=int, help="of each case; each subject has its own")
    options = parser.parse_args()
    subject = SUBJECTS[options.subject]
    subject.report(options.runs or subject.RUNS)


if __name__ == "__main__":
    main()
