"""`promptgrid documents`: collections of documents, and searches in them."""

from __future__ import annotations

import click

from promptgrid.cli.documents.collection import add, delete, forget_vectors, list_, undelete
from promptgrid.cli.documents.faithfulness import faithfulness
from promptgrid.cli.documents.gold import gold, propose, review
from promptgrid.cli.documents.searching import measure, search


@click.group()
def documents() -> None:
    """Collections of documents: add files, search them, measure what a search finds."""


for command in (add, list_, search, measure, gold, propose, review, faithfulness, delete, undelete, forget_vectors):
    documents.add_command(command)
