"""The collections of documents that come with Promptgrid, each with a table of questions, answers and gold."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

from promptgrid import paths
from promptgrid.documents.adding import Addition, add, sources_of
from promptgrid.store import Database
from promptgrid.store.documents import collections


def sample_names() -> list[str]:
    """Returns the names of the collections that come with Promptgrid."""
    folder = paths.shipped_folder() / "prompts" / "documents"
    return sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def sample_folder(name: str) -> Path:
    """Returns the folder with the documents of this sample."""
    return paths.shipped_folder() / "prompts" / "documents" / name


def sample_cases(name: str) -> Path:
    """Returns the table of cases of this sample: question, expected, gold, quote."""
    return paths.shipped_folder() / "prompts" / "cases" / f"{name}.csv"


def add_sample(database: Database, name: str) -> Generator[Addition, None, str]:
    """Creates a collection of this name with the documents of the sample; yields how each file ended, and returns the
    collection's id. Raises StoreError if there is a collection of this name."""
    collection_id = collections.create(database, name)
    yield from add(database, collection_id, sources_of(sample_folder(name)).sources)
    return collection_id
