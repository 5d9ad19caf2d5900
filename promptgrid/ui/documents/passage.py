"""Shows a passage of a document at its place, as the address of the page names it:
`?collection=…&document=…&range=START-END&text=DIGEST`."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from promptgrid.store import Database
from promptgrid.store.documents import collections
from promptgrid.ui.links import parse_number
from promptgrid.ui.widgets.plain import plain

_AROUND = 1500  # characters before and behind the passage
_NAMES = ("document", "range", "text")


@dataclass(frozen=True, slots=True)
class _Place:
    """The characters from `start` up to `end` of a document; `digest` is that of the text that the range refers to, ""
    for the document's text as it is now."""

    collection: str
    document: str
    start: int
    end: int
    digest: str


def passage_query(collection_id: str) -> dict[str, str]:
    """Returns the query parameters of the passage in the address; {} if it is not in the collection with this id."""
    query = st.query_params
    if query.get("collection") != collection_id or "document" not in query:
        return {}
    return {name: query[name] for name in _NAMES if name in query}


def draw_passage(database: Database) -> None:
    """Draws the passage that the address names, with the text around it, and says if the document has changed or is
    gone since; nothing if the address names none."""
    place = _place()
    if place is None:
        return
    documents = collections.documents_of(database, place.collection)
    now = next((one for one in documents if one.name == place.document), None)
    digest = place.digest or (now.text_digest if now else None) or ""
    text = collections.text_of(database, digest)
    with st.container(border=True, key="documents_passage"):
        with st.container(horizontal=True, vertical_alignment="center"):
            where = f"**{plain(place.document)}** · characters {place.start:,}–{place.end:,}"
            st.markdown(where, width="stretch")
            st.button("More around it", key="documents_passage_more", type="tertiary", on_click=_more)
            st.button("Close", key="documents_passage_close", type="tertiary", on_click=_close)
        if text is None or not 0 <= place.start < place.end <= len(text):
            st.caption(":orange[●] This text is no longer kept, or has no such place.")
            return
        if now is None:
            st.caption(":orange[●] The document is no longer in the collection. This is the text that was read then.")
        elif now.text_digest != digest:
            st.caption(":orange[●] The document has changed since. This is the text that was read then.")
        around = st.session_state.get("documents_passage_around", _AROUND)
        draw_passage_text(text, place.start, place.end, around=around)


def draw_passage_text(text: str, start: int, end: int, *, around: int) -> None:
    """Draws the characters from `start` up to `end` of the text in a frame, with as many as `around` before and behind
    them."""
    first, last = max(0, start - around), min(len(text), end + around)
    st.text(("… " if first else "") + text[first:start].rstrip())
    with st.container(border=True):
        st.text(text[start:end])
    st.text(text[end:last].lstrip() + (" …" if last < len(text) else ""))


def _place() -> _Place | None:
    query = st.query_params
    if "document" not in query:
        return None
    start, _, end = query.get("range", "").partition("-")
    numbers = parse_number(start), parse_number(end)
    return _Place(query.get("collection", ""), query["document"], *numbers, query.get("text", ""))


def _more() -> None:
    st.session_state["documents_passage_around"] = 2 * st.session_state.get("documents_passage_around", _AROUND)


def _close() -> None:
    for name in _NAMES:
        st.query_params.pop(name, None)
    st.session_state.pop("documents_passage_around", None)
