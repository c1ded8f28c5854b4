"""Triggers, challengers and their tiers."""
