"""A gateway's counts in the Prometheus text format, as of the last flush."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from seawall.serving.telemetry import Counters, Row, read

LATENCY_MS = (0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 5000.0)
_COUNTS = ("decisions", "errors", "fallbacks", "rejected", "refused", "slow")
Labels = tuple[tuple[str, str], ...]


class Metrics:
    """Running totals since the process started."""

    def __init__(self) -> None:
        self._totals: Counter[tuple[str, Labels]] = Counter()
        self._latency: dict[Labels, NDArray[np.int64]] = {}
        self._sums: dict[Labels, float] = {}
        self.replies: Counter[tuple[str, int]] = Counter()
        """By route and status."""

    def absorb(self, rows: Iterable[Row]) -> None:
        """Add a flush."""
        edges = np.array([0.0, *LATENCY_MS, 1e9])
        for endpoint, version, arm, stream, _, body in rows:
            counters = read(body) if stream == "counters" else None
            if not isinstance(counters, Counters):
                continue
            key: Labels = (("endpoint", endpoint), ("version", version), ("arm", arm))
            for name in _COUNTS:
                self._totals[f"{name}_total", key] += getattr(counters, name)
            for name, count in counters.invalid.items():
                field, _, problem = name.rpartition(": ")
                self._totals["invalid_total", (*key, ("field", field), ("problem", problem))] += (
                    count
                )
            for name, count in counters.guards.items():
                guard, _, action = name.rpartition(": ")
                self._totals["guard_total", (*key, ("guard", guard), ("action", action))] += count
            if latency := counters.latency:
                counts = np.array(latency.binned(edges).counts, dtype=np.int64)
                self._latency[key] = self._latency.get(key, 0) + counts
                self._sums[key] = self._sums.get(key, 0.0) + latency.mean * latency.n

    def text(self, gauges: Mapping[tuple[str, Labels], float]) -> str:
        """The page that Prometheus scrapes."""
        lines: list[str] = []
        by_name: dict[str, list[str]] = {}
        for (name, labels), value in sorted(self._totals.items()):
            by_name.setdefault(name, []).append(_line(name, labels, value))
        for (route, status), count in sorted(self.replies.items()):
            labels = (("route", route), ("status", str(status)))
            by_name.setdefault("replies_total", []).append(_line("replies_total", labels, count))
        for name, found in by_name.items():
            lines += [f"# TYPE seawall_{name} counter", *found]
        if self._latency:
            lines.append("# TYPE seawall_latency_milliseconds histogram")
        for labels, counts in sorted(self._latency.items()):
            name = "latency_milliseconds"
            for edge, upto in zip((*LATENCY_MS, np.inf), np.cumsum(counts).tolist(), strict=True):
                bound = "+Inf" if edge == np.inf else f"{edge:g}"
                lines.append(_line(f"{name}_bucket", (*labels, ("le", bound)), upto))
            lines.append(_line(f"{name}_sum", labels, self._sums[labels]))
            lines.append(_line(f"{name}_count", labels, int(counts.sum())))
        seen: set[str] = set()
        for (name, labels), value in sorted(gauges.items()):
            if name not in seen:
                seen.add(name)
                kind = "counter" if name.endswith("_total") else "gauge"
                lines.append(f"# TYPE seawall_{name} {kind}")
            lines.append(_line(name, labels, value))
        return "\n".join(lines) + "\n"


def _line(name: str, labels: Labels, value: float) -> str:
    shown = ",".join(f'{k}="{_escape(v)}"' for k, v in labels)
    return f"seawall_{name}{{{shown}}} {value}" if shown else f"seawall_{name} {value}"


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
