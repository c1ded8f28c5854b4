"""The composition root of the control plane: settings become an `App`, commands act on it."""
