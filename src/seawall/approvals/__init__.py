"""Approvals, their conditions, challenges and exceptions."""
