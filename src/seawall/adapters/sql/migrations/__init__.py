"""The steps that made the tables what they are."""
