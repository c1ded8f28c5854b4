"""Options that give values to names: CLASS=COLUMN, tp=0,fp=-5."""

from __future__ import annotations


def named_values(given: list[str], option: str, form: str) -> dict[str, str]:
    """NAME=VALUE, each name once; `BadInput` that shows the form on anything else."""
    from seawall.kernel import BadInput

    found: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise BadInput(f"{option} {text} is not {form}")
        if name in found:
            raise BadInput(f"{option} names {name} twice")
        found[name] = value
    return found


def cost_values(cost: str | None) -> dict[str, float] | None:
    """A cost matrix as it is written, its numbers by name."""
    from seawall.kernel import BadInput

    if cost is None:
        return None
    form = "tp=NUMBER,fp=NUMBER,fn=NUMBER,tn=NUMBER"
    try:
        return {k: float(v) for k, v in named_values(cost.split(","), "--cost", form).items()}
    except ValueError as error:
        raise BadInput(f"--cost {cost} is not {form}") from error
