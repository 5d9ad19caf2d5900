"""Stored replies, as the next run finds them."""

from __future__ import annotations

import pytest

from promptgrid.store import Database, stored_replies
from tests.commits import answer_all, greeting_plan, pending, queued

pytestmark = pytest.mark.usefixtures("openai")


def test_stored_replies_are_found_by_key_and_sample(database: Database) -> None:
    first, second = queued(database, greeting_plan(samples=2)), queued(database, greeting_plan(samples=3))
    answer_all(database, first)
    names = pending(database, second)
    keys = list({name.key for name in names})
    replies = stored_replies.stored_replies(database, keys)
    assert set(replies) == {(name.key, name.sample) for name in names if name.sample < 2}
    assert stored_replies.stored_samples(database, keys) == {key: {0, 1} for key in keys}
    assert stored_replies.stored_replies(database, keys, second) == {}  # paid for by another run
    assert stored_replies.stored_replies(database, ["nothing"]) == {}
