"""The callbacks of the Chat page. They change the conversation in the database before the page is drawn.

The address names the open conversation. Replies in flight belong to the server, so that a refresh finds them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from promptgrid import chat
from promptgrid.chat import Round, Settings, tree
from promptgrid.errors import PlanError
from promptgrid.prompt import Prompt, Role
from promptgrid.store import conversations, drafts
from promptgrid.store.conversations import Conversation, Node
from promptgrid.techniques import PromptPart
from promptgrid.text import one_line
from promptgrid.ui.server import database
from promptgrid.ui.widgets.callbacks import leaving_error, one_at_a_time

_PARTS: Sequence[PromptPart] = ("history", "examples", "retrieved")


@st.cache_resource
def rounds() -> dict[str, Round]:
    """The latest round of replies of each conversation, in flight or done, in this server."""
    return {}


def running(conversation_id: str) -> Round | None:
    """The round in flight in this conversation, if any."""
    latest = rounds().get(conversation_id)
    return latest if latest is not None and latest.running else None


def open_conversation() -> tuple[Conversation, Round | None] | None:
    """The conversation in the address, else the latest one, and its round in flight. Raises StoreError."""
    conversation_id = st.query_params.get("chat", "")
    if not conversation_id:
        listed = conversations.listed(database())
        if not listed:
            return None
        conversation_id = st.query_params["chat"] = listed[0].id
    # In this order: a reply that ends in between is in the conversation, or still counts as in flight.
    in_flight = running(conversation_id)
    return conversations.load(database(), conversation_id), in_flight


def on_screen(conversation: Conversation) -> list[Node]:
    """The turns of the branch on the screen."""
    return tree.path(conversation, conversation.leaf)


def text_key(conversation_id: str) -> str:
    return f"chat_text_{conversation_id}"


def watch_key(conversation_id: str) -> str:
    """The key of the watcher of that text area. It changes after each turn, since a watcher remembers the old text."""
    return f"chat_watch_{conversation_id}_{st.session_state.get(f'{text_key(conversation_id)}_sent', 0)}"


def draft_key(conversation_id: str) -> str:
    return f"chat:{conversation_id}"


def attempt(action: Callable[..., None]) -> Callable[..., None]:
    """A callback that runs `action`, one at a time, and leaves a PromptgridError for the page to show."""
    return one_at_a_time(leaving_error("chat_error")(action))


def begin(prompt: Prompt | None = None) -> None:
    """Starts a conversation: empty, or with the turns of a prompt and its question as the draft of the next turn."""
    turns, question = chat.opening(prompt) if prompt else ([], "")
    settings = Settings()
    if prompt is not None:
        parameters = prompt.parameters
        settings = settings.changed(1, temperature=parameters.temperature)
        settings = Settings(settings.variants, room=int(parameters.max_tokens or settings.room))
    name = prompt.name if prompt else "New conversation"
    conversation_id = conversations.create(database(), name, chat.to_json(settings))
    parent: int | None = None
    for turn in turns:
        parent = conversations.add_turn(database(), conversation_id, parent, turn.message.role, turn.message.text)
    if question:
        drafts.keep_draft(database(), draft_key(conversation_id), question)
    st.query_params["chat"] = conversation_id


def send(conversation_id: str, *, ask: bool) -> None:
    """Adds the text as a turn. With `ask` and a user turn, the variants answer it; without a text, the last turn."""
    state, key = st.session_state, text_key(conversation_id)
    text = str(state.get(key) or "")
    role: Role = state.get("chat_role") or "user"
    conversation = _idle(conversation_id)
    nodes = on_screen(conversation)
    parent = nodes[-1].id if nodes else None
    if text.strip():
        parent = conversations.add_turn(database(), conversation_id, parent, role, text)
        if not nodes and conversation.name == "New conversation":
            conversations.rename(database(), conversation_id, one_line(text, 60))
        drafts.drop_draft(database(), draft_key(conversation_id))
    elif not (nodes and nodes[-1].role == "user"):
        raise PlanError("There is nothing to send.", hint="Write a turn first.")
    if ask and role == "user":
        slot = conversations.add_turn(database(), conversation_id, parent, "assistant")
        _start(conversation, slot)
    if text.strip():  # last: after a second press the first one ends at its next call to Streamlit
        state[key] = ""
        state[f"{key}_sent"] = state.get(f"{key}_sent", 0) + 1


def act(conversation_id: str, message: Mapping[str, Any]) -> None:
    """Carries out a press in the log. A turn that was deleted in another tab is ignored."""
    conversation = _idle(conversation_id)
    node = conversation.nodes.get(int(message["id"]))
    if node is None:
        return
    name, variant = message["act"], message.get("variant")
    if name == "edit":
        _edit(conversation, node, variant, str(message["text"]), branch=message["how"] == "branch")
    elif name == "branch":
        conversations.set_leaf(database(), conversation.id, node.id)
    elif name == "sibling":
        _step(conversation, node, int(message["by"]))
    elif name == "rerun":
        _run(conversation, node.parent, tree.steps(_from(conversation, node)))
    elif name in ("again", "all"):
        _ask_again(conversation, node, variant)
    elif name == "delete":
        conversations.set_deleted(database(), conversation.id, node.id, True)
        st.session_state.chat_undo = (conversation.id, node.id)
    elif name == "part" and message["part"] in _PARTS:
        for turn in _with_replies(conversation, node):
            conversations.set_part(database(), conversation.id, turn.id, message["part"])


def undo() -> None:
    """Restores the turn or the conversation that was deleted last."""
    conversation_id, turn_id = st.session_state.pop("chat_undo")
    if turn_id is None:
        conversations.restore(database(), conversation_id)
        st.query_params["chat"] = conversation_id
    else:
        conversations.set_deleted(database(), conversation_id, turn_id, False)


def delete(conversation_id: str) -> None:
    """Hides the conversation and stops its replies in flight."""
    if in_flight := running(conversation_id):
        in_flight.stop()
    conversations.delete(database(), conversation_id)
    st.session_state.chat_undo = (conversation_id, None)
    st.query_params.pop("chat", None)


def show_branch(conversation_id: str, leaf: int) -> None:
    """Puts the branch that ends with this turn on the screen."""
    conversations.set_leaf(database(), _idle(conversation_id).id, leaf)


def save_settings(conversation_id: str, settings: Settings) -> None:
    conversations.set_settings(database(), conversation_id, chat.to_json(settings))


def settings_of(conversation_id: str) -> Settings:
    """The stored settings: those on the page may be older when a callback runs."""
    return chat.from_json(conversations.load(database(), conversation_id).settings)


def _idle(conversation_id: str) -> Conversation:
    """The stored conversation. Raises PlanError while a reply is in flight."""
    if running(conversation_id):
        raise PlanError("The model is still answering.", hint="Wait for the reply, or stop it.")
    return conversations.load(database(), conversation_id)


def _edit(conversation: Conversation, node: Node, variant: int | None, text: str, *, branch: bool) -> None:
    if not text.strip():
        raise PlanError("The turn is empty.", hint="Write a text, or delete the turn.")
    if not branch:
        conversations.change_turn(database(), conversation.id, node.id, text, variant)
    elif variant is not None:
        replies = {**node.replies, variant: conversations.VariantReply(text, "edited")}
        conversations.add_turn(
            database(), conversation.id, node.parent, "assistant", part=node.part, replies_by_variant=replies
        )
    else:
        following = tree.steps(_from(conversation, node))
        changed = following[0]._replace(text=text)
        _run(conversation, node.parent, [changed, *following[1:]])


def _step(conversation: Conversation, node: Node, by: int) -> None:
    siblings = tree.beside(conversation, node)
    if node.id in siblings and 0 <= (at := siblings.index(node.id) + by) < len(siblings):
        conversations.set_leaf(database(), conversation.id, tree.latest_leaf(conversation, siblings[at]))


def _ask_again(conversation: Conversation, node: Node, variant: int | None) -> None:
    """Asks all variants again, or one; the branch then keeps the replies of the others."""
    others = {} if variant is None else {number: reply for number, reply in node.replies.items() if number != variant}
    slot = conversations.add_turn(
        database(), conversation.id, node.parent, "assistant", part=node.part, replies_by_variant=others
    )
    _start(conversation, slot, variants=None if variant is None else [variant])


def _run(conversation: Conversation, parent: int | None, steps: Sequence[tree.Step]) -> None:
    slot, left = chat.go_on(database(), conversation.id, parent, steps)
    if slot is not None:
        _start(conversation, slot, left)


def _start(
    conversation: Conversation, slot: int, steps: Sequence[tree.Step] = (), variants: Sequence[int] | None = None
) -> None:
    all_variants = [variant.id for variant in chat.from_json(conversation.settings).variants]
    new_round = Round(database(), conversation.id, slot, all_variants if variants is None else variants, steps)
    rounds()[conversation.id] = new_round
    new_round.start()


def _from(conversation: Conversation, node: Node) -> list[Node]:
    """This turn and those after it on the screen."""
    nodes = on_screen(conversation)
    return nodes[nodes.index(node) :] if node in nodes else [node]


def _with_replies(conversation: Conversation, node: Node) -> list[Node]:
    """The turn, and after a user turn its reply: an example consists of both."""
    following = _from(conversation, node)
    return [node, *[turn for turn in following[1:2] if node.role == "user" and turn.role == "assistant"]]
