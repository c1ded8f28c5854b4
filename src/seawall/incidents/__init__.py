"""Alerts, incidents, runbooks and postmortems."""
