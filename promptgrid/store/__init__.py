"""Stores runs, cells, replies and drafts in SQLite or PostgreSQL. All SQL of the project is in this package."""

from promptgrid.store.database import Database
