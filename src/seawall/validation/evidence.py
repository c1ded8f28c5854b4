"""What was measured of a version, as plain values that the caller gathered."""

from __future__ import annotations

import msgspec

from seawall.kernel import Digest, Estimate
from seawall.serving.output import Kind
from seawall.statistics.groups import Group
from seawall.statistics.reliability import Bin
from seawall.validation.plan import SmallGroups
from seawall.validation.replay import ReplayEvidence


class SmallGroup(msgspec.Struct, frozen=True):
    """Groups too small to be judged alone, and what was done with them."""

    by: str
    groups: tuple[str, ...]
    rows: int
    treatment: SmallGroups
    reason: str = ""

    @property
    def text(self) -> str:
        """A sentence for the report."""
        those = ", ".join(self.groups)
        if self.treatment == "pool":
            return f"{self.by}: {those} ({self.rows:,} rows) are too small and judged as one group"
        return f"{self.by}: {those} ({self.rows:,} rows) are left out: {self.reason}"


class Parity(msgspec.Struct, frozen=True):
    """How far the scores computed here lie from those of training, over the same rows."""

    largest: float
    rows: int


class Confusion(msgspec.Struct, frozen=True):
    """Rows by label (down) and called class (across), in the order of `classes`."""

    classes: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a plan's rules are judged on.

    `estimates` are by name: `roc_auc`, `ece`, `demographic_parity_difference[SEX]`. `corrected`
    are estimates at the level that holds for all members of their family at once: fairness rules,
    perturbations, classes. `groups` and
    `reliability` are shown and not judged. `data` is the digest
    of the `rows` they were measured on, `signature` that of the input signature, `violations` count
    the rows that break it by field. `champion` is the version that was compared, empty when none
    serves. `latency` is in milliseconds at the plan's quantile.
    """

    data: Digest
    rows: int
    estimates: dict[str, Estimate]
    corrected: dict[str, Estimate] = {}
    small: tuple[SmallGroup, ...] = ()
    parity: Parity | None = None
    latency: Estimate | None = None
    signature: Digest | None = None
    groups: tuple[Group, ...] = ()
    reliability: tuple[Bin, ...] = ()
    violations: dict[str, int] = {}
    task: Kind = "binary"
    confusion: Confusion | None = None
    champion: str | None = None
    replay: ReplayEvidence | None = None
