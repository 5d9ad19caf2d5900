"""Conversations in the database: edited, deleted, restored."""

from __future__ import annotations

import pytest

from promptgrid.errors import StoreError
from promptgrid.store import Database, conversations
from promptgrid.store.conversations import VariantReply
from tests.chat.talk import Talk

pytestmark = pytest.mark.usefixtures("endpoint")


def test_a_conversation_is_deleted_restored_and_removed_for_good(database: Database) -> None:
    talk = Talk(database)
    talk.add("user", "one")
    talk.ask()
    conversations.delete(database, talk.id)
    assert conversations.listed(database) == []
    conversations.restore(database, talk.id)
    assert [info.name for info in conversations.listed(database)] == ["Talk"]
    conversations.delete(database, talk.id)
    assert conversations.purge(database) == 1
    with pytest.raises(StoreError, match="no conversation"):
        talk.now  # noqa: B018
    with pytest.raises(StoreError, match="no conversation"):
        conversations.rename(database, talk.id, "x")


def test_replies_of_a_turn_are_edited_one_variant_at_a_time(database: Database) -> None:
    talk = Talk(database)
    talk.add("user", "one")
    talk.ask()
    slot = talk.now.leaf or 0
    with database.write() as connection:
        conversations.keep_reply(connection, slot, 2, VariantReply("second"))
    conversations.change_turn(database, talk.id, slot, "mended", 1)
    assert (talk.said(1)[-1], talk.said(2)[-1]) == ("mended", "second")
    assert talk.now.nodes[slot].replies[1].state == "edited"


def test_an_edited_reply_keeps_the_chunks_that_were_found_for_its_turn(database: Database) -> None:
    talk = Talk(database)
    slot = talk.add("assistant")
    retrieved = {"query": "何时开船？", "chunks": [{"text": "\ud800<b>九点</b>"}]}
    with database.write() as connection:
        conversations.keep_reply(connection, slot, 1, VariantReply("nine [1]", retrieved=retrieved))
    conversations.change_turn(database, talk.id, slot, "at nine [1]", 1)
    reply = talk.now.nodes[slot].replies[1]
    assert (reply.text, reply.state) == ("at nine [1]", "edited")
    assert reply.retrieved == {"query": "何时开船？", "chunks": [{"text": "\ufffd<b>九点</b>"}]}
