"""How often verdicts pass and fail at, and beyond, a tolerance: `python -m benchmarks.power`."""
