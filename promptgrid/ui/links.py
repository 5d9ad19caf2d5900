"""The paths of the pages, for `st.page_link` and `st.switch_page`, and the query parameters in the page's address.

Other modules use these constants, never a path.
"""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

HOME = "workbench.py"
COMPOSE = "pages/1_Compose.py"
RUN = "pages/2_Run.py"
COMPARE = "pages/3_Compare.py"
LIBRARY = "pages/4_Library.py"
SETTINGS = "pages/5_Settings.py"
CURVES = "pages/6_Curves.py"
JUDGE = "pages/7_Judge.py"
TOKENS = "pages/8_Tokens.py"
NEXT_WORD = "pages/9_Next_word.py"
CHAT = "pages/10_Chat.py"
HISTORY = "pages/11_History.py"
TUNE = "pages/12_Tune.py"
DOCUMENTS = "pages/13_Documents.py"
CASES = "pages/14_Cases.py"
IMPROVE = "pages/16_Improve.py"

_FOLLOWERS = "address_followers"  # in the session state: the keys in it that repeat the address


def parse_number(text: str) -> int:
    """Returns the number that `text` from an address holds, at most eight digits; 0 if it is anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else 0


def set_query(query: Mapping[str, str | list[str]]) -> None:
    """Replaces the query parameters in the address, unless they are equal to `query` already."""
    current = {name: st.query_params.get_all(name) for name in st.query_params}
    if current != {name: [value] if isinstance(value, str) else value for name, value in query.items()}:
        st.query_params.from_dict(query)


def set_parameter(name: str, value: str) -> None:
    """Sets one query parameter in the address, unless it has this value already: what is set arrives a moment later,
    and would change the address of the page to which the browser has gone back by then."""
    if st.query_params.get_all(name) != [value]:
        st.query_params[name] = value


def follow_address(*keys: str) -> None:
    """Notes that the session state under `keys` repeats the address, which `take_address` then lets decide."""
    st.session_state.setdefault(_FOLLOWERS, set()).update(keys)


def take_address() -> None:
    """If the browser went back or forward to this address, drops the session state that repeats the address, which
    would win over it. Call it before the page draws a widget."""
    context = get_script_run_ctx()
    if context is not None and context.is_history_navigation:
        for key in st.session_state.get(_FOLLOWERS, ()):
            st.session_state.pop(key, None)
