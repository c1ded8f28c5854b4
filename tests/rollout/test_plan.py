import pytest

from seawall.kernel import BadInput, convert, from_json, to_builtins, to_json
from seawall.rollout.plan import RolloutPlan, default_plan

PLAN = to_builtins(default_plan())
SHADOW, CANARY, _, FULL = PLAN["steps"]


def test_a_plan_survives_the_wire():
    assert from_json(to_json(default_plan()), RolloutPlan) == default_plan()


def test_the_default_plan_walks_from_no_traffic_to_all_of_it():
    steps = default_plan().steps
    assert [(s.mode, s.shares) for s in steps] == [
        ("shadow", (1.0, 1.0)),
        ("canary", (0.95, 0.05)),
        ("canary", (0.75, 0.25)),
        ("full", (0.0, 1.0)),
    ]


def test_alpha_is_split_over_the_rules_of_all_steps():
    assert default_plan().family == 4 + 7 + 7


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": []}, "end with a full step"),
        ({"steps": [CANARY]}, "end with a full step"),
        ({"steps": [FULL, {**FULL, "name": "again"}]}, "only the last"),
        ({"steps": [CANARY, CANARY, FULL]}, "share a name"),
        ({"steps": [CANARY, {**CANARY, "name": "1%", "share": 0.01}, FULL]}, "must not shrink"),
        ({"steps": [{**CANARY, "share": 1.0}, FULL]}, "leaves the control"),
        ({"steps": [{**CANARY, "share": 0.0}, FULL]}, "must lie in"),
        ({"steps": [{**CANARY, "maximum": 1.0}, FULL]}, "below maximum"),
        ({"steps": [{**CANARY, "minimum_decisions": 0}, FULL]}, "at least 1"),
        ({"steps": [{**CANARY, "shair": 0.1}, FULL]}, "shair"),
        ({"alpha": 0}, "alpha"),
    ],
)
def test_a_plan_written_wrong_is_refused_with_the_place(change, message):
    with pytest.raises(BadInput, match=message):
        convert({**PLAN, **change}, RolloutPlan)


@pytest.mark.parametrize(
    ("step", "measure", "message"),
    [
        (CANARY, "eror_rate", "did you mean 'error_rate'"),
        (SHADOW, "sample_ratio", "cannot be measured in shadow"),
        (FULL, "wrong_difference", "cannot be measured in full"),
    ],
)
def test_a_guard_that_could_never_fire_is_refused(step, measure, message):
    guarded = {**step, "guards": [{"measure": measure, "at_most": 0.1}]}
    steps = [guarded] if step is FULL else [guarded, FULL]
    with pytest.raises(BadInput, match=message):
        convert({**PLAN, "steps": steps}, RolloutPlan)
