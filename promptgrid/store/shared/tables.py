"""Defines the table of hosts. `metadata` holds this and all other tables."""

from __future__ import annotations

from sqlalchemy import Column, Float, String, Table, Text

from promptgrid.store.schema import metadata as metadata

hosts = Table(
    "hosts",
    metadata,
    Column("id", String, primary_key=True),  # random: each process that carries out runs has its own
    Column("name", Text, nullable=False),  # the machine's name, the process's id and its data folder
    Column("started", Float, nullable=False),  # by the database's clock, as `seen` is
    Column("seen", Float, nullable=False),
    Column("work", Text, nullable=False),  # JSON: see `hosts.Work`
)
"""The processes that carry out runs of a store on a server. A store in a file has none: its one runner holds a lock."""
