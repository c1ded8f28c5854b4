"""One endpoint as it is served now: a bundle with its models, limits and kill switch."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from seawall.gateway.admission import Admission
from seawall.gateway.remote import Remote
from seawall.gateway.request import outputs_of
from seawall.gateway.shared import Shared
from seawall.serving.bundle import Bundle
from seawall.serving.counted import Counting
from seawall.serving.decide import Decider, Model, check_models
from seawall.serving.keeping import Keeping
from seawall.serving.output import Output
from seawall.serving.packing import Packer
from seawall.serving.remote import FORMAT
from seawall.serving.telemetry import parts_key
from seawall.statistics.grid import Grid

_NONE: Mapping[str, Remote] = {}


class Cohort(msgspec.Struct, frozen=True, array_like=True):
    """What the decisions of one arm have in common when their labels come."""

    endpoint: str
    version: str
    arm: str
    threshold: float
    columns: tuple[str, ...]
    label_age_ns: int
    output: Output = Output()
    tolerance: float | None = None
    value_grid: Grid | None = None


class Live:
    """Immutable but for its kill switch; a new bundle makes a new one."""

    def __init__(
        self,
        bundle: Bundle,
        models: Mapping[str, Model],
        shared: Shared,
        *,
        killed: bool,
        remotes: Mapping[str, Remote] = _NONE,
    ) -> None:
        self.bundle, self.digest = bundle, bundle.digest
        self.packer = Packer(bundle)
        check_models(bundle, {**models, **remotes})
        self.models, self.decider = models, Decider(bundle)
        self.remotes = remotes
        """By arm, the models that are awaited; a remote shadow is among `models` and waited for."""
        self.timeouts = {a.name: a.timeout_ms / 1e3 for a in bundle.arms if a.timeout_ms}
        self.killed = killed
        here = [arm for arm in bundle.arms if arm.format != FORMAT]
        self.inline = all(arm.format == "onnx" for arm in here)
        """Whether every model that is not remote answers in this process, in microseconds."""
        self.durable = bundle.log == "durable"
        self.refuses_unlogged = bundle.log_failure == "refuse" and bundle.mode == "serve"
        self.names = bundle.signature.names
        self.outputs = outputs_of(bundle.output)
        self.keeping = Keeping(bundle)
        self.counting = Counting(bundle)
        self.costly = any(arm.cost for arm in bundle.arms)
        self.grids = dict(bundle.grids)
        self.grids_key = parts_key({name: grid.digest for name, grid in self.grids.items()})
        self.champion = next(a for a in bundle.arms if a.name == "champion")
        self.shadow = bundle.arm("shadow")
        self.admission = Admission(bundle.endpoint, bundle.limits, shared)
