"""Cuts texts into terms, ranks them by BM25, and fuses orders. Pure."""
