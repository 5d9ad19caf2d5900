"""Drafts of what is typed on a page."""

from __future__ import annotations

import pytest

from promptgrid.store import Database, drafts
from tests.commits import HOSTILE


def test_drafts_are_kept_replaced_and_dropped(database: Database) -> None:
    assert drafts.draft(database, "p") is None
    drafts.keep_draft(database, "p", {"text": "one"})
    drafts.keep_draft(database, "p", {"text": HOSTILE})
    assert drafts.draft(database, "p") == {"text": HOSTILE}
    drafts.drop_draft(database, "p")
    assert drafts.draft(database, "p") is None


def test_a_draft_that_another_tab_has_written_is_not_overwritten(database: Database) -> None:
    first = drafts.keep_prompt_draft(database, "a", "films", "draft", {"text": HOSTILE}, None)
    assert first is not None
    second = drafts.keep_prompt_draft(database, "a", "films", "draft", {"text": "two"}, first)
    assert drafts.keep_prompt_draft(database, "a", "films", "draft", {"text": "three"}, first) is None
    drafts.drop_prompt_draft(database, "a", first)
    info = drafts.DraftInfo("a", "draft", second or 0)
    assert drafts.prompt_draft(database, "a") == (info, {"text": "two"})
    assert drafts.prompt_drafts_of(database, "films") == [info]
    assert drafts.drafted_prompts(database) == ["films"]
    drafts.drop_prompt_draft(database, "a", info.updated)
    assert drafts.prompt_draft(database, "a") is None


def test_of_replaced_content_the_newest_is_kept_and_of_unsaved_content_everything(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drafts, "ASIDE_LIMIT", 2)
    for number, kind in enumerate(["draft", "aside", "draft", "values", "aside", "aside"]):
        drafts.keep_prompt_draft(database, str(number), "films", kind, {}, None)  # type: ignore[arg-type]
    drafts.keep_prompt_draft(database, "other", "books", "aside", {}, None)
    assert {info.id for info in drafts.prompt_drafts_of(database, "films")} == {"0", "2", "4", "5"}
    assert {info.id for info in drafts.prompt_drafts_of(database, "books")} == {"other"}
