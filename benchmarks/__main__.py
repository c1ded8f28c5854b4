"""`python -m benchmarks`: one table; exit 1 when a limit is not kept."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from importlib import import_module

from benchmarks.measure import Result, Size

QUICK = (
    *("imports", "help", "wheel", "decision_log", "labels"),
    *("evaluate", "estimate", "drift", "gateway"),
)
ASKED = (
    *("demo", "drift_large", "peers", "serving_peers", "spark"),
    *("false_alarms", "sequential", "decision_find", "upstream", "replay"),
)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", action="append", choices=(*QUICK, *ASKED), default=[])
    parser.add_argument("--with", dest="also", action="append", choices=ASKED, default=[])
    parser.add_argument("--full", action="store_true", help="the sizes of the published targets")
    parser.add_argument("--json", action="store_true", help="one JSON document instead")
    options = parser.parse_args(arguments)
    results: list[Result] = []
    for name in options.only or [*QUICK, *options.also]:
        if not options.json:
            print(f"{name} …", file=sys.stderr)
        run: Callable[[Size], Iterator[Result]] = import_module(f"benchmarks.{name}").run
        results += run(Size(options.full))
    if options.json:
        print(json.dumps([r._asdict() | {"ratio": r.ratio} for r in results], indent=2))
    else:
        show(results)
    return int(any(r.holds is False for r in results))


def show(results: list[Result]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("what", "measured", "beside", "its", "ratio", "limit", "", box=None)
    for r in results:
        peer = "" if r.peer_value is None else f"{number(r.peer_value)} {r.unit}"
        ratio = "" if r.ratio is None else f"{r.ratio:.2f}"
        kept = {True: "[green]holds[/]", False: "[red]is missed[/]", None: ""}[r.holds]
        table.add_row(r.name, f"{number(r.value)} {r.unit}", r.peer, peer, ratio, r.limit, kept)
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1_000 else f"{value:.3g}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
