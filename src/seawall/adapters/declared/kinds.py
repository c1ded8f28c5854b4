"""Every kind that can be declared, and the type it becomes."""

from __future__ import annotations

from seawall.adapters.declared.objects import Reader
from seawall.incidents.runbook import Runbook
from seawall.monitoring.plan import MonitorPlan
from seawall.policy.policy import Policy
from seawall.registry.model import Model
from seawall.retraining.plan import RetrainingPlan
from seawall.rollout.experiment import Experiment
from seawall.rollout.plan import RolloutPlan
from seawall.serving.endpoint import Endpoint
from seawall.serving.reviewed import ReviewedSignature
from seawall.slo.objective import Objective, read_slo
from seawall.validation.plan import ValidationPlan

TYPES: dict[str, type] = {
    "Model": Model,
    "Signature": ReviewedSignature,
    "Endpoint": Endpoint,
    "Policy": Policy,
    "ValidationPlan": ValidationPlan,
    "Rollout": RolloutPlan,
    "Experiment": Experiment,
    "SLO": Objective,
    "Monitor": MonitorPlan,
    "Runbook": Runbook,
    "Retraining": RetrainingPlan,
}

KINDS: dict[str, Reader] = {**TYPES, "SLO": read_slo}
"""How each kind is read: objectives come as OpenSLO documents, all others by their fields."""
