"""Which tab of the browser holds which draft of a prompt.

A draft belongs to the tab that wrote it, until the tab is closed; the address of the tab names it, for a refresh. The
server knows the tabs while it runs; after a restart, or in another server on the same database,
`drafts.keep_prompt_draft` notices a draft that two tabs write.
"""

from __future__ import annotations

from collections.abc import Sequence
from secrets import token_hex

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from promptgrid.store.drafts import DraftInfo
from promptgrid.ui.server import is_open

_TAB = "compose_tab"  # in the session state: a random name of this tab


def hold(draft_id: str) -> None:
    """Notes that this tab writes the draft."""
    context = get_script_run_ctx(suppress_warning=True)
    _holders()[draft_id] = (_this_tab(), context.session_id if context else "")


def held_elsewhere(draft_id: str) -> bool:
    """Returns whether another tab that is open holds the draft."""
    tab, session = _holders().get(draft_id, ("", ""))
    return tab not in ("", _this_tab()) and is_open(session)


def free_draft(infos: Sequence[DraftInfo], wanted: str) -> DraftInfo | None:
    """Returns the draft that this tab opens: the one that it holds, else the one with the id `wanted`, else the first
    of `infos`, of those that no other tab holds. None if there is none; content that was set aside does not count."""
    candidates = [info for info in infos if info.kind != "aside" and not held_elsewhere(info.id)]
    own = [info for info in candidates if _holders().get(info.id, ("", ""))[0] == _this_tab()]
    return next(iter([*own, *(info for info in candidates if info.id == wanted), *candidates]), None)


@st.cache_resource
def _holders() -> dict[str, tuple[str, str]]:
    """Returns draft id -> (name of the tab, id of its Streamlit session)."""
    return {}


def _this_tab() -> str:
    return str(st.session_state.setdefault(_TAB, token_hex(8)))
