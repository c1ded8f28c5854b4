"""Rollout plans, their steps, and the judgement of each."""
