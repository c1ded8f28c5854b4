"""Models, versions, data sets, provenance and lifecycle stages."""
