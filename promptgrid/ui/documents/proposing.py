"""Gold that a model proposes: the fields that ask it, and its proposals, each to be accepted or refused."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from promptgrid.budget import BudgetReached
from promptgrid.cases.table import read_cases
from promptgrid.connections import DEFAULT_MODEL
from promptgrid.documents.answers.proposals import GoldProposal, accept, drop, keep_proposals, proposals
from promptgrid.documents.chunkers import Chunker
from promptgrid.documents.chunks import Passage
from promptgrid.documents.evaluation import question_texts
from promptgrid.documents.marking import keep_marked, marked_questions
from promptgrid.documents.retrievers import Retriever
from promptgrid.errors import PromptgridError
from promptgrid.grid.preflight import ModelPreflight
from promptgrid.humanize import duration, many
from promptgrid.judging.gold import GoldAsk, gold_asks, gold_preflight, propose
from promptgrid.runner import phrases
from promptgrid.store import Database
from promptgrid.store.documents import collections
from promptgrid.store.documents.collections import CollectionInfo, StoredText
from promptgrid.text import one_line
from promptgrid.ui import server
from promptgrid.ui.documents.collection import PAGE
from promptgrid.ui.documents.marking import fill_fields
from promptgrid.ui.documents.passage import draw_passage_text
from promptgrid.ui.documents.searching import RETRIEVER_WORDS, SEARCHING, prepared_index
from promptgrid.ui.widgets.feedback import calls_label, showing_errors
from promptgrid.ui.widgets.fields import number_field
from promptgrid.ui.widgets.plain import plain
from promptgrid.ui.widgets.undo import offer_undo

_OFFER, _AROUND, _SHOWN = "documents_proposing", 200, 5


@dataclass(frozen=True, slots=True)
class _Offer:
    """What a model would be asked for the gold of a collection, and what that would cost."""

    collection_id: str
    model: str
    asks: Sequence[GoldAsk]
    preflight: ModelPreflight


def propose_gold(database: Database, info: CollectionInfo, chunker: Chunker | None) -> None:
    """Draws the proposals that wait for a decision, and below them the closed fields that ask a model for others."""
    _pending(database, info)
    with st.expander("Let a model propose passages", key="documents_propose", on_change="rerun") as opened:
        if opened.open and chunker is not None:
            _fields(database, info, chunker)


def _fields(database: Database, info: CollectionInfo, chunker: Chunker) -> None:
    st.caption(
        "For each question a model copies the words that answer it. Words that the document does not have are refused;"
        " the others are proposals until you accept them. It is shown what the retriever finds, so it cannot propose"
        " what the retriever misses: do not measure one retriever by gold from it alone."
    )
    typed = st.text_area("Questions, one per line", key="documents_propose_questions", height=90)
    file = st.file_uploader("or a table with the column question", type=["csv", "tsv", "xlsx", "jsonl", "json"],
                            key="documents_propose_file")  # fmt: skip
    left, middle, right = st.columns([4, 2, 1], vertical_alignment="bottom")
    model = left.selectbox(
        "Model", server.model_refs(DEFAULT_MODEL), key="documents_propose_model", accept_new_options=True
    )
    kind = middle.selectbox("Shown by", SEARCHING, format_func=RETRIEVER_WORDS.__getitem__, key="documents_propose_by")
    with right:
        k = number_field("Chunks", 1, 50, key="documents_propose_k", value=5)
    if st.button("Look up passages", key="documents_propose_look", disabled=not ((typed.strip() or file) and model)):
        with showing_errors():
            questions = [(line.strip(), "") for line in typed.splitlines() if line.strip()]
            questions += question_texts(read_cases(file.getvalue(), name=file.name).cases) if file else []
            questions = _unmarked(database, info, questions)
            retriever = Retriever(kind)
            index = prepared_index(database, info, chunker, [retriever])
            asks = gold_asks(database, index, retriever, int(k or 5), questions)
            st.session_state[_OFFER] = _Offer(info.id, model, asks, gold_preflight(database, asks, model))
    offer: _Offer | None = st.session_state.get(_OFFER)
    if offer is not None and offer.collection_id == info.id:
        _consent(database, offer)


def _unmarked(database: Database, info: CollectionInfo, questions: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Returns the questions that are not marked, each once; says how many are."""
    marked = {one.question for one in marked_questions(database, info.id)}
    if count := len({question for question, _ in questions} & marked):
        st.caption(f"{many(count, 'question')} marked already: not asked.")
    return [*{question: (question, expected) for question, expected in questions if question not in marked}.values()]


def _consent(database: Database, offer: _Offer) -> None:
    """Draws what asking would cost, and the button that asks."""
    if not offer.asks:
        st.caption("There is no question to ask.")
        return
    one = offer.preflight
    mark = "" if one.exact else "≈ "
    parts = [f"{mark}{one.prompt_tokens:,} prompt tokens", phrases.dated_cost(one, [one]), duration(one.seconds)]
    parts += [f"{one.answered:,} asked already"] if one.answered else []
    st.markdown(f"**{plain(one.ref)}** · {plain(' · '.join(filter(None, parts)))}")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        budget = st.text_input("Budget", key="documents_propose_budget", placeholder="none; 2.50usd, 500calls")
        label = calls_label(f"Ask for {many(len(offer.asks), 'passage')}", one.calls)
        if not st.button(label, key="documents_propose_go", type="primary"):
            return
    bar = st.progress(0.0, "Asking…")

    def show(done: int, total: int) -> None:
        bar.progress(done / max(total, 1), f"{done:,} of {many(total, 'question')} asked")

    try:
        propose(database, offer.collection_id, offer.asks, offer.model, budget=budget, on_progress=show)
    except (PromptgridError, BudgetReached) as error:
        bar.empty()
        st.error(plain(f"{error} What was proposed before is below."))
        return
    st.session_state.pop(_OFFER)
    st.rerun()


def _pending(database: Database, info: CollectionInfo) -> None:
    """Draws the first proposals of the collection, each with its decision."""
    waiting = proposals(database, info.id)
    if not waiting:
        return
    documents = {one.name: one for one in collections.texts(database, info.id)}
    st.markdown(f"**{many(len(waiting), 'proposal')}** · nothing is gold before you accept it")
    for one in waiting[:_SHOWN]:
        _card(database, info.id, one, documents)
    if len(waiting) > _SHOWN:
        st.caption(f"{len(waiting) - _SHOWN:,} more come when these are decided.")


def _card(database: Database, collection_id: str, one: GoldProposal, documents: Mapping[str, StoredText]) -> None:
    key = f"documents_proposal_{_digest(one)}"
    with st.container(border=True, key=key):
        st.text(f"{one.question}\n{one.expected}".strip())
        st.caption(plain(f"By {one.model} · {one.place_words(documents)}"))
        place = _place(one, documents, key)
        possible, this = place is not None or one.none, (database, collection_id, one)
        with st.container(horizontal=True):
            if possible:
                label = "No document answers it" if one.none else "Accept"
                st.button(label, key=f"{key}_yes", on_click=_decide, args=(*this, True, place))
            st.button("Refuse" if possible else "Remove", key=f"{key}_no", on_click=_decide, args=this)
            st.button("Mark by hand", key=f"{key}_edit", type="tertiary", on_click=_by_hand, args=this)


def _place(one: GoldProposal, documents: Mapping[str, StoredText], key: str) -> Passage | None:
    """Draws the quotation with its surroundings, with a selector if it stands in several places; returns its place,
    None if it has none."""
    places = one.places(documents)
    if not places:
        return None
    place = places[0]
    if len(places) > 1:
        place = st.selectbox(f"Stands there {len(places):,} times: which one?", places, key=f"{key}_place",
                             format_func=lambda one: f"characters {one.start:,}–{one.end:,}")  # fmt: skip
    draw_passage_text(documents[one.document].text, place.start, place.end, around=_AROUND)
    return place


def _digest(one: GoldProposal) -> str:
    return hashlib.sha256(repr(one).encode("utf-8", "replace")).hexdigest()[:12]


def _decide(
    database: Database, collection_id: str, one: GoldProposal, accepted: bool = False, passage: Passage | None = None
) -> None:
    """Accepts the proposal, with this passage as gold (None: no document answers), or else refuses it."""
    marked, waiting = marked_questions(database, collection_id), proposals(database, collection_id)
    if accepted:
        accept(database, collection_id, one, passage)
    else:
        drop(database, collection_id, one)

    def restore() -> None:
        keep_marked(database, collection_id, marked)
        keep_proposals(database, collection_id, waiting)

    offer_undo(PAGE, f"{'Accepted' if accepted else 'Refused'}: {one_line(one.question, 80)}", restore)


def _by_hand(database: Database, collection_id: str, one: GoldProposal) -> None:
    """Removes the proposal, and puts its question and quotation into the fields for marking by hand."""
    _decide(database, collection_id, one)
    fill_fields(one.question, one.expected, one.document, one.quote)
