"""What a prediction passes through: signature, guards, limits, route, fallback, decision record."""
