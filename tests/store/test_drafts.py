"""Drafts of what is typed on a page."""

from __future__ import annotations

from promptgrid.store import Database, drafts
from tests.commits import HOSTILE


def test_drafts_are_kept_replaced_and_dropped(database: Database) -> None:
    assert drafts.draft(database, "p") is None
    drafts.keep_draft(database, "p", {"text": "one"})
    drafts.keep_draft(database, "p", {"text": HOSTILE})
    assert drafts.draft(database, "p") == {"text": HOSTILE}
    drafts.drop_draft(database, "p")
    assert drafts.draft(database, "p") is None
