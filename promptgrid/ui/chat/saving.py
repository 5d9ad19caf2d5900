"""Save as on the Chat page: saves the branch on the screen as a prompt, a case, Markdown or JSON."""

from __future__ import annotations

import streamlit as st

from promptgrid import chat
from promptgrid.cases.table import read_cases
from promptgrid.chat import Settings, tree
from promptgrid.chat.retrieval import Retrieved, retrieved_from
from promptgrid.errors import LibraryError
from promptgrid.library.files import SUFFIX, safe_name, write
from promptgrid.prompt import Message
from promptgrid.store import conversations
from promptgrid.store.conversations import Conversation
from promptgrid.ui import links
from promptgrid.ui.chat import actions
from promptgrid.ui.server import database, library
from promptgrid.ui.widgets.callbacks import close_popover
from promptgrid.ui.widgets.fields import keep_selection

PROMPT, EXAMPLES, CASE = "A prompt, turns as messages", "A prompt, turns as examples", "A case"


def save_popover(conversation: Conversation, settings: Settings) -> None:
    """Draws the fields for saving the conversation. If it has several variants, a selector sets whose replies are
    saved."""
    names = {variant.id: f"{number} {variant.model}" for number, variant in enumerate(settings.variants, 1)}
    if len(names) > 1:
        keep_selection("chat_save_variant", names, settings.variants[0].id)
        st.selectbox("Replies of variant", list(names), key="chat_save_variant", format_func=names.__getitem__)
    kind = st.radio("Save as", [PROMPT, EXAMPLES, CASE], key="chat_save_kind")
    label = "Name of the table of cases" if kind == CASE else "Name of the prompt"
    st.text_input(label, "chat", key="chat_save_name")
    st.button("Save", key="chat_save_now", on_click=_save, args=(conversation.id,), width="stretch")
    if kind == CASE:
        st.caption("The last user turn becomes a row, and its reply the expected answer.")
    else:
        st.caption("The last user turn becomes the variable “question”.")
    with st.container(horizontal=True):
        st.download_button(
            "Markdown",
            chat.as_markdown(
                conversation.name,
                messages(conversation, settings, _variant_id(settings)),
                _retrieved(conversation, settings, _variant_id(settings)),
            ),
            "conversation.md",
            "text/markdown",
            key="chat_markdown",
            on_click="ignore",
        )
        branches = {number: messages(conversation, settings, number) for number in names}
        chunks = {number: _retrieved(conversation, settings, number) for number in names}
        st.download_button(
            "JSON",
            chat.as_json(conversation.name, chat.to_json(settings), branches, chunks),
            "conversation.json",
            "application/json",
            key="chat_json",
            on_click="ignore",
        )


def _variant_id(settings: Settings) -> int:
    """Returns the id of the variant whose replies are to be saved: the selected one if it still exists, else the
    first."""
    selected = st.session_state.get("chat_save_variant")
    return selected if selected in [variant.id for variant in settings.variants] else settings.variants[0].id


def messages(conversation: Conversation, settings: Settings, variant: int) -> list[Message]:
    """Returns the messages of the branch on the screen, with the replies of the variant with this id; also those that
    do not fit into its context window."""
    turns = tree.sent(actions.on_screen(conversation), settings.variant(variant))
    return [turn.message for _, turn in turns]


def _retrieved(conversation: Conversation, settings: Settings, variant: int) -> dict[int, Retrieved]:
    """Returns what was found for the replies, by their index among the `messages` of the variant with this id."""
    turns = tree.sent(actions.on_screen(conversation), settings.variant(variant))
    replies = {at: tree.reply_of(conversation.nodes[node], variant) for at, (node, _) in enumerate(turns) if node}
    return {at: retrieved_from(reply.retrieved) for at, reply in replies.items() if reply and reply.retrieved}


@actions.attempt
def _save(conversation_id: str) -> None:
    """Saves the branch on the screen as a prompt or a case. Reads the widgets and the stored conversation again,
    because those on the page may be outdated."""
    session = st.session_state
    conversation = conversations.load(database(), conversation_id)
    settings = chat.from_json(conversation.settings)
    branch = messages(conversation, settings, _variant_id(settings))
    name = safe_name(str(session.chat_save_name or "").strip()).removesuffix(SUFFIX)
    if session.chat_save_kind == CASE:
        _save_case(name.removesuffix(".csv"), branch)
        return
    prompt = chat.as_prompt(branch, name, "messages" if session.chat_save_kind == PROMPT else "examples")
    if library().etag(name) is not None:
        raise LibraryError(f"There is a prompt {name!r} already.", hint="Choose another name.")
    library().save(prompt, None)
    session.chat_done = (f"Saved as the prompt {name}.", links.COMPOSE, {"prompt": name})
    close_popover()


def _save_case(name: str, branch: list[Message]) -> None:
    path = library().folder / "cases" / f"{name}.csv"
    table = read_cases(path) if path.is_file() else None
    write(path, chat.with_case(branch, table).encode())
    action = "Added to" if table else "Saved as the first row of"
    st.session_state.chat_done = (f"{action} cases/{path.name}.", links.LIBRARY, {})
    close_popover()
