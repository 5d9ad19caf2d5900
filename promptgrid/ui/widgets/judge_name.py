"""The name under which votes and ratings are stored."""

from __future__ import annotations

import getpass

import streamlit as st

from promptgrid.store import Database
from promptgrid.store.drafts import draft, keep_draft
from promptgrid.ui.widgets.callbacks import close_popover
from promptgrid.ui.widgets.plain import plain

LONGEST = 60
_DRAFT = "judge"  # the draft that keeps the last name for the next visit
_NAME = "judge_name"


def judge_name(database: Database) -> str:
    """Returns the name under which this session's votes and ratings are stored, by default the last name that was
    typed, or else the name of the system's user."""
    if _NAME not in st.session_state:
        st.session_state[_NAME] = draft(database, _DRAFT) or _system_user()
    return str(st.session_state[_NAME])


def name_popover(database: Database, key: str) -> None:
    with st.popover(f"as {plain(judge_name(database), limit=24)}", type="tertiary"):
        st.text_input(
            "Votes and ratings are stored under",
            value=judge_name(database),
            max_chars=LONGEST,
            key=key,
            on_change=_rename,
            args=(database, key),
        )


def _rename(database: Database, key: str) -> None:
    name = str(st.session_state[key]).strip() or _system_user()
    st.session_state[_NAME] = name
    keep_draft(database, _DRAFT, name)
    close_popover()


def _system_user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container whose user has no entry
        return "me"
