"""What the public face offers."""
