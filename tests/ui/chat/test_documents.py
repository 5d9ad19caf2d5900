"""Asking documents on the Chat page, and the passage that a citation opens on the page Documents."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from promptgrid import chat
from promptgrid.chat import ChatVariant, Settings
from promptgrid.documents.adding import Source, add
from promptgrid.store import Database, conversations
from promptgrid.store.documents import collections
from promptgrid.ui.chat import actions
from promptgrid.ui.chat.log import _evidence
from tests.chat.talk import OK
from tests.faults.server import HostileServer
from tests.ui import pages
from tests.ui.pages import address, press, ran, shown

pytestmark = pytest.mark.usefixtures("library")
opened = partial(pages.opened, "10_Chat.py")
BOAT = "The boat leaves at nine. <b>![x](http://x)</b> [2]"


@pytest.fixture
def harbour(database: Database, endpoint: HostileServer) -> str:
    """The id of a collection of two documents; the model cites the first chunk and one that there is not."""
    endpoint.answer = lambda body: "At nine [1], see [7]."
    collection_id = collections.create(database, "harbour")
    sources = [Source("boat.md", data=BOAT.encode()), Source("bakery.txt", data=b"The bakery opens at six.")]
    for _ in add(database, collection_id, sources):
        pass
    return collection_id


@pytest.fixture
def talk(database: Database) -> str:
    return conversations.create(database, "Talk", chat.to_json(Settings((ChatVariant(1, OK),))))


def send(at: AppTest, talk: str, text: str) -> AppTest:
    at.text_area(key=actions.text_key(talk)).set_value(text)
    at.button(key="chat_send").click()
    ran(at)
    actions.rounds()[talk].wait(60)
    return ran(at)


def choose(at: AppTest, talk: str, collection_id: str) -> AppTest:
    at.selectbox(key=f"chat_documents_{talk}").set_value(collection_id)
    return ran(at)


def reply_of(database: Database, talk: str) -> conversations.VariantReply:
    now = conversations.load(database, talk)
    return now.nodes[now.leaf or 0].replies[1]


def sent(hostile: HostileServer) -> list[dict[str, Any]]:
    last = [one for one in hostile.requests if one.path.endswith("/completions")][-1]
    messages: list[dict[str, Any]] = last.body["messages"]
    return messages


def test_a_question_is_asked_of_a_collection_and_its_chunks_stand_with_the_reply(
    database: Database, harbour: str, talk: str, hostile: HostileServer
) -> None:
    at = choose(opened(chat=talk), talk, harbour)
    assert "Searched by words (BM25) for the question alone: at most 4 chunks by recursive." in shown(at)
    at = send(at, talk, "When does the boat leave?")
    content = sent(hostile)[-1]["content"]
    assert content.startswith(chat.retrieval.INSTRUCTIONS["en"])
    assert content.endswith(f"{BOAT}\n\nWhen does the boat leave?")
    evidence = _evidence(reply_of(database, talk))
    assert evidence["pieces"] == [("At nine ", 0), ("[1]", 1), (", see ", 0), ("[7]", 0), (".", 0)]
    (chunk,) = evidence["chunks"]
    assert (chunk["number"], chunk["text"], "cited" in chunk["note"]) == (1, BOAT, True)
    assert f"range=0-{len(BOAT)}" in chunk["address"]
    request = conversations.request_of(database, reply_of(database, talk))
    assert json.loads(request or "")["messages"] == sent(hostile)
    at = send(at, talk, "zebra?")
    assert sent(hostile)[-1]["content"] == "zebra?"
    assert "No chunk of harbour was found" in _evidence(reply_of(database, talk))["found"]


def test_what_will_be_sent_is_shown_and_counted_while_the_question_is_typed(
    database: Database, harbour: str, talk: str
) -> None:
    at = choose(opened(chat=talk), talk, harbour)
    at.text_area(key=actions.text_key(talk)).set_value("When does the boat leave?")
    at.session_state["chat_next"] = True
    at = ran(at)
    components = [str(one.proto) for one in at.get("bidi_component")]
    assert any("numbered passages" in one and "When does the boat leave?" in one for one in components)
    assert any("retrieved" in one and "tokens" in one for one in components)
    at.selectbox(key=f"chat_documents_retriever_{talk}").set_value("embedding")
    assert "the documents are searched when it is sent" in "".join(
        str(one.proto) for one in ran(at).get("bidi_component")
    )


def test_settings_of_the_search_are_kept_and_a_deleted_collection_is_said(
    database: Database, harbour: str, talk: str, hostile: HostileServer
) -> None:
    at = choose(opened(chat=talk), talk, harbour)
    at.selectbox(key=f"chat_documents_chunker_{talk}").set_value("sentences")
    at.number_input(key=f"chat_documents_size_{talk}").set_value(60)
    at.number_input(key=f"chat_documents_k_{talk}").set_value(2)
    at.selectbox(key=f"chat_documents_query_{talk}").set_value("conversation")
    at.text_area(key=f"chat_documents_instruction_{talk}").set_value("Only these:")
    at = ran(at)
    documents = chat.from_json(conversations.load(database, talk).settings).documents
    assert documents is not None
    assert (documents.chunker, documents.k, documents.query, documents.instruction) == (
        "sentences:size=60", 2, "conversation", "Only these:")  # fmt: skip
    collections.delete(database, harbour)
    at = ran(at)
    assert "This collection was deleted" in shown(at)
    at = send(at, talk, "When does the boat leave?")
    assert "harbour was deleted" in reply_of(database, talk).error
    at = choose(at, talk, "")
    assert chat.from_json(conversations.load(database, talk).settings).documents is None


def test_the_address_of_a_chunk_shows_its_passage_and_says_what_has_changed(database: Database, harbour: str) -> None:
    visit = partial(pages.opened, "13_Documents.py")
    digest = next(one.text_digest for one in collections.documents_of(database, harbour) if one.name == "boat.md")
    place = {"collection": harbour, "document": "boat.md", "range": "4-8", "text": str(digest)}
    page = visit(**place)
    assert [one.value for one in page.text][:3] == ["The", "boat", "leaves at nine. <b>![x](http://x)</b> [2]"]
    assert address(page) == place
    for _ in add(database, harbour, [Source("boat.md", data=b"Gone.")]):
        pass
    page = visit(**place)
    assert "The document has changed since" in shown(page)
    assert [one.value for one in page.text][1] == "boat"
    collections.delete(database, harbour)
    collections.purge(database)
    page = visit(**place)
    assert "This text is no longer kept" in shown(page)
    page = press(page, "documents_passage_close")
    assert "document" not in address(page)
