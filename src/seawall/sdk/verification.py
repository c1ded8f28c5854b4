"""What labels that came say: it decides for their chunk, and it tries the estimates."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from seawall.kernel import Estimate, Rule, Verdict
from seawall.report.words import count, number, said
from seawall.sdk.report import CONFIDENCE
from seawall.statistics.drift import judge_in_family
from seawall.statistics.intervals import clopper_pearson, rate

Measures = Mapping[str, Estimate]


class Levels(NamedTuple):
    """Measures at the confidence of one judgement, and at that of the family of them."""

    own: Measures
    family: Measures


def judge_chunk(
    rule: Rule, name: str, change: Callable[[Estimate, Estimate], Estimate], was: Levels,
    expected: Levels, realised: Levels | None, rows: str,
) -> Verdict:  # fmt: skip
    """Judge how measure `name` changed on these rows, by their labels where these define it.

    The estimate stands in for the realised measure and is not asked where that is known; a reason
    names an estimate whose interval does not hold it.
    """
    known = realised is not None and not _undefined(realised.own[name])
    now = realised if realised is not None and known else expected
    own, family = (change(old[name], new[name]) for old, new in zip(was, now, strict=True))
    subject = f"{rows}, {'realised' if known else 'estimated'}"
    verdict = judge_in_family(rule, own, family, subject)
    if now is expected or _holds(expected.own[name], now.own[name]):
        return verdict
    (reason,) = verdict.reasons
    told = f"estimated {expected.own[name]} does not hold the realised {now.own[name]}"
    reason = msgspec.structs.replace(reason, message=f"{reason.message}; {told}")
    return Verdict(verdict.outcome, (reason,))


class Verification:
    """Estimates against what labels said later; what those leave undefined does not count.

    Estimates are refuted by one realised value outside the interval that Bonferroni's inequality
    asks for over all chunks and measures, whichever way these depend on each other, or by more
    misses of one measure than a binomial of the nominal coverage allows over its chunks, which
    takes chunks as independent. Each has half of the error, so that estimates that hold as they say
    are refuted in at most 1 − `CONFIDENCE` of reports.
    """

    def __init__(self, chunks: int, measures: Collection[str]) -> None:
        """Of at most so many chunks; `measures` are those whose intervals promise to hold."""
        self.chunks = 0
        self.strict = 1 - (1 - CONFIDENCE) / 2 / (chunks * max(1, len(measures)))
        self._binomial = 1 - (1 - CONFIDENCE) / max(1, len(measures))
        self._promised = frozenset(measures)
        self._held: dict[str, list[bool]] = {}
        self._off: dict[str, float] = {}
        self._far: set[str] = set()

    def add(self, expected: Measures, strict: Measures, realised: Measures) -> None:
        """One chunk, all of whose labels came; `strict` is estimated at that confidence."""
        self.chunks += 1
        for name, e in expected.items():
            real = realised.get(name)
            if real is None or _undefined(real):
                continue
            self._held.setdefault(name, []).append(_holds(e, real))
            self._off[name] = self._off.get(name, 0.0) + e.value - real.value
            if not _holds(strict[name], real):
                self._far.add(name)

    @property
    def refuted(self) -> list[str]:
        """The measures that labels refute, the worst covered first."""
        shares = {name: sum(held) / len(held) for name, held in self._held.items()}
        found = [
            name for name, held in self._held.items()
            if name in self._promised and (name in self._far or self._too_few(held))
        ]  # fmt: skip
        return sorted(found, key=lambda name: shares[name])

    def _too_few(self, held: Sequence[bool]) -> bool:
        # the upper end of a two-sided interval of twice the error is the one-sided binomial test
        return clopper_pearson(sum(held), len(held), self._binomial)[1] < CONFIDENCE

    def warnings(self) -> list[str]:
        """One sentence where labels refute the estimates, else none."""
        if not self.refuted:
            return []
        told = "; ".join(self._told(name) for name in self.refuted)
        return [
            f"labels of {count(self.chunks, 'chunk')} refute these estimates. Realised values in "
            f"their {CONFIDENCE:.0%} interval: {told}. What the model's answers mean has moved, by "
            "itself or with inputs that are not given as features, or the reference taught it "
            "wrongly; do not rely on estimates where labels have not come"
        ]

    def _told(self, name: str) -> str:
        held, off = self._held[name], self._off[name] / len(self._held[name])
        side = "high" if off > 0 else "low"
        return (
            f"{said(name)} {sum(held):,} of {len(held):,}, estimated {number(abs(off))} too {side}"
        )

    def to_dict(self) -> dict[str, Any]:
        """`covered`: the share of chunks that held; `mean_error`: estimated − realised; `refuted`:
        the measures that labels refute.
        """
        return {
            "chunks": self.chunks,
            "covered": {
                name: rate(sum(held), len(held), CONFIDENCE).to_dict()
                for name, held in self._held.items()
            },
            "mean_error": {name: self._off[name] / len(h) for name, h in self._held.items()},
            "refuted": self.refuted,
        }


def _undefined(measure: Estimate) -> bool:
    return measure.value != measure.value


def _holds(expected: Estimate, realised: Estimate) -> bool:
    near = 1e-9 * max(1.0, abs(realised.value))
    return expected.low - near <= realised.value <= expected.high + near
