"""All that a gateway needs to serve one endpoint, as one signed value."""

from __future__ import annotations

import hashlib
import math
import re
from datetime import datetime
from typing import Literal

import msgspec

from seawall.kernel import Corrupt, Digest, decode_hook, encode_hook
from seawall.serving.condition import Condition
from seawall.serving.cost import Cost
from seawall.serving.decision_privacy import PrivacyRule
from seawall.serving.fallback import Fallback
from seawall.serving.guard import Guard
from seawall.serving.limit import Limits
from seawall.serving.output import Output, Value, problem_of
from seawall.serving.remote import FORMAT
from seawall.serving.sampling import Sampling
from seawall.serving.signature import Signature
from seawall.statistics.grid import Grid

PAYLOAD_TYPE = "application/vnd.seawall.bundle+msgpack"

Mode = Literal["serve", "observe"]
"""`observe`: a remote champion answers the callers itself, and nothing of it is changed."""
_ARM_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")


class Conditions(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """What the approval of a version allows, held by the gateway even with the control plane gone.

    A bundle that gives an arm more than `traffic_share_max` is no bundle. From `expires` on a
    version gets no traffic: its share goes to the champion, and an expired champion is answered
    for by the fallback; so are rows outside `where`, the segment and amounts that were approved.
    """

    traffic_share_max: float = 1.0
    where: tuple[Condition, ...] = ()
    expires: datetime | None = None


class Arm(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A version in its part: how much of the traffic it answers, and from which score it says 1.

    One arm is the `champion`. The `shadow` answers nothing (weight 0) and scores what the champion
    answered; the `canary` and the `holdout` keep their units while weights change; other names are
    the variants of an A/B test, or at weight 0 models that only fallbacks and guards ask.
    """

    name: str
    version: str
    artefact: Digest
    format: str = "onnx"
    weight: float = 0.0
    threshold: float = 0.5
    conditions: Conditions = Conditions()
    timeout_ms: float | None = None
    """How long a remote model may take to answer; None for what its artefact says."""
    cost: Cost | None = None
    """What a row costs that its model is asked of."""


class Bundle(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An endpoint's route, models, rules and grids under one number that only grows.

    `salt` (at least 16 bytes) is a secret of the endpoint: it keys the hash of units and the tokens
    of the privacy rule. `unit` names the input field or request parameter that is the routing key;
    a request without it is routed by the decision's own id. `protected` names fields of the request
    that serve only as groups in labelled summaries. `grids` are those of the baseline, by field,
    and `value_grid` that of a regression's values. `sampling` says which records keep their inputs.
    `log_failure` says what becomes of a request whose decision the disk does not take: it is
    refused, or answered with a word that it was not logged.
    """

    endpoint: str
    number: int
    issued: datetime
    salt: bytes
    signature: Signature
    arms: tuple[Arm, ...]
    unit: str | None = None
    on_invalid: Literal["reject", "fallback"] = "reject"
    guards: tuple[Guard, ...] = ()
    limits: Limits = Limits()
    fallback: Fallback | None = None
    privacy: dict[str, PrivacyRule] = {}
    protected: tuple[str, ...] = ()
    grids: dict[str, Grid] = {}
    output: Output = Output()
    value: Value = Value()
    value_grid: Grid | None = None
    sampling: Sampling | None = None
    label_age_seconds: float = 7 * 86_400.0
    latency_objective_ms: float | None = None
    log: Literal["enqueued", "durable"] = "enqueued"
    log_failure: Literal["refuse", "serve"] = "refuse"
    policy: Digest | None = None
    mode: Mode = "serve"
    safe: bool = False
    killed: bool = False

    def __post_init__(self) -> None:
        if problem := self._problem():
            raise ValueError(f"bundle of {self.endpoint!r}: {problem}")

    def _problem(self) -> str:
        names = [a.name for a in self.arms]
        weights = [a.weight for a in self.arms]
        known = {*self.signature.names, *self.protected, *([self.unit] if self.unit else [])}
        if names.count("champion") != 1 or len(set(names)) < len(names):
            return "needs one champion and no two arms of a name"
        if min(weights) < 0.0 or not math.isclose(math.fsum(weights), 1.0, abs_tol=1e-9):
            return "the weights of the arms must not be negative and must add up to 1"
        if any(a.name == "shadow" and a.weight > 0.0 for a in self.arms):
            return "a shadow answers nobody; its weight is 0"
        if any(a.weight > a.conditions.traffic_share_max for a in self.arms):
            return "an arm has more weight than its version's approval allows"
        if strange := [n for n in names if not _ARM_NAME.fullmatch(n) or n in ("default", "rule")]:
            return f"{strange[0]!r} is no name of an arm"
        asked = [a for g in self.guards if g.disagreement for a in g.disagreement.arms]
        asked += self.fallback.arms if self.fallback else ()
        if strange := set(asked) - set(names):
            return f"the fallback or a guard asks an arm {min(strange)!r} that is not there"
        if problem := self.output.problem() or self._fallback_problem():
            return problem
        if self.mode == "observe" and self.output.kind != "binary":
            return f"a model of {self.output.kind} answers is served, and not observed"
        if self.on_invalid == "fallback" and self.fallback is None:
            return "on_invalid is fallback, and there is none"
        if self.mode == "observe" and (problem := self._not_observable()):
            return problem
        if not 16 <= len(self.salt) <= 64:
            return "the salt has 16 to 64 bytes"
        if self.number < 1 or self.issued.tzinfo is None:
            return "the number starts at 1, and the time of issue needs its zone"
        if any(a.timeout_ms is not None and not a.timeout_ms > 0 for a in self.arms):
            return "the time-out of an arm must be above 0"
        if strange := self.grids.keys() - self.signature.names:
            return f"a grid for {min(strange)!r}, which is no field"
        if strange := self.privacy.keys() - known - {"*"}:
            return f"a privacy rule for {min(strange)!r}, which is no field"
        return ""

    def _not_observable(self) -> str:
        champion = self.arm("champion")
        if champion is None or champion.format != FORMAT:
            return "what is observed is a remote model; this champion's is not"
        if champion.weight < 1.0:
            return "an observed endpoint has one arm that answers"
        if self.log == "durable":
            return "what is observed was answered before it is logged; log it enqueued"
        return ""

    def _fallback_problem(self) -> str:
        """Why the fallback cannot answer for a model of this kind."""
        found = (self.fallback, *self.fallback.rules) if self.fallback else ()
        problems = (problem_of(f.label, f.score, self.output, self.value) for f in found)
        return next((f"the fallback's label {problem}" for problem in problems if problem), "")

    def arm(self, name: str) -> Arm | None:
        """The arm of this name, if there is one."""
        return next((a for a in self.arms if a.name == name), None)

    @property
    def apart(self) -> frozenset[str]:
        """The protected fields that the privacy rule keeps out of records, or not plain in them.

        They are kept apart, for audits of fairness alone.
        """
        others = self.privacy.get("*", "plain")
        return frozenset(n for n in self.protected if self.privacy.get(n, others) != "plain")

    @property
    def privacy_key(self) -> bytes:
        """The key of the tokens and digests that the privacy rule makes, 32 bytes."""
        return hashlib.blake2b(b"privacy", digest_size=32, key=self.salt).digest()

    def weights(self, at: datetime) -> dict[str, float]:
        """The share of each arm that may answer at this moment, after the approval conditions.

        Adds up to 1; empty when the champion's approval has expired and the fallback must answer.
        """
        shares = {
            a.name: 0.0 if _expired(a, at) else a.weight
            for a in self.arms
            if a.name not in ("shadow", "champion")
        }
        champion = self.arm("champion")
        assert champion is not None
        if _expired(champion, at):
            return {}
        return {**shares, "champion": 1.0 - math.fsum(shares.values())}

    def to_bytes(self) -> bytes:
        """The bundle as MessagePack; equal bundles give equal bytes."""
        # read back once, so that a whole number given for a float is written as a float
        return _encode(msgspec.msgpack.decode(_encode(self), type=Bundle, dec_hook=decode_hook))

    @classmethod
    def from_bytes(cls, data: bytes) -> Bundle:
        """Read a bundle; raises `Corrupt` when the bytes are not one."""
        try:
            return msgspec.msgpack.decode(data, type=Bundle, dec_hook=decode_hook)
        except (msgspec.MsgspecError, ValueError) as error:
            raise Corrupt(f"not a bundle: {error}") from None

    @property
    def digest(self) -> Digest:
        """The digest of `to_bytes()`."""
        return Digest.of(self.to_bytes())


def _encode(bundle: Bundle) -> bytes:
    return msgspec.msgpack.encode(bundle, enc_hook=encode_hook, order="sorted")


def _expired(arm: Arm, at: datetime) -> bool:
    return arm.conditions.expires is not None and at >= arm.conditions.expires
