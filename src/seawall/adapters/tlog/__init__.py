"""The audit log as a folder of files that any tlog-tiles client reads."""

from seawall.adapters.tlog.folder import LogFolder, LogWriter

__all__ = ["LogFolder", "LogWriter"]
