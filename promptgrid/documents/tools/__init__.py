"""Results of tools that are computed from vectors, of words."""
