"""Draws the first row of the Chat page: the conversation and its actions; notices; differences between branches."""

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
from promptgrid.ui.server import database, library, prompts
from promptgrid.ui.widgets.callbacks import close_popover
from promptgrid.ui.widgets.feedback import empty_state, note_with_button, show_left_error
from promptgrid.ui.widgets.plain import plain
from promptgrid.ui.widgets.undo import undo_note
from promptgrid.ui.widgets.words_diff import show_words_diff

FIRST = "food-order"
DELETED_SHOWN = 20
DIFF_HEIGHT = 220  # px


def header(conversation: Conversation | None, settings: Settings | None) -> None:
    """Draws the first row of the page for the conversation and its settings. If both are None because no conversation
    can be opened, the row has only the selector and New."""
    with st.container(horizontal=True, vertical_alignment="center", key="chat_header"):
        with st.container(width="stretch"):
            _selector(conversation)
        with st.popover("New", key="chat_new"):
            _new()
        if conversation is not None and settings is not None:
            with st.popover("Save as", key="chat_save"):
                save_popover(conversation, settings)
            with st.popover("More", key="chat_more"):
                _more(conversation)


def notices() -> None:
    """Shows the error or the result of the last action, and a button that undoes the last deletion."""
    session = st.session_state
    show_left_error("chat_error")
    if done := session.pop("chat_done", None):
        text, page, query = done
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption(f":green[●] {plain(text)}", width="content")
            st.page_link(page, label="Open it", query_params=query)
    if deleted := session.get("chat_undo"):
        text = "Deleted the conversation." if deleted[1] is None else "Deleted a turn."
        undo = actions.attempt(actions.undo)
        note_with_button(text, "Undo", key="chat_undo_button", on_click=undo, args=())


def conversation_notes(conversation: Conversation) -> None:
    """Offers to undo the last change in the conversation. If the conversation is deleted, which may have happened in
    another tab, says so and offers to restore it."""
    undo_note(actions.undo_key(conversation.id))
    if conversation.deleted:
        text, restore = ":orange[●] This conversation is deleted.", actions.attempt(_restore)
        note_with_button(text, "Restore", key="chat_restore_this", on_click=restore, args=(conversation.id,))


def first_conversation() -> None:
    """Draws the page without a conversation, with a button that starts one: with the prompt `FIRST` if the library has
    it."""
    prompt = prompts().get(FIRST)
    detail = (
        "The model takes your order at a counter. See what it remembers, change its instructions on the way, or let "
        "several models answer side by side."
        if prompt
        else "Write to the model and see what it remembers."
    )
    label = "Start with the food order" if prompt else "Start a conversation"
    if empty_state("There is no conversation yet.", label, "chat_first", detail=detail):
        actions.attempt(actions.begin)(prompt)
        st.rerun()


def _selector(conversation: Conversation | None) -> None:
    listed = {info.id: info for info in conversations.listed(database())}
    current = conversation.id if conversation else None
    st.session_state.chat_choice = current if current in listed else None  # the address decides

    def label(conversation_id: str) -> str:
        return f"{listed[conversation_id].name} · {moment(listed[conversation_id].created)} · {conversation_id}"

    st.selectbox(
        "Conversation",
        list(listed),
        key="chat_choice",
        format_func=label,
        on_change=lambda: st.query_params.update(chat=st.session_state.chat_choice or current or ""),
        placeholder="Choose a conversation",
        label_visibility="collapsed",
    )


def _new() -> None:
    st.button("Empty", key="chat_new_empty", on_click=actions.attempt(actions.begin), width="stretch")
    names = list(prompts())
    first = names.index(FIRST) if FIRST in names else 0
    name = st.selectbox("Or with the turns of a prompt", names, index=first, key="chat_new_prompt")
    st.button("Start with this prompt", key="chat_new_start", on_click=_start, disabled=not name, width="stretch")
    if deleted := conversations.listed(database(), deleted=True):
        _deleted(deleted)


@actions.attempt
def _start() -> None:
    actions.begin(library().load(st.session_state.chat_new_prompt)[0])


def _deleted(deleted: Sequence[Info]) -> None:
    st.caption("Deleted")
    for info in deleted[:DELETED_SHOWN]:
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
    close_popover()
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
        close_popover()


def other_branch(conversation: Conversation, variant: ChatVariant) -> None:
    """Draws an expander that compares the replies of `variant` in another branch with those on the screen, turn by
    turn; nothing if there is no other branch."""
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
        _differences(conversation, leaf, variant)


def _differences(conversation: Conversation, leaf: int, variant: ChatVariant) -> None:
    sides = [
        [tree.text_of(node, variant.id) for node in branch if node.role == "assistant"]
        for branch in (tree.path(conversation, leaf), actions.on_screen(conversation))
    ]
    differ = False
    for number, (other, current) in enumerate(zip(*sides, strict=False), 1):
        if other != current:
            differ = True
            st.caption(f"Reply {number}")
            show_words_diff(
                other, current, "the other branch", "this one", height=DIFF_HEIGHT, key=f"chat_diff_{number}"
            )
    if not differ:
        st.caption("The replies in both branches are the same.")


def _branch_name(conversation: Conversation, leaf: int, number: int) -> str:
    last = next((node for node in reversed(tree.path(conversation, leaf)) if node.role == "user"), None)
    return f"{number}: {one_line(last.text, 60)}" if last else str(number)
