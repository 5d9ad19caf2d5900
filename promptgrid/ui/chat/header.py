"""The first row of the Chat page: which conversation, a new one, and what can be done with it; and what to say."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from promptgrid.chat import ChatVariant, Settings, tree
from promptgrid.humanize import moment
from promptgrid.store import conversations
from promptgrid.store.conversations import Conversation, Info
from promptgrid.text import one_line
from promptgrid.ui.chat import actions
from promptgrid.ui.chat.saving import save_popover
from promptgrid.ui.server import database, library
from promptgrid.ui.widgets.feedback import empty_state, show_error
from promptgrid.ui.widgets.plain import plain
from promptgrid.ui.widgets.words_diff import show_words_diff

FIRST = "food-order"
DELETED_SHOWN = 20
DIFF_HEIGHT = 220  # px


def header(conversation: Conversation | None, settings: Settings | None) -> None:
    """The row; without a conversation that can be opened, only the way to another one."""
    with st.container(horizontal=True, vertical_alignment="center", key="chat_header"):
        with st.container(width="stretch"):
            _choose(conversation)
        with st.popover("New", key="chat_new"):
            _new()
        if conversation is not None and settings is not None:
            with st.popover("Save as", key="chat_save"):
                save_popover(conversation, settings)
            with st.popover("More", key="chat_more"):
                _more(conversation)


def notices() -> None:
    """What went wrong, what was done, and the way back from the last delete."""
    session = st.session_state
    if error := session.pop("chat_error", None):
        show_error(error)
    if done := session.pop("chat_done", None):
        text, page, query = done
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption(f":green[●] {plain(text)}", width="content")
            st.page_link(page, label="Open it", query_params=query)
    if gone := session.get("chat_undo"):
        what = "Deleted the conversation." if gone[1] is None else "Deleted a turn."
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption(what, width="content")
            st.button("Undo", key="chat_undo_button", on_click=actions.attempt(actions.undo), type="tertiary")


def deleted_note(conversation: Conversation) -> None:
    """Says of one that was deleted, in another tab perhaps, that it was; and the way back."""
    if conversation.deleted:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption(":orange[●] This conversation was deleted; it is in no list.", width="content")
            st.button(
                "Restore it",
                key="chat_restore_this",
                on_click=actions.attempt(_restore),
                args=(conversation.id,),
                type="tertiary",
            )


def nothing_yet() -> None:
    """Where there is no conversation: the persona that takes orders is a good first one."""
    first = next((entry.prompt for entry in library().entries() if entry.name == FIRST and entry.prompt), None)
    detail = (
        "A friendly voice at a counter takes your order: see what it remembers, change what it is told in mid-talk,"
        " or let several models answer side by side."
        if first
        else "Write to the model, and see what it remembers of it."
    )
    label = "Start with the food order" if first else "Start a conversation"
    if empty_state("There is no conversation yet.", label, "chat_first", detail=detail):
        actions.begin(first)
        st.rerun()


def _choose(conversation: Conversation | None) -> None:
    known = {info.id: info for info in conversations.listed(database())}
    now = conversation.id if conversation else None
    st.session_state.chat_choice = now if now in known else None  # the address says which

    def shown(chosen: str) -> str:
        return f"{known[chosen].name} · {moment(known[chosen].created)} · {chosen}"

    st.selectbox(
        "Conversation",
        list(known),
        key="chat_choice",
        format_func=shown,
        on_change=lambda: st.query_params.update(chat=st.session_state.chat_choice or now or ""),
        placeholder="Choose a conversation",
        label_visibility="collapsed",
    )


def _new() -> None:
    st.button("Empty", key="chat_new_empty", on_click=actions.attempt(actions.begin), width="stretch")
    names = [entry.name for entry in library().entries() if entry.prompt]
    chosen = st.selectbox(
        "Or with the turns of a prompt", names, index=names.index(FIRST) if FIRST in names else 0, key="chat_new_prompt"
    )
    st.button("Start with it", key="chat_new_start", on_click=_start, disabled=not chosen, width="stretch")
    if gone := conversations.listed(database(), deleted=True):
        _deleted(gone)


@actions.attempt
def _start() -> None:
    actions.begin(library().load(st.session_state.chat_new_prompt)[0])


def _deleted(gone: Sequence[Info]) -> None:
    st.caption("Deleted")
    for info in gone[:DELETED_SHOWN]:
        st.button(
            f"Restore {plain(info.name, limit=40)}",
            key=f"chat_restore_{info.id}",
            on_click=actions.attempt(_restore),
            args=(info.id,),
            type="tertiary",
        )


def _restore(conversation_id: str) -> None:
    conversations.restore(database(), conversation_id)
    st.query_params["chat"] = conversation_id
    if st.session_state.get("chat_undo", ("", 0))[0] == conversation_id:
        del st.session_state["chat_undo"]


def _more(conversation: Conversation) -> None:
    key = f"chat_name_{conversation.id}"
    st.text_input("Name", conversation.name, max_chars=200, key=key, on_change=_rename, args=(conversation.id, key))
    st.button(
        "Delete the conversation",
        key="chat_delete",
        on_click=actions.attempt(actions.delete),
        args=(conversation.id,),
        width="stretch",
    )


@actions.attempt
def _rename(conversation_id: str, key: str) -> None:
    name = str(st.session_state[key] or "").strip()
    if name:
        conversations.rename(database(), conversation_id, name)


def other_branch(conversation: Conversation, shown: ChatVariant) -> None:
    """What the replies of another branch say differently: turn by turn, word by word."""
    nodes = actions.on_screen(conversation)
    here = {node.id for node in nodes}
    others = [leaf for leaf in tree.leaves(conversation) if leaf not in here]
    if not others or not nodes:
        return
    with st.expander("Compare with another branch", key="chat_compare_open", on_change="rerun") as opened:
        if not opened.open:
            return
        names = {leaf: _branch_name(conversation, leaf, number) for number, leaf in enumerate(others, 1)}
        leaf = st.selectbox("Branch", list(names), len(others) - 1, key="chat_compare", format_func=names.__getitem__)
        _differences(conversation, leaf, shown)


def _differences(conversation: Conversation, leaf: int, shown: ChatVariant) -> None:
    sides = [
        [tree.text_of(node, shown.id) for node in branch if node.role == "assistant"]
        for branch in (tree.path(conversation, leaf), actions.on_screen(conversation))
    ]
    found = False
    for number, (there, here) in enumerate(zip(*sides, strict=False), 1):
        if there != here:
            found = True
            st.caption(f"Reply {number}")
            show_words_diff(there, here, "the other branch", "this one", height=DIFF_HEIGHT, key=f"chat_diff_{number}")
    if not found:
        st.caption("The replies that both branches have are the same.")


def _branch_name(conversation: Conversation, leaf: int, number: int) -> str:
    last = next((node for node in reversed(tree.path(conversation, leaf)) if node.role == "user"), None)
    return f"{number}: {one_line(last.text, 60)}" if last else str(number)
