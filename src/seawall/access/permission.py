"""May this identity do that? Decided by the Cedar policies in `policies.cedar`."""

from __future__ import annotations

import functools
import importlib.resources
import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from seawall.access.action import Action as Action
from seawall.access.identity import Identity
from seawall.access.role import Role

if TYPE_CHECKING:
    import cedarpy


class Decision(msgspec.Struct, frozen=True):
    """Whether it is allowed, and a sentence that says why."""

    allowed: bool
    reason: str

    def __bool__(self) -> bool:
        return self.allowed


def permit(identity: Identity, action: Action, resource: Mapping[str, Any]) -> Decision:
    """Whether the identity may do this to a resource of which these facts hold.

    Facts that policies read: `kind` (of a declared object), `author` and `validator` (of a
    version), `identity` (that is managed). What no policy allows is denied.
    """
    allowed, reasons = _decide(identity, identity.roles, action, resource)
    if allowed or reasons:
        return Decision(allowed, "; ".join(reasons))
    able = [role for role in Role if _decide(identity, (role,), action, resource)[0]]
    held = ", ".join(identity.roles) or "no role"
    needed = f"it needs {' or '.join(able)}" if able else "no role allows it"
    return Decision(False, f"{identity.id} is {held}; {needed}")


def _decide(
    identity: Identity, roles: Iterable[Role], action: Action, resource: Mapping[str, Any]
) -> tuple[bool, list[str]]:
    import cedarpy

    policies, reasons = _policies()
    attributes = {
        "id": identity.id,
        "roles": [str(role) for role in roles],
        "account": identity.account,
        "active": identity.active,
    }
    principal = {"type": "Identity", "id": identity.id}
    target = {"type": "Resource", "id": ""}
    result = cedarpy.is_authorized(
        {
            "principal": principal,
            "action": {"type": "Action", "id": str(action)},
            "resource": target,
            "context": {},
        },
        policies,
        [
            {"uid": principal, "attrs": attributes, "parents": []},
            {"uid": target, "attrs": _facts(resource), "parents": []},
        ],
    )
    if result.diagnostics.errors:  # a policy that cannot be evaluated must not open a door
        return False, [str(error) for error in result.diagnostics.errors]
    told = [reasons[name] for name in sorted(result.diagnostics.reasons) if name in reasons]
    return result.allowed, told


@functools.cache
def _policies() -> tuple[cedarpy.PolicySet, dict[str, str]]:
    """The parsed policies, and the reason that each is annotated with."""
    import cedarpy

    text = importlib.resources.files("seawall.access").joinpath("policies.cedar").read_text("utf-8")
    parsed: dict[str, Any] = json.loads(cedarpy.policies_to_json_str(text))
    reasons = {
        name: policy["annotations"]["reason"]
        for name, policy in parsed["staticPolicies"].items()
        if "reason" in policy.get("annotations", {})
    }
    return cedarpy.PolicySet.from_str(text), reasons


def _facts(resource: Mapping[str, Any]) -> dict[str, Any]:
    """The facts as Cedar knows them: it has no null and no fraction, so those are left or told."""
    return {name: _fact(value) for name, value in resource.items() if value is not None}


def _fact(value: object) -> Any:
    if isinstance(value, bool | int):
        return value
    if isinstance(value, list | tuple | set | frozenset):
        return [_fact(item) for item in value]  # pyright: ignore[reportUnknownArgumentType]
    return str(value)
