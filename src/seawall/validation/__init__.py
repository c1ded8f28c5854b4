"""Validation plans, their checks, findings and attestations."""
