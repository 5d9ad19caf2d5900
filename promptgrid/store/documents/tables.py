"""Defines the tables of documents and vectors. `metadata` holds these and all other tables."""

from __future__ import annotations

from sqlalchemy import Column, Float, ForeignKey, Index, LargeBinary, String, Table, Text, UniqueConstraint

from promptgrid.store.dialects.sql import Whole
from promptgrid.store.schema import metadata as metadata

collections = Table(
    "collections",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", Text, nullable=False),
    Column("created", Float, nullable=False),
    Column("updated", Float, nullable=False),
    Column("deleted", Float),  # hidden, until a purge removes it
)

document_texts = Table(
    "document_texts",
    metadata,
    Column("digest", String, primary_key=True),  # sha256 of the text
    Column("text", Text, nullable=False),  # NFKC; the ranges of chunks and of gold refer to it
    Column("chars", Whole, nullable=False),
)
"""The text of each document, stored once for all collections; its digest identifies the text that a range refers to."""

documents = Table(
    "documents",
    metadata,
    Column("id", Whole, primary_key=True),
    Column("collection_id", ForeignKey("collections.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),  # the file's path within the chosen folder
    Column("path", Text, nullable=False),  # absolute; "": uploaded
    Column("kind", String, nullable=False),  # txt · md · html · pdf · csv
    Column("title", Text, nullable=False),
    Column("bytes", Whole, nullable=False),
    Column("modified", Float, nullable=False),  # the file's time when it was read
    Column("file_digest", String, nullable=False),  # sha256 of the file's bytes; "": they were not read
    Column("text_digest", ForeignKey("document_texts.digest")),  # NULL: there is no text, `note` says why
    Column("pages", Text, nullable=False),  # JSON: where each page of a PDF or row of a table begins in the text
    Column("note", Text, nullable=False),
    Column("added", Float, nullable=False),
    UniqueConstraint("collection_id", "name"),
)

vectors = Table(
    "vectors",
    metadata,
    Column("key", String, primary_key=True),  # the hash of embedder, role and text
    Column("embedder", String, nullable=False, index=True),
    Column("dimension", Whole, nullable=False),
    Column("data", LargeBinary, nullable=False),  # float16, little-endian
)

retrieved = Table(
    "retrieved",
    metadata,
    Column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("retrieval", String, primary_key=True),  # the setting, as in the run's cells
    Column("case_id", Text, primary_key=True),
    Column("number", Whole, primary_key=True),  # in the prompt, from 1
    Column("document", Text, nullable=False),
    Column("digest", ForeignKey("document_texts.digest"), nullable=False),  # keeps the text when its collection goes
    Column("title", Text, nullable=False),
    Column("page", Whole),
    Column("start", Whole, nullable=False),
    Column("end", Whole, nullable=False),
    Column("rank", Whole, nullable=False),
    Column("score", Float, nullable=False),
    Index("retrieved_by_text", "digest"),
)
"""The passages that the cells of a run show, once for each case and setting of retrieval."""
