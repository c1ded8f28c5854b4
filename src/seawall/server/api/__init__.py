"""The REST API at /api/v1."""
