"""Verifies a Seawall audit log offline; imports nothing of Seawall."""

from seawall_verify.decision import DecisionReport, verify_decision
from seawall_verify.log import verify
from seawall_verify.report import Finding, Malformed, Report

__all__ = ["DecisionReport", "Finding", "Malformed", "Report", "verify", "verify_decision"]
