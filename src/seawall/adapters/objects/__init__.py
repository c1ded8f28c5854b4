"""Artefacts and reports by the digest of their bytes, in a folder or in object storage."""

from seawall.adapters.objects.store import ObjectStore

__all__ = ["ObjectStore"]
