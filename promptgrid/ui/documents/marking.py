"""Marks gold by hand: a passage of a document that answers a question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from promptgrid.ui.documents.passage import draw_passage_text
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
    with st.container(border=True, key="documents_gold_shown"):
        draw_passage_text(document.text, place.start, place.end, around=200)
    return place


def _mark(database: Database, collection_id: str, question: str, expected: str, passage: Passage | None) -> None:
    before = marked_questions(database, collection_id)
    keep_marked(database, collection_id, with_passage(before, question, expected, passage))
    st.session_state[_PASSAGE] = ""
    offer_undo(PAGE, f"Marked gold of: {one_line(question, 80)}", partial(keep_marked, database, collection_id, before))


@dataclass(frozen=True, slots=True)
class _Marked:
    """The marked `questions` of a collection, and its documents by name."""

    database: Database
    collection_id: str
    questions: Sequence[MarkedQuestion]
    documents: Mapping[str, StoredText]

    def keep(self, questions: Sequence[MarkedQuestion]) -> None:
        keep_marked(self.database, self.collection_id, questions)


def _marked(database: Database, info: CollectionInfo, documents: Mapping[str, StoredText]) -> None:
    marked = _Marked(database, info.id, marked_questions(database, info.id), documents)
    if not marked.questions:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(plain(f"{many(len(marked.questions), 'question')} marked"), width="stretch")
        data = marked_csv(marked.questions, documents)
        st.download_button("Download as CSV", data, f"{info.name}-gold.csv", "text/csv", key="documents_gold_csv")
    for at, one in enumerate(marked.questions):
        with st.container(border=True, key=f"documents_gold_{at}"):
            st.text(f"{one.question}\n{one.expected}".strip())
            _actions(marked, at)


def _actions(marked: _Marked, at: int) -> None:
    one = marked.questions[at]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(plain(one.gold or "no document answers it"), width="stretch")
        for number, passage in enumerate(parse_gold(one.gold)):
            st.button(f"Show {number + 1}", key=f"documents_gold_show_{at}_{number}", type="tertiary", on_click=_show,
                      args=(marked.collection_id, passage))  # fmt: skip
        for label, action in (("Edit", _edit), ("Delete", _delete)):
            key = f"documents_gold_{label.lower()}_{at}"
            st.button(label, key=key, type="tertiary", on_click=action, args=(marked, at))


def _show(collection_id: str, passage: Passage) -> None:
    st.query_params.update(
        {"collection": collection_id, "document": passage.document, "range": f"{passage.start}-{passage.end}"}
    )


def _edit(marked: _Marked, at: int) -> None:
    """Takes the question out of the list and puts it, with its first passage, into the fields."""
    one = marked.questions[at]
    passage = next((one for one in parse_gold(one.gold) if one.document in marked.documents), None)
    _delete(marked, at)
    quote = marked.documents[passage.document].text[passage.start : passage.end] if passage else ""
    fill_fields(one.question, one.expected, passage.document if passage else "", quote)


def fill_fields(question: str, expected: str, document: str, quote: str) -> None:
    """Puts these into the fields of `mark`; `document` is left as it is if it is empty. Call this in a callback."""
    st.session_state[_QUESTION], st.session_state[_EXPECTED], st.session_state[_PASSAGE] = question, expected, quote
    if document:
        st.session_state["documents_gold_document"] = document


def _delete(marked: _Marked, at: int) -> None:
    marked.keep([*marked.questions[:at], *marked.questions[at + 1 :]])
    text = f"Took out the gold of: {one_line(marked.questions[at].question, 80)}"
    offer_undo(PAGE, text, partial(marked.keep, marked.questions))
