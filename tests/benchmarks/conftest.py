"""Benchmarks stand beside the package, not in it: make them importable."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))
