"""Verifies a Seawall audit log offline; imports nothing of Seawall."""
