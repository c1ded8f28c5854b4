"""Identities, roles, permissions and separation of duties."""
