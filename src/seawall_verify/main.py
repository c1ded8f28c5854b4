"""The command `seawall-verify`."""

from __future__ import annotations

import argparse
import json
import sys
import traceback
from pathlib import Path
from typing import Any

from seawall_verify.decision import DecisionReport, verify_decision
from seawall_verify.log import verify
from seawall_verify.report import Malformed, Report

SHOWN = 40


def run() -> None:
    """Run the command: exit 0 when all holds, 1 when not, 2 for bad input, 70 for our own error."""
    try:
        sys.exit(main(sys.argv[1:]))
    except Malformed as error:
        sys.stderr.write(f"seawall-verify: {error}\n")
        sys.exit(2)
    except Exception:  # noqa: BLE001 -- the outermost frame: a crash must not read as a verdict
        traceback.print_exc()
        sys.exit(70)


def main(arguments: list[str]) -> int:
    """Verify what the arguments name and print the reports; returns the exit status."""
    options = _parser().parse_args(arguments)
    if options.log is None and options.decision is None:
        raise Malformed("name the folder of a log, or a decision proof with --decision")
    if options.since is not None and options.log is None:
        raise Malformed("--since compares with a log; name its folder")
    key = _key(options.key)
    reports: dict[str, Report | DecisionReport] = {}
    if options.log is not None:
        since = _read(options.since) if options.since else None
        reports["log"] = verify(options.log, key, since=since)
    if options.decision is not None:
        reports["decision"] = verify_decision(_read(options.decision), key)
    if options.json:
        shapes = {name: report.to_dict() for name, report in reports.items()}
        sys.stdout.write(json.dumps(shapes, indent=2) + "\n")
    else:
        for report in reports.values():
            lines = _log_lines(report) if isinstance(report, Report) else _decision_lines(report)
            sys.stdout.write("\n".join(lines) + "\n")
    return 0 if all(report.ok for report in reports.values()) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="seawall-verify",
        description="Verify an audit log, or the proof of one decision, without Seawall.",
        epilog="Exit status: 0 all holds, 1 something was altered, 2 bad input, 70 own error.",
    )
    parser.add_argument("log", nargs="?", help="the log's folder, or its http(s) address")
    parser.add_argument("--key", required=True, help="the verifier key, or a file that holds it")
    parser.add_argument("--decision", type=Path, metavar="FILE", help="the proof of a decision")
    parser.add_argument("--since", type=Path, metavar="FILE", help="an older checkpoint you kept")
    parser.add_argument("--json", action="store_true", help="print the reports as JSON")
    return parser


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise Malformed(f"{file} cannot be read: {error.strerror}") from None


def _key(text: str) -> str:
    """The key itself has two plus signs; anything else names a file."""
    if text.count("+") >= 2 and not Path(text).is_file():
        return text
    return _read(Path(text)).decode(errors="replace")


def _log_lines(report: Report) -> list[str]:
    lines = [
        f"log       {report.origin}, {report.size:,} entries",
        f"root      {report.root or 'not signed'}",
        f"signer    {report.signer}",
    ]
    if report.ok:
        lines.append(f"pass      all {report.files:,} files agree with the signed checkpoint")
    else:
        lines.append(f"fail      {len(report.findings):,} found")
        lines += [f"  {finding}" for finding in report.findings[:SHOWN]]
        if len(report.findings) > SHOWN:
            lines.append(f"  and {len(report.findings) - SHOWN:,} more; --json shows all")
    return lines + [f"note      {note}" for note in report.notes]


def _decision_lines(report: DecisionReport) -> list[str]:
    if report.finding is not None:
        return [f"decision  fail: {report.finding}"]
    shape: dict[str, Any] = report.to_dict()
    lines = [f"decision  {shape['values'].get('id', report.leaf)}"]
    lines += [f"  {path}: {json.dumps(value)}" for path, value in shape["values"].items()]
    if report.hidden:
        lines.append(f"  not disclosed: {', '.join(report.hidden)}")
    lines.append(f"sealed    {report.segment} at {report.sealed}")
    lines.append(
        f"pass      under entry {report.entry} of the {report.size:,} signed by {report.origin}"
    )
    return lines
