"""A gateway's counts in the Prometheus text format, as of the last flush, of all its workers.

At each flush a worker writes its totals to a file of its own, and whoever is scraped adds up. A
worker that takes a dead one's place goes on from its file, so that no total ever goes back.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.serving.cost import MICRO
from seawall.serving.guard import FAILED
from seawall.serving.telemetry import Counters, Row, read

LATENCY_MS = (0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 5000.0)
_COUNTS = ("decisions", "errors", "fallbacks", "rejected", "refused", "slow")
Labels = tuple[tuple[str, str], ...]
Values = Mapping[tuple[str, Labels], int | float]
_PICK = {
    "bundle_number": min,
    "control_plane_up": min,
    "killed": max,
    "log_failing": max,
    "log_sync_seconds": max,
    "log_free_bytes": min,
    "upstream_circuit": max,
}
"""What is shown of several workers; of all others it is the sum."""
ARMS = 64
"""Of so many arms of versions totals are kept; the one that was counted longest ago makes room."""
_HELP = {
    "decisions_total": "Rows decided.",
    "errors_total": "Rows whose model failed.",
    "fallbacks_total": "Rows answered by a fallback.",
    "rejected_total": "Rows refused for their fields.",
    "refused_total": "Requests turned away by a limit.",
    "cost_total": "What calls of models cost, in the currency.",
    "slow_total": "Rows that took longer than the latency objective.",
    "invalid_total": "Fields that broke the signature.",
    "guard_total": "Times a guard took an action, or failed.",
    "guard_failures_total": "Times a guard could not tell, or took longer than its budget.",
    "replies_total": "Replies by route and status.",
    "latency_seconds": "Time from a request's first byte to its reply.",
    "control_plane_up": "Whether the control plane answered last.",
    "telemetry_rows_waiting": "Rows of telemetry that the control plane is not known to have.",
    "bundle_number": "The bundle in use; of several workers the oldest.",
    "killed": "Whether the endpoint is switched off.",
    "requests_under_way": "Requests that entered and were not answered yet.",
    "bundles_refused_total": "Bundles refused, by reason.",
    "observed_requests_total": "Requests passed through, by what could be seen of them.",
    "upstream_requests_total": "Requests to a remote model, by what became of them.",
    "upstream_circuit": "A remote model's circuit: 0 closed, 1 half open, 2 open; the worst.",
    "upstream_limit": "How many requests to a remote model may be under way.",
    "upstream_under_way": "Requests to a remote model that it has not answered yet.",
    "outcomes_total": "Outcomes by what became of them.",
    "outcomes_waiting": "Outcomes whose decision was not found yet.",
    "decisions_awaiting_labels": "Decisions held, so that a label finds them.",
    "label_rows_waiting": "Rows of labels that the control plane is not known to have.",
    "log_failing": "Whether the disk did not take the last of the decision log.",
    "log_refused_total": "Times that the disk did not take what was written to the decision log.",
    "log_sync_seconds": "How long the last sync of the log took, or the present one so far.",
    "log_free_bytes": "Room left on the disk of the decision log.",
    "unlogged_total": "Rows answered that the disk did not take, where the endpoint serves on.",
    "log_bytes_behind": "Bytes of the decision log that the keeper has not read yet.",
    "worker_cpu_seconds_total": "Processor time of a worker.",
    "worker_memory_bytes": "Resident memory of a worker.",
    "worker_cold_start_seconds": "From a worker's start to when it answered callers.",
    "worker_queue_delay_seconds": "How late the worker's event loop is.",
    "worker_clock_jump_seconds": "How far the wall clock was set forward since a worker's start.",
    "worker_saturation_ratio": "Share of a processor that a worker took lately.",
    "worker_starts_total": "Times a worker was started.",
    "token_files_refused_total": "Files of callers' tokens that were not signed, or older.",
    "spans_exported_total": "Spans of traced requests that the collector took.",
    "spans_dropped_total": "Spans that were not sent: too many waited, or the collector refused.",
    "span_export_failures_total": "Times the collector did not answer, or asked to wait.",
    "traces_waiting": "Traced requests whose spans wait for the collector.",
    "build_info": "The version of Seawall, as a label.",
}


class _Kept(msgspec.Struct, frozen=True, array_like=True):
    """What one worker says."""

    totals: dict[tuple[str, Labels], int | float] = {}
    latency: dict[Labels, tuple[list[int], float]] = {}
    """Counts by bin, and the sum in seconds."""
    gauges: dict[tuple[str, Labels], int | float] = {}


_encode = msgspec.msgpack.encode
_decoder = msgspec.msgpack.Decoder(
    tuple[
        list[tuple[tuple[str, Labels], int | float]],
        list[tuple[Labels, tuple[list[int], float]]],
        list[tuple[tuple[str, Labels], int | float]],
    ]
)


class Metrics:
    """Running totals of a gateway since its state folder was new."""

    def __init__(self, folder: Path, worker: int = 0, workers: int = 1) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder, self._worker, self._workers = folder, worker, workers
        self._kept = _read(folder / str(worker))
        self._totals = dict(self._kept.totals)
        self._latency: dict[Labels, NDArray[np.int64]] = {
            key: np.array(counts, dtype=np.int64) for key, (counts, _) in self._kept.latency.items()
        }
        self._sums = {key: total for key, (_, total) in self._kept.latency.items()}
        self._arms = dict.fromkeys(filter(None, map(_arm, (*self._latency, *self._totals))))
        """In the order in which they were last counted."""
        self.replies: Counter[tuple[str, int]] = Counter()
        """By route and status, since the process started."""
        self._before = dict(self._totals)

    def absorb(self, rows: Iterable[Row], counts: Values, gauges: Values) -> None:
        """Add a flush, and tell the other workers; `counts` are since the process started."""
        edges = np.array([0.0, *LATENCY_MS, 1e9])
        for endpoint, version, arm, stream, _, body in rows:
            counters = read(body) if stream == "counters" else None
            if isinstance(counters, Counters):
                key: Labels = (("endpoint", endpoint), ("version", version), ("arm", arm))
                self._arms.pop(key, None)
                self._arms[key] = None
                self._add(key, counters)
                if latency := counters.latency:
                    binned = np.array(latency.binned(edges).counts, dtype=np.int64)
                    self._latency[key] = self._latency.pop(key, 0) + binned  # in order
                    sum_ = latency.mean * latency.n / 1e3
                    self._sums[key] = self._sums.get(key, 0.0) + sum_
        while len(self._arms) > ARMS:
            self._forget(next(iter(self._arms)))
        replies: Values = {
            ("replies_total", (("route", route), ("status", str(status)))): count
            for (route, status), count in list(self.replies.items())
        }
        for name, count in {**replies, **counts}.items():
            self._totals[name] = self._before.get(name, 0) + count
        latencies = {k: (n.tolist(), self._sums[k]) for k, n in self._latency.items()}
        kept = _Kept(dict(self._totals), latencies, dict(gauges))
        lists = (*(list(part.items()) for part in (kept.totals, kept.latency, kept.gauges)),)
        self._kept = kept  # own page is right also when the disk takes nothing
        draft = self._folder / f".{self._worker}"
        draft.write_bytes(_encode(lists))
        draft.replace(self._folder / str(self._worker))

    def text(self, gauges: Values, shared: Values) -> str:
        """The page that is scraped: `gauges` of this worker now, `shared` of the whole gateway."""
        own = _Kept(self._kept.totals, self._kept.latency, dict(gauges))
        kept = [own]
        for path in self._folder.iterdir():
            if path.name.isdigit() and (number := int(path.name)) != self._worker:
                found = _read(path)
                # a worker that is no more has totals, and nothing that is so now
                kept.append(found if number < self._workers else _Kept(found.totals, found.latency))
        return _page(kept, shared)

    def _forget(self, arm: Labels) -> None:
        """Show no more of an arm, so that the page does not grow with every version."""
        del self._arms[arm]
        self._totals = {n: v for n, v in self._totals.items() if _arm(n) != arm}
        self._latency.pop(arm, None)
        self._sums.pop(arm, None)

    def _add(self, key: Labels, counters: Counters) -> None:
        totals = self._totals
        for name in _COUNTS:
            _count(totals, (f"{name}_total", key), getattr(counters, name))
        for currency, micros in counters.costs.items():
            _count(totals, ("cost_total", (*key, ("currency", currency))), micros / MICRO)
        for name, count in counters.invalid.items():
            field, _, problem = name.rpartition(": ")
            labels = (*key, ("field", field), ("problem", problem))
            _count(totals, ("invalid_total", labels), count)
        for name, count in counters.guards.items():
            guard, _, action = name.rpartition(": ")
            _count(totals, ("guard_total", (*key, ("guard", guard), ("action", action))), count)
            if action.endswith(FAILED):
                _count(totals, ("guard_failures_total", (*key, ("guard", guard))), count)


def _arm(key: Any) -> Labels | None:
    """The endpoint, version and arm that a total or a latency is of; None when it is of none."""
    labels: Labels = key[1] if isinstance(key[0], str) else key
    return labels[:3] if len(labels) >= 3 and labels[2][0] == "arm" else None


def _count(totals: dict[tuple[str, Labels], float], key: tuple[str, Labels], more: float) -> None:
    totals[key] = totals.get(key, 0) + more


def _page(kept: list[_Kept], shared: Values) -> str:
    shown = dict(shared)
    for one in kept:
        for key, value in one.totals.items():
            _count(shown, key, value)
        for key, value in one.gauges.items():
            if key[0] in _PICK and key in shown:
                shown[key] = _PICK[key[0]](shown[key], value)
            else:
                _count(shown, key, value)
    lines: list[str] = []
    last = ""
    for (name, labels), value in sorted(shown.items()):
        if name != last:
            lines += _head(name, "counter" if name.endswith("_total") else "gauge")
            last = name
        lines.append(_line(name, labels, value))
    return "\n".join([*lines, *_histogram(kept)]) + "\n"


def _histogram(kept: list[_Kept]) -> list[str]:
    counts: dict[Labels, NDArray[np.int64]] = {}
    sums: dict[Labels, float] = {}
    for one in kept:
        for labels, (binned, total) in one.latency.items():
            counts[labels] = counts.get(labels, 0) + np.array(binned, dtype=np.int64)
            sums[labels] = sums.get(labels, 0.0) + total
    name = "latency_seconds"
    lines = _head(name, "histogram") if counts else []
    for labels, binned in sorted(counts.items()):
        for edge, upto in zip((*LATENCY_MS, np.inf), np.cumsum(binned).tolist(), strict=True):
            bound = "+Inf" if edge == np.inf else f"{edge / 1e3:g}"
            lines.append(_line(f"{name}_bucket", (*labels, ("le", bound)), upto))
        lines.append(_line(f"{name}_sum", labels, sums[labels]))
        lines.append(_line(f"{name}_count", labels, int(binned.sum())))
    return lines


def _read(path: Path) -> _Kept:
    with contextlib.suppress(FileNotFoundError, msgspec.DecodeError):
        return _Kept(*map(dict, _decoder.decode(path.read_bytes())))  # pyright: ignore
    return _Kept()


def _head(name: str, kind: str) -> list[str]:
    return [f"# HELP seawall_{name} {_HELP[name]}", f"# TYPE seawall_{name} {kind}"]


def _line(name: str, labels: Labels, value: float) -> str:
    shown = ",".join(f'{k}="{_escape(v)}"' for k, v in labels)
    return f"seawall_{name}{{{shown}}} {value}" if shown else f"seawall_{name} {value}"


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
