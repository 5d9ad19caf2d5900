"""The left side of the Chat page: the turns, what is being answered, and the next message."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from promptgrid import chat
from promptgrid.chat import ChatVariant, Round, Settings, tree
from promptgrid.errors import PromptgridError
from promptgrid.humanize import many
from promptgrid.store import drafts
from promptgrid.store.conversations import Conversation, Node
from promptgrid.techniques import Turn
from promptgrid.tokens import TurnWindow
from promptgrid.ui.chat import actions
from promptgrid.ui.chat.log import Seen, draw_live, draw_log
from promptgrid.ui.server import database
from promptgrid.ui.widgets.context_window import cut_parts, free_space
from promptgrid.ui.widgets.feedback import show_error
from promptgrid.ui.widgets.live_text import watch_text
from promptgrid.ui.widgets.plain import plain
from promptgrid.ui.widgets.token_bar import token_bar
from promptgrid.ui.widgets.token_note import token_note

POLL_S = 0.25
MESSAGE_HEIGHT = 90  # px
_TYPED = -1  # stands for the turn that is being written


def talk(
    conversation: Conversation, settings: Settings, shown: ChatVariant, place: DeltaGenerator, asked: Round | None
) -> None:
    """The log, the replies in flight, and the field for the next turn; the window of the variant that is `shown` goes
    to its `place`."""
    nodes = actions.on_screen(conversation)
    settled = [node for node in nodes if asked is None or node.id != asked.slot]
    text = str(st.session_state.get(_text_key(conversation)) or "")
    seen = _seen(settled, text, shown, settings, answering=asked is not None)
    with st.container(gap=None):
        draw_log(
            conversation,
            settled,
            settings,
            seen,
            actions.attempt(partial(actions.act, conversation.id)),
            key=f"chat_log_{conversation.id}",
            busy=asked is not None,
        )
        if asked is not None:
            st.session_state.chat_streaming = True  # here: it may have ended when the fragment looks
        st.fragment(_live, run_every=POLL_S if asked else None)(conversation.id, settings)
    if asked is None:
        _other_branches(conversation, nodes)
    _composer(conversation, nodes, asked)
    with place:
        _window(conversation, settled, shown, settings)


def _text_key(conversation: Conversation) -> str:
    """The key; the text area starts with the draft."""
    key = actions.text_key(conversation.id)
    if key not in st.session_state:
        st.session_state[key] = drafts.draft(database(), actions.draft_key(conversation.id)) or ""
    return key


def _live(conversation_id: str, settings: Settings) -> None:
    asked = actions.running(conversation_id)
    if asked is not None:
        draw_live(asked, settings, key="chat_live")
    elif st.session_state.pop("chat_streaming", False):
        st.rerun()  # ends the polling, and puts the replies into the log
    elif (last := actions.rounds().get(conversation_id)) and isinstance(last.error, Exception):
        show_error(last.error)


def _other_branches(conversation: Conversation, nodes: Sequence[Node]) -> None:
    """The way on, where the branch on the screen ends in front of others."""
    there = tree.children(conversation, nodes[-1].id if nodes else None)
    if there and (not nodes or conversation.leaf == nodes[-1].id or conversation.nodes[conversation.leaf or 0].deleted):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption(f"{many(len(there), 'continuation')} of this branch.", width="content")
            st.button(
                "Show the latest",
                key="chat_go_on",
                on_click=actions.attempt(actions.go_to),
                args=(conversation.id, tree.latest_leaf(conversation, there[-1])),
                type="tertiary",
            )


def _composer(conversation: Conversation, nodes: Sequence[Node], asked: Round | None) -> None:
    key = _text_key(conversation)
    st.text_area(
        "Next turn", key=key, height=MESSAGE_HEIGHT, label_visibility="collapsed", placeholder="Write the next turn"
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="chat_send_row"):
        st.selectbox("Role", ["user", "assistant", "system"], key="chat_role", label_visibility="collapsed", width=114)
        st.space("stretch")
        if asked is not None:
            st.button("Stop", key="chat_stop", on_click=asked.stop, width=110)
            return
        role = st.session_state.chat_role
        st.button(
            "Add only",
            key="chat_add",
            on_click=actions.attempt(partial(actions.send, ask=False)),
            args=(conversation.id,),
            help="Adds the turn without asking the model.",
            type="tertiary" if role == "user" else "primary",
        )
        if role == "user":
            waiting = bool(nodes) and nodes[-1].role == "user"
            st.button(
                "Send",
                key="chat_send",
                on_click=actions.attempt(partial(actions.send, ask=True)),
                args=(conversation.id,),
                help="Ctrl+Enter" + (". Without a text: asks for a reply to the last turn" if waiting else ""),
                shortcut="Ctrl+Enter",
                type="primary",
                width=146,
            )


@st.fragment
def _window(conversation: Conversation, settled: Sequence[Node], shown: ChatVariant, settings: Settings) -> None:
    """What the next turn would fill, live while it is typed; keeps the draft."""
    key = actions.text_key(conversation.id)
    text = watch_text([key], actions.watch_key(conversation.id), note=token_note(shown.model))[key]
    _keep(conversation.id, text)
    try:
        turns = [turn for _, turn in _turns(settled, text, shown, answering=False)]
        found = chat.window_of(turns, shown, settings)
    except PromptgridError as error:
        show_error(error)
        return
    _draw(turns, found)


def _draw(turns: Sequence[Turn], found: TurnWindow) -> None:
    budget = found.budget
    token_bar(budget.parts, budget.limit, budget.reserve, budget.exact, budget.reason, key="chat_tokens")
    cut = cut_parts(turns, found)
    gone = f"Not seen any more: {cut} ({found.whole.total - budget.total:,} tokens) · " if cut else ""
    st.caption(plain(gone + free_space(found)))


def _keep(conversation_id: str, text: str) -> None:
    name = actions.draft_key(conversation_id)
    kept = drafts.draft(database(), name)
    if text and text != kept:
        drafts.keep_draft(database(), name, text)
    elif not text and kept is not None:
        drafts.drop_draft(database(), name)


def _turns(nodes: Sequence[Node], text: str, shown: ChatVariant, *, answering: bool) -> list[tuple[int | None, Turn]]:
    """What would be sent next: with the turn that is being written, unless one is being answered."""
    unanswered = bool(nodes) and nodes[-1].role == "user" and not text.strip()
    typed = [] if answering or unanswered else [Node(_TYPED, None, "user", "history", text, False, {})]
    return tree.sent([*nodes, *typed], shown)


def _seen(nodes: Sequence[Node], text: str, shown: ChatVariant, settings: Settings, *, answering: bool) -> Seen:
    """Nothing is known where the model's name is wrong: the bar says so."""
    turns = _turns(nodes, text, shown, answering=answering)
    try:
        found = chat.window_of([turn for _, turn in turns], shown, settings)
    except PromptgridError:
        return {}
    sizes = found.whole.sizes
    return {node: (at in found.kept, sizes[at]) for at, (node, _) in enumerate(turns) if node is not None}
