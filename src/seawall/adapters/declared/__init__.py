"""Declared objects in YAML files."""

from seawall.adapters.declared.documents import Source, sources
from seawall.adapters.declared.objects import Declared, Reader, read, typed

__all__ = ["Declared", "Reader", "Source", "read", "sources", "typed"]
