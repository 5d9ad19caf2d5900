"""Stores collections of documents, the texts of their documents, and vectors of texts."""
