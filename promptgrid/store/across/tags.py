"""Stores the marks by which a person finds runs again: favourites, and tags of a few words."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from promptgrid.errors import StoreError
from promptgrid.store.database import Database, storable
from promptgrid.store.schema import runs

LONGEST_TAG = 40  # characters


def set_favourite(database: Database, run_id: str, favourite: bool) -> None:
    """Makes the run a favourite, or with `favourite` False no longer one."""
    with database.write() as connection:
        connection.execute(runs.update().where(runs.c.id == run_id).values(favourite=favourite))


def change_tags(
    database: Database, run_id: str, *, add: Iterable[str] = (), remove: Iterable[str] = ()
) -> tuple[str, ...]:
    """Adds tags to the run and removes others, in this order; returns its tags, the oldest first. Upper and lower case
    are the same tag. A tag that is to be removed and is not there is ignored.

    Raises StoreError for an empty or too long tag, and when the run does not exist.
    """
    new, gone = [as_tag(text) for text in add], {as_tag(text).casefold() for text in remove}
    with database.write() as connection:
        stored = connection.scalar(sa.select(runs.c.tags).where(runs.c.id == run_id))
        if stored is None:
            raise StoreError(f"There is no run {run_id} to tag.", hint="`promptgrid runs` lists those that are there.")
        by_word: dict[str, str] = {}
        for tag in (*json.loads(stored), *new):
            by_word.setdefault(tag.casefold(), tag)
        tags = tuple(tag for word, tag in by_word.items() if word not in gone)
        connection.execute(runs.update().where(runs.c.id == run_id).values(tags=tags_json(tags)))
    return tags


def as_tag(text: str) -> str:
    """Returns the text as a tag: in one line, without spaces at its ends. Raises StoreError if it is empty or longer
    than LONGEST_TAG characters."""
    tag = storable(" ".join(text.split()))
    if not tag:
        raise StoreError("A tag is empty.", hint="Give it a word.")
    if len(tag) > LONGEST_TAG:
        raise StoreError(f'The tag "{tag[:LONGEST_TAG]}…" is too long.', hint=f"It can have {LONGEST_TAG} characters.")
    return tag


def tags_json(tags: Sequence[str]) -> str:
    return json.dumps(tags, ensure_ascii=False)  # so that SQL finds a tag in any language


def tag_counts(database: Database) -> dict[str, int]:
    """Returns the tags of all runs that are not deleted, each with its number of runs: the most frequent first, equally
    frequent ones by name. Spellings that differ only in case are one tag, in its spelling on the oldest run."""
    query = sa.select(runs.c.tags).where(runs.c.deleted.is_(None), runs.c.tags != "[]").order_by(runs.c.created)
    spelling: dict[str, str] = {}
    counts: Counter[str] = Counter()
    with database.read() as connection:
        for stored in connection.scalars(query):
            for tag in json.loads(stored):
                counts[spelling.setdefault(tag.casefold(), tag)] += 1
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0].casefold())))
