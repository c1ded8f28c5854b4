"""Spark data frames: rows are counted where they are, one small summary per partition."""

from seawall.adapters.spark.frame import count, head, is_frame, types

__all__ = ["count", "head", "is_frame", "types"]
