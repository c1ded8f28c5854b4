"""Seawall: governs, validates, deploys, watches and controls models in production."""
