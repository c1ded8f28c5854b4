"""Decisions sent to people, and what they said."""
