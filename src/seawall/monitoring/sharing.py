"""One alarm budget, shared by monitors that come and go.

What a start of bets stakes is its part of the budget, and is set before the hour that it begins
with is seen. The sum of all stakes still in play, less what was staked, is then a supermartingale
whatever came before, however often the parts change (the weights of e-detectors: Shin, Ramdas &
Rinaldo 2024, section 3; of e-processes: Ville). So, with parts that add up to at most one in every
hour, all monitors together

- of the contract `mean_time` raise at most α false alarms an hour on average, where each begins
  anew with its own alarm: the value it loses is 1/α at least, and one is staked an hour;
- of the contract `ever` raise one with probability at most α, when every hour's stakes are a part
  of the one series of the deployment's hours (`statistics.e_detector.log_weight`).

A monitor that runs keeps what was staked before another came: only what it stakes later is less.
"""

from __future__ import annotations

from collections.abc import Mapping

from seawall.statistics.e_detector import Contract

BANDS = 0.1
"""The part of a budget `ever` that the baselines' own uncertainty has; bets have the rest."""


def shares(streams: Mapping[str, tuple[Contract, int]]) -> dict[str, float]:
    """Each monitor's part of its contract's budget, in (0, 1]: as its streams among all.

    `streams` gives the contract and the number of streams of each monitor, at least one. Every
    stream has the same part, whichever monitor it is declared in.
    """
    total: dict[Contract, int] = {}
    for contract, count in streams.values():
        total[contract] = total.get(contract, 0) + count
    return {name: count / total[contract] for name, (contract, count) in streams.items()}


def fixed_share(place: int) -> float:
    """1/(k(k + 1)), which over all places from 1 add up to one.

    For what cannot be divided anew: a baseline's band is drawn once, when a stream begins, before
    anybody knows how many will follow.
    """
    return 1 / (place * (place + 1))
