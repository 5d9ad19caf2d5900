"""Marks gold by hand: a passage of a document that answers a question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import streamlit as st

from promptgrid.documents.chunks import Passage
from promptgrid.documents.gold import parse_gold, places_of
from promptgrid.documents.marking import MarkedQuestion, keep_marked, marked_questions, with_passage
from promptgrid.export.gold import marked_csv
from promptgrid.humanize import many
from promptgrid.store import Database
from promptgrid.store.documents import collections
from promptgrid.store.documents.collections import CollectionInfo, StoredText
from promptgrid.text import one_line
from promptgrid.ui.documents.collection import PAGE
from promptgrid.ui.widgets.plain import plain
from promptgrid.ui.widgets.undo import offer_undo

_QUESTION, _EXPECTED, _PASSAGE = "documents_gold_question", "documents_gold_expected", "documents_gold_passage"


def mark(database: Database, info: CollectionInfo) -> None:
    """Draws the fields that mark a passage as gold of a question, the questions marked so far, and their download."""
    documents = {one.name: one for one in collections.texts(database, info.id)}
    if not documents:
        st.caption("The collection has no text yet.")
        return
    st.caption("Gold: the passage that answers a question. Marked once, it measures every chunker and retriever.")
    question = st.text_input("Question", key=_QUESTION).strip()
    expected = st.text_input("Expected answer", key=_EXPECTED, placeholder="optional").strip()
    name = st.selectbox("Document", list(documents), key="documents_gold_document")
    quote = st.text_area("Its passage", key=_PASSAGE, placeholder="Paste the words of the document, in full")
    passage = _place(documents[name], quote) if quote.strip() else None
    label = "Mark the passage" if quote.strip() else "No document answers it"
    st.button(label, key="documents_gold_mark", type="primary", on_click=_mark,
              disabled=not question or (passage is None and bool(quote.strip())),
              args=(database, info.id, question, expected, passage))  # fmt: skip
    _marked(database, info, documents)


def _place(document: StoredText, quote: str) -> Passage | None:
    """Draws where the quoted text stands, with a selector if it stands there more than once; returns that passage, None
    if the document does not have it."""
    places = places_of(document, quote)
    if not places:
        st.caption(plain(f"● {one_line(quote, 60)} does not stand in {document.name}."))
        return None
    place = places[0]
    if len(places) > 1:
        place = st.selectbox(f"Stands there {len(places):,} times: which one?", places, key="documents_gold_place",
                             format_func=lambda one: f"characters {one.start:,}–{one.end:,}")  # fmt: skip
    before, behind = document.text[max(0, place.start - 200) : place.start], document.text[place.end : place.end + 200]
    with st.container(border=True, key="documents_gold_shown"):
        st.text(before.rstrip())
        with st.container(border=True):
            st.text(document.text[place.start : place.end])
        st.text(behind.lstrip())
    return place


def _mark(database: Database, collection_id: str, question: str, expected: str, passage: Passage | None) -> None:
    before = marked_questions(database, collection_id)
    keep_marked(database, collection_id, with_passage(before, question, expected, passage))
    st.session_state[_PASSAGE] = ""
    offer_undo(PAGE, f"Marked gold of: {one_line(question, 80)}", partial(keep_marked, database, collection_id, before))


def _marked(database: Database, info: CollectionInfo, documents: Mapping[str, StoredText]) -> None:
    questions = marked_questions(database, info.id)
    if not questions:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(plain(f"{many(len(questions), 'question')} marked"), width="stretch")
        data = marked_csv(questions, documents)
        st.download_button("Download as CSV", data, f"{info.name}-gold.csv", "text/csv", key="documents_gold_csv")
    for at, one in enumerate(questions):
        with st.container(border=True, key=f"documents_gold_{at}"):
            st.text(f"{one.question}\n{one.expected}".strip())
            _actions(database, info.id, questions, at, documents)


def _actions(
    database: Database,
    collection_id: str,
    questions: Sequence[MarkedQuestion],
    at: int,
    documents: Mapping[str, StoredText],
) -> None:
    one = questions[at]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(plain(one.gold or "no document answers it"), width="stretch")
        for number, passage in enumerate(parse_gold(one.gold)):
            st.button(f"Show {number + 1}", key=f"documents_gold_show_{at}_{number}", type="tertiary", on_click=_show,
                      args=(collection_id, passage))  # fmt: skip
        st.button("Edit", key=f"documents_gold_edit_{at}", type="tertiary", on_click=_edit,
                  args=(database, collection_id, questions, at, documents))  # fmt: skip
        st.button("Delete", key=f"documents_gold_delete_{at}", type="tertiary", on_click=_delete,
                  args=(database, collection_id, questions, at))  # fmt: skip


def _show(collection_id: str, passage: Passage) -> None:
    st.query_params.update(
        {"collection": collection_id, "document": passage.document, "range": f"{passage.start}-{passage.end}"}
    )


def _edit(
    database: Database,
    collection_id: str,
    questions: Sequence[MarkedQuestion],
    at: int,
    documents: Mapping[str, StoredText],
) -> None:
    """Takes the question out of the list and puts it, with its first passage, into the fields."""
    one = questions[at]
    passage = next((one for one in parse_gold(one.gold) if one.document in documents), None)
    _delete(database, collection_id, questions, at)
    st.session_state[_QUESTION], st.session_state[_EXPECTED] = one.question, one.expected
    if passage:
        st.session_state["documents_gold_document"] = passage.document
        st.session_state[_PASSAGE] = documents[passage.document].text[passage.start : passage.end]


def _delete(database: Database, collection_id: str, questions: Sequence[MarkedQuestion], at: int) -> None:
    keep_marked(database, collection_id, [*questions[:at], *questions[at + 1 :]])
    text = f"Took out the gold of: {one_line(questions[at].question, 80)}"
    offer_undo(PAGE, text, partial(keep_marked, database, collection_id, questions))
