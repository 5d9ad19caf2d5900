"""The search over the answers of all runs."""

from __future__ import annotations

import streamlit as st

from promptgrid.compare.search import MOST_MATCHES, AnswerMatch, search_answers
from promptgrid.humanize import moment
from promptgrid.store import Database
from promptgrid.store.stored_replies import newest
from promptgrid.ui import links
from promptgrid.ui.widgets.plain import plain

_FIND, _PAGE = "history_find", "history_page"
_SHOWN = 20  # matches of a page


def search_field() -> str:
    """Draws the field for the searched text and returns the text; "" if the field is empty. The address holds it."""
    if _FIND not in st.session_state:
        st.session_state[_FIND] = st.query_params.get("find", "")
    text = st.text_input(
        "Find in the answers of all runs",
        key=_FIND,
        placeholder="Find in the answers of all runs",
        label_visibility="collapsed",
        on_change=_first_page,
    )
    wanted = (text or "").strip()
    if wanted:
        links.set_parameter("find", wanted)
    else:
        st.query_params.pop("find", None)
    return wanted


def _first_page() -> None:
    st.session_state.pop(_PAGE, None)


def matches(database: Database, wanted: str) -> None:
    """Draws the replies that contain the text `wanted`, each with a link to its cell on the Compare page."""
    with st.spinner("Searching …"):
        listed = _search(database.place, newest(database), wanted, _database=database)
    if not listed:
        st.caption("No reply contains this text.")
        return
    most = f"The newest {MOST_MATCHES} replies." if len(listed) == MOST_MATCHES else f"{len(listed)} replies."
    st.caption("1 reply." if len(listed) == 1 else most)
    count = -(-len(listed) // _SHOWN)
    page = st.pagination(count, key=_PAGE) if count > 1 else 1
    for match in listed[(page - 1) * _SHOWN : page * _SHOWN]:
        _line(match)


@st.cache_data(max_entries=8, ttl=60, show_spinner=False)
def _search(path: str, newest_reply: int, wanted: str, *, _database: Database) -> list[AnswerMatch]:
    return search_answers(_database, wanted)


def _line(match: AnswerMatch) -> None:
    with st.container(gap=None, key=f"history_match_{match.run_id}_{match.position}"):
        query = {"run": match.run_id, "case": match.case_id, "variant": match.variant.id, "sample": str(match.sample)}
        st.page_link(links.COMPARE, label=plain(match.excerpt, limit=240), query_params=query, width="stretch")
        where = [f"case {match.case_id}", f"sample {match.sample}", match.label, match.run_name, moment(match.created)]
        st.caption(plain(" · ".join(where), limit=240))
