"""Who judges: the name that votes and ratings are kept under."""

from __future__ import annotations

import getpass

import streamlit as st

from promptgrid.store import Database
from promptgrid.store.drafts import draft, keep_draft
from promptgrid.ui.widgets.plain import plain

LONGEST = 60
_KEPT = "judge"  # the name that was typed last, for the next visit
_NAME = "judge_name"


def judge_name(database: Database) -> str:
    """The name of this session's judge; at first the one that was typed last, else the system user's."""
    if _NAME not in st.session_state:
        st.session_state[_NAME] = draft(database, _KEPT) or _system_user()
    return str(st.session_state[_NAME])


def name_popover(database: Database, key: str) -> None:
    """Shows the name and lets it be changed."""
    with st.popover(f"as {plain(judge_name(database), limit=24)}", type="tertiary"):
        st.text_input(
            "Votes and ratings are kept under",
            value=judge_name(database),
            max_chars=LONGEST,
            key=key,
            on_change=_rename,
            args=(database, key),
        )


def _rename(database: Database, key: str) -> None:
    name = str(st.session_state[key]).strip() or _system_user()
    st.session_state[_NAME] = name
    keep_draft(database, _KEPT, name)


def _system_user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container without a user's entry
        return "me"
