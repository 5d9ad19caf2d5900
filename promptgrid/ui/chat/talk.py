"""Draws the left side of the Chat page: the turns, the replies in flight, and the field for the next turn."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from promptgrid import chat
from promptgrid.chat import ChatVariant, Round, Settings, tree
from promptgrid.chat.retrieval import with_chunks
from promptgrid.errors import PromptgridError
from promptgrid.humanize import many
from promptgrid.store import drafts
from promptgrid.store.conversations import Conversation, Node
from promptgrid.techniques import Turn, messages_of
from promptgrid.ui.chat import actions
from promptgrid.ui.chat.documents import preview
from promptgrid.ui.chat.log import Visibility, draw_live, draw_log
from promptgrid.ui.server import database, stop_when_left
from promptgrid.ui.widgets.context_window import cut_parts, free_space
from promptgrid.ui.widgets.feedback import calls_label, note_with_button, show_error, showing_errors
from promptgrid.ui.widgets.live_text import token_note, watch_text
from promptgrid.ui.widgets.messages import message_list, sent_messages
from promptgrid.ui.widgets.plain import plain
from promptgrid.ui.widgets.token_bar import token_bar

POLL_S = 0.25
MESSAGE_HEIGHT = 90  # px
_NEXT_HEIGHT = 420  # px
_TYPED = -1  # the id of the turn that the user is typing


def talk(
    conversation: Conversation, settings: Settings, variant: ChatVariant, place: DeltaGenerator, in_flight: Round | None
) -> None:
    """Draws the log, the replies in flight and the field for the next turn. Draws the context window of `variant` into
    `place`. `in_flight` is the round of replies in flight (None: there is none)."""
    nodes = actions.on_screen(conversation)
    settled = [node for node in nodes if in_flight is None or node.id != in_flight.slot]
    text = str(st.session_state.get(_text_key(conversation)) or "")
    visibility = _visibility(settled, text, variant, settings, answering=in_flight is not None)
    refused = actions.refused_edit(conversation.id)
    with st.container(gap=None):
        draw_log(
            conversation,
            settled,
            settings,
            visibility,
            actions.attempt(partial(actions.act, conversation.id)),
            key=f"chat_log_{conversation.id}",
            busy=in_flight is not None,
            refused=refused,
        )
        if refused and refused["id"] not in [node.id for node in nodes]:
            st.caption("The text of your edit, whose turn is no longer here:")
            st.code(str(refused["text"]), language=None, wrap_lines=True)
        if request := st.session_state.pop("chat_sent", None):
            _sent(request)
        if in_flight is not None:
            stop_when_left(in_flight)
            st.session_state.chat_streaming = True  # set here: the round may end before the fragment runs
        st.fragment(_live, run_every=POLL_S if in_flight else None)(conversation.id, settings)
    if in_flight is None:
        _other_branches(conversation, nodes)
    with st.bottom:  # Stop stays in view, however long the reply grows
        _composer(conversation, nodes, settings, in_flight)
    with place:
        _window(conversation, settled, variant, settings)


@st.dialog("The messages that were sent", width="large")
def _sent(request: str) -> None:
    message_list(sent_messages(request), height=_NEXT_HEIGHT, key="chat_sent_messages")


def _text_key(conversation: Conversation) -> str:
    """Returns the key of the text area for the next turn; if it has no text in this session yet, sets it to the stored
    draft."""
    key = actions.text_key(conversation.id)
    if key not in st.session_state:
        st.session_state[key] = drafts.draft(database(), actions.draft_key(conversation.id)) or ""
    return key


def _live(conversation_id: str, settings: Settings) -> None:
    in_flight = actions.running(conversation_id)
    if in_flight is not None:
        draw_live(in_flight, settings, key="chat_live")
    elif st.session_state.pop("chat_streaming", False):
        st.rerun()  # ends the polling, and puts the replies into the log
    elif (latest := actions.rounds().get(conversation_id)) and isinstance(latest.error, Exception):
        show_error(latest.error)


def _other_branches(conversation: Conversation, nodes: Sequence[Node]) -> None:
    """If other turns follow the last turn on the screen, in branches that are not shown, offers to show the latest of
    them."""
    continuations = tree.children(conversation, nodes[-1].id if nodes else None)
    at_end = not nodes or conversation.leaf == nodes[-1].id or conversation.nodes[conversation.leaf or 0].deleted
    if continuations and at_end:
        text, key = f"{many(len(continuations), 'continuation')} of this branch.", "chat_go_on"
        leaf, show = tree.latest_leaf(conversation, continuations[-1]), actions.attempt(actions.show_branch)
        note_with_button(text, "Show the latest", key=key, on_click=show, args=(conversation.id, leaf))


def _composer(conversation: Conversation, nodes: Sequence[Node], settings: Settings, in_flight: Round | None) -> None:
    key = _text_key(conversation)
    st.text_area(
        "Next turn", key=key, height=MESSAGE_HEIGHT, label_visibility="collapsed", placeholder="Write the next turn"
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="chat_send_row"):
        st.selectbox("Role", ["user", "assistant", "system"], key="chat_role", label_visibility="collapsed", width=114)
        st.space("stretch")
        if in_flight is not None:
            st.button("Stop", key="chat_stop", on_click=in_flight.stop, width=110)
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
            unanswered, count = bool(nodes) and nodes[-1].role == "user", len(settings.variants)
            st.button(
                "Send" if count == 1 else calls_label("Send", count),
                key="chat_send",
                on_click=actions.attempt(partial(actions.send, ask=True)),
                args=(conversation.id,),
                help="Ctrl+Enter" + (". Without a text, the model answers the last turn" if unanswered else ""),
                shortcut="Ctrl+Enter",
                type="primary",
                width=146 if count == 1 else 200,
            )


@st.fragment
def _window(conversation: Conversation, settled: Sequence[Node], variant: ChatVariant, settings: Settings) -> None:
    """Draws how the next request of `variant` fills its context window, updated while the user types; saves the typed
    text as a draft. `settled` are the turns of the branch, without a reply in flight."""
    key = actions.text_key(conversation.id)
    text = watch_text([key], actions.watch_key(conversation.id), note=token_note(variant.model))[key]
    with showing_errors():
        _keep(conversation.id, text)
    try:
        retrieved, doubt = preview(settings, settled, text, answering=False)
        pairs = _turns(settled, text, variant, answering=False)
        turns = [turn for _, turn in with_chunks(pairs, retrieved)]
        window = chat.window_of(turns, variant, settings)
    except PromptgridError as error:
        show_error(error)
        return
    budget = window.budget
    exact, reason = budget.exact and not doubt, " · ".join(filter(None, [budget.reason, doubt]))
    token_bar(budget.parts, budget.limit, budget.reserve, exact, reason, key="chat_tokens")
    cut = cut_parts(turns, window)
    left_out = f"Not sent: {cut} ({window.whole.total - budget.total:,} tokens) · " if cut else ""
    st.caption(plain(left_out + free_space(window)))
    if retrieved is not None and not retrieved.chunks:
        st.caption(":orange[●] No chunk is found for this question: it is sent alone.")
    with st.expander("What will be sent", key="chat_next", on_change="rerun") as opened:
        if opened.open:
            messages = messages_of(turns[at] for at in window.indices)
            message_list(messages, height=_NEXT_HEIGHT, key="chat_next_messages")


def _keep(conversation_id: str, text: str) -> None:
    name = actions.draft_key(conversation_id)
    saved = drafts.draft(database(), name)
    if text and text != saved:
        drafts.keep_draft(database(), name, text)
    elif not text and saved is not None:
        drafts.drop_draft(database(), name)


def _turns(nodes: Sequence[Node], text: str, variant: ChatVariant, *, answering: bool) -> list[tuple[int | None, Turn]]:
    """Returns (turn id, turn) for each turn of the variant's next request; the id is None for a system message that
    only the variant has. The typed `text` is the last turn; with `answering` (a reply is in flight) the text is left
    out, since it belongs to the request after that."""
    unanswered = bool(nodes) and nodes[-1].role == "user" and not text.strip()
    typed = [] if answering or unanswered else [Node(_TYPED, None, "user", "history", text, False, {})]
    return tree.sent([*nodes, *typed], variant)


def _visibility(
    nodes: Sequence[Node], text: str, variant: ChatVariant, settings: Settings, *, answering: bool
) -> Visibility:
    """Returns, by turn id, (whether the turn reaches the model, its token count). With `answering`, while a reply is in
    flight, the typed `text` does not count. Empty after an error, which the token bar shows."""
    try:
        retrieved, _ = preview(settings, nodes, text, answering=answering)
        turns = with_chunks(_turns(nodes, text, variant, answering=answering), retrieved)
        window = chat.window_of([turn for _, turn in turns], variant, settings)
    except PromptgridError:
        return {}
    sizes = window.whole.sizes
    return {node: (at in window.indices, sizes[at]) for at, (node, _) in enumerate(turns) if node is not None}
