"""Stores runs, cells, replies and drafts in one SQLite database. All SQL of the project is in this package."""

from promptgrid.store.database import Database
