"""The checks of a plan, each a pure judgement of the evidence."""

from __future__ import annotations

import msgspec

from seawall.kernel import Outcome, Reason, Rule, Verdict, all_of
from seawall.policy.family import judge
from seawall.validation.evidence import Evidence
from seawall.validation.finding import Check
from seawall.validation.plan import ValidationPlan


def run_checks(plan: ValidationPlan, evidence: Evidence) -> tuple[tuple[Check, Verdict], ...]:
    """Every check the plan asks for with its verdict, in the plan's order."""
    checks: list[tuple[Check, Verdict]] = [
        ("quality", _judge_all(plan.quality, evidence)),
        ("calibration", _judge_all(plan.calibration, evidence)),
        ("fairness", _judge_all(plan.fairness_rules, evidence)),
        ("stability", _judge_all(plan.stability_rules, evidence)),
    ]
    if plan.champion:
        checks.append(("champion", _champion(plan, evidence)))
    if plan.replay:
        checks.append(("replay", _replay(plan, evidence)))
    if plan.signature:
        checks.append(("signature", _signature(evidence)))
    if plan.parity is not None:
        checks.append(("parity", _parity(plan.parity, evidence)))
    if plan.latency is not None:
        checks.append(("latency", _latency(plan.latency, plan.latency_quantile, evidence)))
    return tuple((name, verdict) for name, verdict in checks if verdict.reasons)


def _judge_all(rules: tuple[Rule, ...], evidence: Evidence) -> Verdict:
    return all_of(judge(rule, evidence.estimates, evidence.corrected) for rule in rules)


def _champion(plan: ValidationPlan, evidence: Evidence) -> Verdict:
    if evidence.champion == "":
        message = "no other version serves yet, so there is none to be worse than"
        return _verdict("champion", message, Outcome.PASS)
    return _judge_all(plan.champion_rules, evidence)


def _replay(plan: ValidationPlan, evidence: Evidence) -> Verdict:
    if evidence.replay is None:
        message = "nothing was replayed; validate with --state, the folder of a gateway's state"
        return _verdict("replay", message, Outcome.UNDECIDED)
    return _judge_all(plan.replay_rules, evidence)


def _signature(evidence: Evidence) -> Verdict:
    if evidence.signature is None:
        return _verdict("input signature", "the version has none", Outcome.FAIL)
    if evidence.violations:
        worst = sorted(evidence.violations.items(), key=lambda item: (-item[1], item[0]))
        listed = ", ".join(f"{field} in {rows:,}" for field, rows in worst[:5])
        message = f"of {evidence.rows:,} validation rows these break it: {listed}"
        return _verdict("input signature", message, Outcome.FAIL)
    if not evidence.rows:
        return _verdict("input signature", "no rows were checked", Outcome.UNDECIDED)
    message = f"all {evidence.rows:,} validation rows keep it"
    return _verdict("input signature", message, Outcome.PASS)


def _parity(tolerance: float, evidence: Evidence) -> Verdict:
    """Exact over the rows compared: both scores of a row are known, so nothing is estimated."""
    rule = f"parity within {tolerance:g}"
    parity = evidence.parity
    if parity is None or not parity.rows:
        return _verdict(rule, "no rows were scored in both places", Outcome.UNDECIDED)
    outcome = Outcome.PASS if parity.largest <= tolerance else Outcome.FAIL
    message = f"largest difference {parity.largest:.3g} over {parity.rows:,} rows"
    return _verdict(rule, message, outcome)


def _latency(milliseconds: float, quantile: float, evidence: Evidence) -> Verdict:
    rule = Rule(f"latency_p{100 * quantile:g}", at_most=milliseconds)
    verdict = rule.judge(evidence.latency)
    reasons = tuple(
        msgspec.structs.replace(r, rule=f"{rule.text} ms", message=f"{r.message}, in ms")
        for r in verdict.reasons
    )
    return Verdict(verdict.outcome, reasons)


def _verdict(rule: str, message: str, outcome: Outcome) -> Verdict:
    return Verdict(outcome, (Reason(rule, message, outcome),))
