"""The verdict of a gate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seawall.kernel import BadInput, Estimate, Outcome, Reason, Verdict, all_of, to_builtins
from seawall.policy.cel import UnknownFact, holds, mentions
from seawall.policy.family import judge
from seawall.policy.policy import Gate, GateRule


def evaluate(
    gate: Gate,
    facts: Mapping[str, Any],
    estimates: Mapping[str, Estimate],
    *,
    corrected: Mapping[str, Estimate] | None = None,
    waived: Mapping[str, str] | None = None,
) -> Verdict:
    """Pass, fail or undecided, with a reason named for every rule.

    `facts` are plain values (nested mappings allowed; a date becomes RFC 3339 text, which CEL's
    `timestamp()` reads); a fact that was not given leaves its rule undecided. `estimates` are by
    name, `measure` or `measure[COLUMN]`; `corrected` hold the same names at the family's level
    (see `family.judge`). `waived` maps the names of rules under a granted exception to its
    reason: they are judged and shown, and do not decide. A gate of which no rule applies is
    undecided. Raises `BadInput` for CEL that mentions a given estimate.
    """
    plain: dict[str, Any] = to_builtins(dict(facts))
    counted: list[Verdict] = []
    reasons: list[Reason] = []
    for rule in gate.rules:
        _refuse_estimates(rule, estimates)
        applies = _applies(rule, plain)
        if applies is False:
            reasons.append(Reason(rule.name, f"does not apply: not {rule.when}", Outcome.PASS))
            continue
        if applies is None:
            verdict = _undecided(rule.name, f"cannot tell whether it applies ({rule.when})")
        elif rule.require is not None:
            verdict = _named(rule, judge(rule.require, estimates, corrected))
        else:
            verdict = _judge_fact(rule, plain)
        grounds = rule.waive.reason if rule.waive else (waived or {}).get(rule.name, "")
        if grounds and verdict.outcome is not Outcome.PASS:
            reasons += [
                Reason(r.rule, f"waived ({grounds}): {r.message}", r.outcome, r.estimate)
                for r in verdict.reasons
            ]
            counted.append(Verdict(Outcome.PASS))
        else:
            reasons += verdict.reasons
            counted.append(verdict)
    return Verdict(all_of(counted).outcome, tuple(reasons))


def _applies(rule: GateRule, facts: Mapping[str, Any]) -> bool | None:
    if not rule.when:
        return True
    try:
        return holds(rule.when, facts)
    except UnknownFact:
        return None


def _judge_fact(rule: GateRule, facts: Mapping[str, Any]) -> Verdict:
    try:
        true = holds(rule.fact, facts)
    except UnknownFact as missing:
        return _undecided(rule.name, f"{rule.fact}: the fact {missing} was not given")
    if true:
        return Verdict(Outcome.PASS, (Reason(rule.name, rule.fact, Outcome.PASS),))
    message = rule.message or f"not {rule.fact}"
    return Verdict(Outcome.FAIL, (Reason(rule.name, _cite(message, rule), Outcome.FAIL),))


def _named(rule: GateRule, verdict: Verdict) -> Verdict:
    """The verdict under the policy's own name for the rule, its message first when it fails."""
    reasons: list[Reason] = []
    for r in verdict.reasons:
        message = r.message
        if r.outcome is Outcome.FAIL:
            message = _cite(f"{rule.message}: {message}" if rule.message else message, rule)
        reasons.append(Reason(rule.name, message, r.outcome, r.estimate))
    return Verdict(verdict.outcome, tuple(reasons))


def _cite(message: str, rule: GateRule) -> str:
    return f"{message} [{rule.clause}]" if rule.clause else message


def _undecided(name: str, message: str) -> Verdict:
    return Verdict(Outcome.UNDECIDED, (Reason(name, message, Outcome.UNDECIDED),))


def _refuse_estimates(rule: GateRule, estimates: Mapping[str, Estimate]) -> None:
    for expression in (rule.when, rule.fact):
        for measure in mentions(expression, estimates):
            raise BadInput(
                f"rule {rule.name!r} mentions the estimate {measure!r} in CEL",
                where=expression,
                remedy=f"use require: {{measure: {measure}, …}}, which judges its interval",
            )
