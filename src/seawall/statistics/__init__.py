"""Grids, mergeable summaries and the estimates read off them."""
