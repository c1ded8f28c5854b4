"""Declared objects in YAML files."""

from seawall.adapters.declared.documents import Source, sources
from seawall.adapters.declared.kinds import KINDS, TYPES
from seawall.adapters.declared.objects import Declared, Reader, read, typed

__all__ = ["KINDS", "TYPES", "Declared", "Reader", "Source", "read", "sources", "typed"]
