"""What is done on the Chat page: callbacks that change the conversation in the database before the page is drawn.

The address says which conversation is open; replies in flight belong to the server, so that a refresh finds them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from promptgrid import chat
from promptgrid.chat import Round, Settings, tree
from promptgrid.errors import PlanError, PromptgridError
from promptgrid.prompt import Prompt, Role
from promptgrid.store import conversations, drafts
from promptgrid.store.conversations import Conversation, Node
from promptgrid.techniques import PromptPart
from promptgrid.text import one_line
from promptgrid.ui.server import database
from promptgrid.ui.widgets.callbacks import one_at_a_time

_PARTS: Sequence[PromptPart] = ("history", "examples", "retrieved")


@st.cache_resource
def rounds() -> dict[str, Round]:
    """The replies in flight by conversation, and those that ended last; one a server."""
    return {}


def running(conversation_id: str) -> Round | None:
    """What is being answered in this conversation."""
    asked = rounds().get(conversation_id)
    return asked if asked is not None and asked.running else None


def opened() -> tuple[Conversation, Round | None] | None:
    """The conversation that the address names, else the one that changed last; and who is asked. Raises StoreError."""
    asked = st.query_params.get("chat", "")
    if not asked:
        known = conversations.listed(database())
        if not known:
            return None
        asked = st.query_params["chat"] = known[0].id
    # In this order: a reply that ends in between is then in the conversation, or it counts as running still.
    who = running(asked)
    return conversations.load(database(), asked), who


def on_screen(conversation: Conversation) -> list[Node]:
    """The branch that is shown."""
    return tree.path(conversation, conversation.leaf)


def text_key(conversation_id: str) -> str:
    """The key of the text area with the message that is being written."""
    return f"chat_text_{conversation_id}"


def watch_key(conversation_id: str) -> str:
    """The key of what watches it being typed: another one after each turn, for a watcher remembers what it has seen."""
    return f"chat_watch_{conversation_id}_{st.session_state.get(f'{text_key(conversation_id)}_sent', 0)}"


def draft_key(conversation_id: str) -> str:
    """The draft that keeps it."""
    return f"chat:{conversation_id}"


def attempt(action: Callable[..., None]) -> Callable[..., None]:
    """The callback, one at a time; what a user can mend is left for the page to show."""

    @one_at_a_time
    def tried(*args: Any) -> None:
        try:
            action(*args)
        except PromptgridError as error:
            st.session_state.chat_error = error

    return tried


def begin(prompt: Prompt | None = None) -> None:
    """A new conversation: an empty one, or with the turns of a prompt, its question written but not sent."""
    turns, question = chat.opening(prompt) if prompt else ([], "")
    settings = Settings()
    if prompt is not None:
        given = prompt.parameters
        settings = settings.changed(1, temperature=given.get("temperature"))
        settings = Settings(settings.variants, room=int(given.get("max_tokens") or settings.room))
    new = conversations.create(database(), prompt.name if prompt else "New conversation", chat.to_json(settings))
    at: int | None = None
    for turn in turns:
        at = conversations.add_turn(database(), new, at, turn.message.role, turn.message.text)
    if question:
        drafts.keep_draft(database(), draft_key(new), question)
    st.query_params["chat"] = new


def send(conversation_id: str, *, ask: bool) -> None:
    """Adds what is written as a turn, and asks the variants if it is the user's; without a text, asks the last turn."""
    state, key = st.session_state, text_key(conversation_id)
    text, role = str(state.get(key) or ""), _role()
    conversation = _idle(conversation_id)
    nodes = on_screen(conversation)
    at = nodes[-1].id if nodes else None
    if text.strip():
        at = conversations.add_turn(database(), conversation_id, at, role, text)
        if not nodes and conversation.name == "New conversation":
            conversations.rename(database(), conversation_id, one_line(text, 60))
        drafts.drop_draft(database(), draft_key(conversation_id))
    elif not (nodes and nodes[-1].role == "user"):
        raise PlanError("There is nothing to send.", hint="Write a turn first.")
    if ask and role == "user":
        slot = conversations.add_turn(database(), conversation_id, at, "assistant")
        _start(conversation, slot)
    if text.strip():  # at last: where a second press follows at once, the first one ends at the next word to Streamlit
        state[key] = ""
        state[f"{key}_sent"] = state.get(f"{key}_sent", 0) + 1


def _role() -> Role:
    role: Role = st.session_state.get("chat_role") or "user"
    return role


def act(conversation_id: str, message: Mapping[str, Any]) -> None:
    """What was pressed in the log. One about a turn that is gone, in another tab, changes nothing."""
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
        _run_again(conversation, node.parent, _from(conversation, node))
    elif name in ("again", "all"):
        _ask_again(conversation, node, variant)
    elif name == "delete":
        conversations.set_deleted(database(), conversation.id, node.id, True)
        st.session_state.chat_undo = (conversation.id, node.id)
    elif name == "part" and message["part"] in _PARTS:
        for one in _with_replies(conversation, node):
            conversations.set_part(database(), conversation.id, one.id, message["part"])


def undo() -> None:
    """Brings back the turn, or the conversation, that was deleted last."""
    conversation_id, turn_id = st.session_state.pop("chat_undo")
    if turn_id is None:
        conversations.restore(database(), conversation_id)
        st.query_params["chat"] = conversation_id
    else:
        conversations.set_deleted(database(), conversation_id, turn_id, False)


def delete(conversation_id: str) -> None:
    """Hides the conversation; what is being answered is stopped."""
    if asked := running(conversation_id):
        asked.stop()
    conversations.delete(database(), conversation_id)
    st.session_state.chat_undo = (conversation_id, None)
    st.query_params.pop("chat", None)


def go_to(conversation_id: str, leaf: int) -> None:
    """Shows the branch that ends there."""
    conversations.set_leaf(database(), _idle(conversation_id).id, leaf)


def change(conversation_id: str, settings: Settings) -> None:
    """Other variants, another window."""
    conversations.set_settings(database(), conversation_id, chat.to_json(settings))


def settings_of(conversation_id: str) -> Settings:
    """As they are now: a callback comes before the page is drawn anew."""
    return chat.from_json(conversations.load(database(), conversation_id).settings)


def _idle(conversation_id: str) -> Conversation:
    """The conversation as it is now. Raises PlanError while something is being answered in it."""
    if running(conversation_id):
        raise PlanError("The model is still answering.", hint="Wait for its end, or stop it.")
    return conversations.load(database(), conversation_id)


def _edit(conversation: Conversation, node: Node, variant: int | None, text: str, *, branch: bool) -> None:
    if not text.strip():
        raise PlanError("A turn needs a text.", hint="Delete the turn if it is not needed.")
    if not branch:
        conversations.change_turn(database(), conversation.id, node.id, text, variant)
    elif variant is not None:
        edited = {**node.said, variant: conversations.VariantReply(text, "edited")}
        conversations.add_turn(database(), conversation.id, node.parent, "assistant", part=node.part, said=edited)
    else:
        following = tree.steps(_from(conversation, node))
        changed = following[0]._replace(text=text)
        _run(conversation, node.parent, [changed, *following[1:]])


def _step(conversation: Conversation, node: Node, by: int) -> None:
    places = tree.beside(conversation, node)
    if node.id in places and 0 <= (at := places.index(node.id) + by) < len(places):
        conversations.set_leaf(database(), conversation.id, tree.latest_leaf(conversation, places[at]))


def _ask_again(conversation: Conversation, node: Node, variant: int | None) -> None:
    """All variants, or one beside what the others have said."""
    others = {} if variant is None else {number: said for number, said in node.said.items() if number != variant}
    slot = conversations.add_turn(database(), conversation.id, node.parent, "assistant", part=node.part, said=others)
    _start(conversation, slot, variants=None if variant is None else [variant])


def _run_again(conversation: Conversation, parent: int | None, nodes: Sequence[Node]) -> None:
    _run(conversation, parent, tree.steps(nodes))


def _run(conversation: Conversation, parent: int | None, steps: Sequence[tree.Step]) -> None:
    slot, left = chat.go_on(database(), conversation.id, parent, steps)
    if slot is not None:
        _start(conversation, slot, left)


def _start(
    conversation: Conversation, slot: int, steps: Sequence[tree.Step] = (), variants: Sequence[int] | None = None
) -> None:
    everybody = [variant.id for variant in chat.from_json(conversation.settings).variants]
    asked = Round(database(), conversation.id, slot, everybody if variants is None else variants, steps)
    rounds()[conversation.id] = asked
    asked.start()


def _from(conversation: Conversation, node: Node) -> list[Node]:
    """This turn and what follows it on the screen."""
    nodes = on_screen(conversation)
    return nodes[nodes.index(node) :] if node in nodes else [node]


def _with_replies(conversation: Conversation, node: Node) -> list[Node]:
    """A user turn and the reply to it: an example is both."""
    following = _from(conversation, node)
    return [node, *[one for one in following[1:2] if node.role == "user" and one.role == "assistant"]]
