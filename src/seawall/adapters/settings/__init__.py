"""Settings: defaults, then `seawall.toml`, then the environment, then flags; the last one wins."""

from seawall.adapters.settings.load import load
from seawall.adapters.settings.place import writable
from seawall.adapters.settings.settings import Settings

__all__ = ["Settings", "load", "writable"]
