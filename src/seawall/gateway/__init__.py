"""The data plane between callers and models."""
