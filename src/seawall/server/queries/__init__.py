"""What each page shows, read from the control plane: one module per page, App to view model."""
