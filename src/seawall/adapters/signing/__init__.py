"""Keys, signed envelopes and signed model files."""
