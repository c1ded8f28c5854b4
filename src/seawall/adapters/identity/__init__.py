"""Hashing of token secrets."""

from seawall.adapters.identity.hashing import hash_secret, verify_secret

__all__ = ["hash_secret", "verify_secret"]
