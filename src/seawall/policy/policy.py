"""A policy: for each stage, the rules a version meets before it may enter."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import msgspec

from seawall.kernel import BadInput, Digest, NotFound, Rule, convert, nearest, to_builtins, to_json
from seawall.policy.cel import compiled, mentions


class Waive(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rule that is judged and shown, and does not decide; the reason stands beside it."""

    reason: str


class GateRule(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """One demand of a gate: `require` over an estimate, or `fact` (CEL) over plain facts.

    `when` (CEL) says whether the rule applies; `clause` names the text it answers (a regulation,
    an internal standard); `message` is what a person reads when it does not hold.
    """

    name: str
    message: str = ""
    clause: str = ""
    when: str = ""
    require: Rule | None = None
    fact: str = ""
    waive: Waive | None = None

    def __post_init__(self) -> None:
        if (self.require is None) == (not self.fact):
            raise ValueError(f"rule {self.name!r} needs exactly one of require, fact")


class Gate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rules for entering one stage."""

    to: str
    rules: tuple[GateRule, ...]


class Policy(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """A named set of gates, at most one for each stage."""

    kind: ClassVar[str] = "policy"

    name: str
    description: str = ""
    gates: tuple[Gate, ...]

    @property
    def key(self) -> str:
        """The name."""
        return self.name

    @property
    def digest(self) -> Digest:
        """The digest of its JSON with sorted keys; in every verdict's audit entry."""
        # Through `convert`, so that 1 and 1.0 in a field of numbers give the same bytes.
        return Digest.of(to_json(convert(to_builtins(self), Policy)))

    def gate(self, to: str) -> Gate:
        """The gate to a stage; raises `NotFound` when the policy has none."""
        for gate in self.gates:
            if gate.to == to:
                return gate
        stages = (g.to for g in self.gates)
        raise NotFound(f"policy {self.name!r} has no gate to {to!r}", remedy=nearest(to, stages))


def lint(policy: Policy, measures: Iterable[str] = ()) -> tuple[str, ...]:
    """What is wrong with a policy, a sentence each; empty when nothing is.

    `measures` are the names estimates go by, besides those the policy itself requires. Refused
    are CEL that does not parse or that mentions an estimate, a gate without rules, and a name or
    stage that stands twice.
    """
    problems: list[str] = []
    stages = [gate.to for gate in policy.gates]
    problems += [f"stage {s!r} has more than one gate" for s in sorted(_repeated(stages))]
    known = {r.require.measure for g in policy.gates for r in g.rules if r.require} | set(measures)
    for gate in policy.gates:
        here = f"gate to {gate.to!r}"
        if not gate.rules:
            problems.append(f"{here} has no rules, so nothing can pass it")
        names = [rule.name for rule in gate.rules]
        problems += [f"{here}: rule {n!r} stands twice" for n in sorted(_repeated(names))]
        for rule in gate.rules:
            for expression in filter(None, (rule.when, rule.fact)):
                problems += [
                    f"{here}: rule {rule.name!r} mentions the estimate {m!r} in CEL; "
                    f"use require: {{measure: {m}, …}}"
                    for m in mentions(expression, known)
                ]
                try:
                    compiled(expression)
                except BadInput as error:
                    problems.append(f"{here}: rule {rule.name!r}: {error}")
            if rule.waive is not None and not rule.waive.reason.strip():
                problems.append(f"{here}: rule {rule.name!r} is waived without a reason")
    return tuple(problems)


def _repeated(names: list[str]) -> set[str]:
    return {name for name in names if names.count(name) > 1}
