"""The control plane: REST, pages, reconcilers."""
