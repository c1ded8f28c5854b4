"""Seawall: governs, validates, deploys, watches and controls models in production.

    import seawall
    report = seawall.drift("reference.parquet", "current.parquet")
    print(report.verdict.outcome)

Everything public is loaded on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from seawall.sdk.backtest import backtest
    from seawall.sdk.baseline import baseline
    from seawall.sdk.client import Client
    from seawall.sdk.drift import drift
    from seawall.sdk.estimate import estimate
    from seawall.sdk.evaluate import evaluate
    from seawall.sdk.guard import Guard
    from seawall.sdk.labels import labels
    from seawall.sdk.replay import replay
    from seawall.sdk.saved import Baseline
    from seawall.sdk.segments import segments
    from seawall.sdk.training import training_run

__all__ = [
    "Baseline",
    "Client",
    "Guard",
    "__version__",
    "backtest",
    "baseline",
    "drift",
    "estimate",
    "evaluate",
    "labels",
    "replay",
    "segments",
    "training_run",
]

_HOMES = {
    "Baseline": "saved",
    "Client": "client",
    "Guard": "guard",
    "backtest": "backtest",
    "baseline": "baseline",
    "drift": "drift",
    "estimate": "estimate",
    "evaluate": "evaluate",
    "labels": "labels",
    "replay": "replay",
    "segments": "segments",
    "training_run": "training",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'seawall' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"seawall.sdk.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
