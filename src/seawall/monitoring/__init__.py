"""Baselines, windows, detectors and label maturity."""
