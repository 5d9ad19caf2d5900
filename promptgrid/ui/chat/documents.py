"""Asking documents on the Chat page: the fields that choose a collection and how it is searched, and what would be
found for the question that is typed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from promptgrid.chat import ChatDocuments, Settings, retrieval
from promptgrid.chat.retrieval import INSTRUCTIONS, Retrieved
from promptgrid.chat.settings import QUERY_KINDS, QueryKind
from promptgrid.documents.chunkers import CHUNKER_KINDS, Chunker, parse_chunker
from promptgrid.documents.embedders import LOCAL
from promptgrid.documents.retrievers import Retriever, parse_retriever
from promptgrid.store.conversations import Node
from promptgrid.store.documents import collections
from promptgrid.ui import links
from promptgrid.ui.chat import actions
from promptgrid.ui.server import database
from promptgrid.ui.widgets.endpoints import embedder_field
from promptgrid.ui.widgets.fields import number_field
from promptgrid.ui.widgets.plain import plain

_NONE = ""
MOST_CHUNKS, INSTRUCTION_HEIGHT = 50, 90
RETRIEVERS = {"bm25": "words (BM25)", "embedding": "meaning (embedding)", "hybrid": "both (hybrid)"}
QUERIES: Mapping[QueryKind, str] = {
    "question": "the question alone",
    "conversation": f"the question with the {retrieval.QUESTIONS - 1} before it",
}


def documents_fields(conversation_id: str, settings: Settings) -> None:
    """Draws the choice of the collection that each question is searched for in, and how it is searched."""
    infos = {info.id: info.name for info in collections.listed(database())}
    documents = settings.documents
    current = documents.collection if documents else _NONE
    names = {_NONE: "none"} | infos
    if documents is not None and current not in infos:
        names[current] = f"{documents.name} (deleted)"
    key = f"chat_documents_{conversation_id}"
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Ask documents",
            list(names),
            list(names).index(current),
            format_func=names.__getitem__,
            key=key,
            on_change=_choose,
            args=(conversation_id, key),
            help="Each question is searched for in the collection; the chunks that are found are sent with it.",
        )
        if documents is not None:
            with st.popover("How", key=f"chat_documents_how_{conversation_id}"):
                _how(conversation_id, documents)
    if documents is None:
        if not infos:
            st.page_link(links.DOCUMENTS, label="Add documents")
        return
    if current not in infos:
        st.caption(":orange[●] This collection was deleted. The chunks of earlier replies are kept with them.")
        return
    by = RETRIEVERS[parse_retriever(documents.retriever).kind]
    words = f"Searched by {by} for {QUERIES[documents.query]}: at most {documents.k} chunks by {documents.chunker}."
    st.caption(plain(f"{words} Earlier turns are sent without their chunks."))


def preview(settings: Settings, nodes: Sequence[Node], text: str, *, answering: bool) -> tuple[Retrieved | None, str]:
    """Returns (what would be found for the typed `text`, or for the last turn of `nodes` if it is a question without a
    reply; why others may be found). Returns (None, "") without documents and without a question. With `answering`, the
    text is not counted. Raises DocumentsError if the collection was deleted."""
    questions = retrieval.questions_of(nodes)
    if text.strip() and not answering:
        questions.append(text)
    elif not (nodes and nodes[-1].role == "user"):
        return None, ""
    if settings.documents is None or not questions:
        return None, ""
    return retrieval.expected(database(), settings.documents, questions)


def _how(conversation_id: str, documents: ChatDocuments) -> None:
    retriever, chunker = parse_retriever(documents.retriever), parse_chunker(documents.chunker)

    def saved(name: str, change: Callable[[ChatDocuments, Any], ChatDocuments]) -> dict[str, Any]:
        """Returns the arguments of a widget whose value `change` puts into the settings."""
        key = f"chat_documents_{name}_{conversation_id}"
        return {"key": key, "on_change": _save, "args": (conversation_id, key, change)}

    kinds = list(RETRIEVERS)
    st.selectbox("Retriever", kinds, kinds.index(retriever.kind), format_func=RETRIEVERS.__getitem__,
                 **saved("retriever", _with_retriever))  # fmt: skip
    if retriever.embeds:
        embedder_field(retriever.embedder, **saved("embedder", _with_embedder))
    with st.container(horizontal=True):
        number_field("Chunks, at most", 1, MOST_CHUNKS, value=documents.k, step=1,
                     **saved("k", lambda use, k: replace(use, k=min(max(int(k or 1), 1), MOST_CHUNKS))))  # fmt: skip
        number_field("Tokens of a chunk", 1, value=chunker.size, step=20, **saved("size", _with_size))
    cutters = list(CHUNKER_KINDS)
    st.selectbox("Chunks are cut by", cutters, cutters.index(chunker.kind), **saved("chunker", _with_chunker))
    st.selectbox("Searched for is", QUERY_KINDS, QUERY_KINDS.index(documents.query), format_func=QUERIES.__getitem__,
                 **saved("query", lambda use, query: replace(use, query=query)))  # fmt: skip
    st.text_area(
        "What the model is told about the chunks",
        documents.instruction,
        height=INSTRUCTION_HEIGHT,
        placeholder=INSTRUCTIONS["en"],
        **saved("instruction", lambda use, text: replace(use, instruction=str(text or ""))),
    )
    st.page_link(links.DOCUMENTS, label="Open the collection", query_params={"collection": documents.collection})


def _with_retriever(documents: ChatDocuments, kind: Any) -> ChatDocuments:
    return replace(documents, retriever=str(replace(parse_retriever(documents.retriever), kind=kind)))


def _with_embedder(documents: ChatDocuments, embedder: Any) -> ChatDocuments:
    kind = parse_retriever(documents.retriever).kind
    return replace(documents, retriever=str(Retriever(kind, embedder or LOCAL)))


def _with_chunker(documents: ChatDocuments, kind: Any) -> ChatDocuments:
    return replace(documents, chunker=str(replace(parse_chunker(documents.chunker), kind=kind)))


def _with_size(documents: ChatDocuments, size: Any) -> ChatDocuments:
    chunker: Chunker = parse_chunker(documents.chunker)
    return replace(documents, chunker=str(replace(chunker, size=int(size or 1), overlap=0)))


@actions.attempt
def _choose(conversation_id: str, key: str) -> None:
    selected, settings = st.session_state[key], actions.settings_of(conversation_id)
    names = {info.id: info.name for info in collections.listed(database())}
    if not selected:
        actions.save_settings(conversation_id, replace(settings, documents=None))
    elif selected in names:
        documents = settings.documents or ChatDocuments(selected, names[selected])
        documents = replace(documents, collection=selected, name=names[selected])
        actions.save_settings(conversation_id, replace(settings, documents=documents))


@actions.attempt
def _save(conversation_id: str, key: str, change: Callable[[ChatDocuments, Any], ChatDocuments]) -> None:
    settings = actions.settings_of(conversation_id)
    if settings.documents is not None:
        documents = change(settings.documents, st.session_state[key])
        actions.save_settings(conversation_id, replace(settings, documents=documents))
