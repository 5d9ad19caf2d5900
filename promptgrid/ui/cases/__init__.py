"""The page Cases."""
