"""The callbacks of the Chat page. A callback changes the conversation in the database before the page is drawn.

The address of the page names the open conversation. The server holds the replies in flight, so a page still shows them
after a refresh.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
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
from promptgrid.ui.server import database, stop_when_left
from promptgrid.ui.widgets.callbacks import close_popover, leaving_error, one_at_a_time
from promptgrid.ui.widgets.undo import offer_undo

_PARTS: Sequence[PromptPart] = ("history", "examples", "retrieved")


@st.cache_resource
def rounds() -> dict[str, Round]:
    """Returns, by conversation id, the latest round: the calls that bring the variants' replies to a turn, in flight or
    done. Rounds exist as long as the server."""
    return {}


def running(conversation_id: str) -> Round | None:
    """Returns the round of replies that is in flight in this conversation; None if there is none."""
    latest = rounds().get(conversation_id)
    return latest if latest is not None and latest.running else None


def open_conversation() -> tuple[Conversation, Round | None] | None:
    """Returns the conversation named in the page's address, else the latest one, together with its round of replies in
    flight (None if there is none). Returns a single None if there is no conversation. Raises StoreError if the address
    names one that does not exist."""
    conversation_id = st.query_params.get("chat", "")
    if not conversation_id:
        listed = conversations.listed(database())
        if not listed:
            return None
        conversation_id = st.query_params["chat"] = listed[0].id
    # In this order: a reply that ends between the two calls is stored, or still counts as in flight.
    in_flight = running(conversation_id)
    return conversations.load(database(), conversation_id), in_flight


def on_screen(conversation: Conversation) -> list[Node]:
    """Returns the turns of the branch on the screen, from the first to the last."""
    return tree.path(conversation, conversation.leaf)


def text_key(conversation_id: str) -> str:
    return f"chat_text_{conversation_id}"


def watch_key(conversation_id: str) -> str:
    """Returns the key of the component that reports the text while the user types it. The key changes after each sent
    turn, because the component remembers the old text."""
    return f"chat_watch_{conversation_id}_{st.session_state.get(f'{text_key(conversation_id)}_sent', 0)}"


def draft_key(conversation_id: str) -> str:
    return f"chat:{conversation_id}"


def undo_key(conversation_id: str) -> str:
    """Returns the name of the list of changes in this conversation that can be undone, besides deletions."""
    return f"chat_changes_{conversation_id}"


def attempt(action: Callable[..., None]) -> Callable[..., None]:
    """Returns a callback that runs `action`, one call at a time. A PromptgridError that it raises is stored, and the
    page shows it."""
    return one_at_a_time(leaving_error("chat_error")(action))


def begin(prompt: Prompt | None = None) -> None:
    """Starts a conversation and opens it. With a prompt it gets the prompt's turns, temperature and max tokens, and the
    prompt's question becomes the draft of the next turn."""
    turns, question = chat.opening(prompt) if prompt else ([], "")
    settings = Settings()
    if prompt is not None:
        parameters = prompt.parameters
        settings = settings.changed(1, temperature=parameters.temperature)
        settings = Settings(settings.variants, room=int(parameters.max_tokens or settings.room))
    name = prompt.name if prompt else "New conversation"
    opening = [(turn.message.role, turn.message.text) for turn in turns]
    conversation_id = conversations.create(database(), name, chat.to_json(settings), opening)
    st.session_state[text_key(conversation_id)] = question
    st.query_params["chat"] = conversation_id
    close_popover()


def send(conversation_id: str, *, ask: bool) -> None:
    """Adds the typed text, if there is one, as a turn with the selected role. With `ask` and the role user, the
    variants then answer the last turn.

    Raises PlanError while a reply is in flight, if no text is typed and the last turn is not a user turn, and with
    `ask` for settings that are out of range.
    """
    state, key = st.session_state, text_key(conversation_id)
    text = str(state.get(key) or "")
    role: Role = state.get("chat_role") or "user"
    conversation = _idle(conversation_id)
    if ask:
        chat.from_json(conversation.settings).check()
    nodes = on_screen(conversation)
    parent = nodes[-1].id if nodes else None
    if text.strip():
        parent = conversations.add_turn(database(), conversation_id, parent, role, text)
        state[key] = ""  # at once: what fails from here on must not add the turn again
        state[f"{key}_sent"] = state.get(f"{key}_sent", 0) + 1
        if not nodes and conversation.name == "New conversation":
            conversations.rename(database(), conversation_id, one_line(text, 60))
        drafts.drop_draft(database(), draft_key(conversation_id))
    elif not (nodes and nodes[-1].role == "user"):
        raise PlanError("There is nothing to send.", hint="Write a turn first.")
    if ask and role == "user":
        slot = conversations.add_turn(database(), conversation_id, parent, "assistant")
        _start(conversation, slot)


def act(conversation_id: str, message: Mapping[str, Any]) -> None:
    """Carries out the action of a button in the log. `message` has the action (`act`: edit, branch, sibling, rerun,
    again, all, delete, part or sent), the turn (`id`), and where the action needs them: `variant` (the id of one),
    `text` (the edited text), `how` ("branch": edit in a new branch), `by` (-1 or 1: the branch before or after), `part`
    (of the context, to which the turn shall belong).

    Ignores a turn that was deleted in another tab. Raises PlanError while a reply is in flight, for an edit of a
    deleted turn, for an empty text, and before a call with settings that are out of range. An edit that fails is kept
    for `refused_edit`.
    """
    if message["act"] == "sent":
        node = conversations.load(database(), conversation_id).nodes[int(message["id"])]
        st.session_state.chat_sent = conversations.request_of(database(), node.replies[int(message["variant"])])
        return
    before = st.session_state.pop(_refused_key(conversation_id), {})
    try:
        _act(_idle(conversation_id), message)
    except PromptgridError:
        if message["act"] == "edit":
            st.session_state[_refused_key(conversation_id)] = {**message, "times": before.get("times", 0) + 1}
        raise


def refused_edit(conversation_id: str) -> Mapping[str, Any] | None:
    """Returns the message of the last action, as `act` takes it, if it was an edit that failed; else None. `times` in
    it counts the failures in a row."""
    message: Mapping[str, Any] | None = st.session_state.get(_refused_key(conversation_id))
    return message


def _refused_key(conversation_id: str) -> str:
    return f"chat_refused_{conversation_id}"


def _act(conversation: Conversation, message: Mapping[str, Any]) -> None:
    node, name, variant = conversation.nodes.get(int(message["id"])), message["act"], message.get("variant")
    if node is None or node.deleted:
        if name == "edit":
            raise PlanError("This turn was deleted in another tab.", hint="Undo the deletion there, or write a turn.")
        return
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
    conversation_id, turn_id = st.session_state.chat_undo
    if turn_id is None:
        conversations.restore(database(), conversation_id)
        st.query_params["chat"] = conversation_id
    else:
        conversations.set_deleted(database(), conversation_id, turn_id, False)
    del st.session_state["chat_undo"]


def delete(conversation_id: str) -> None:
    """Marks the conversation as deleted and stops its replies in flight."""
    if in_flight := running(conversation_id):
        in_flight.stop()
    conversations.delete(database(), conversation_id)
    st.session_state.chat_undo = (conversation_id, None)
    st.query_params.pop("chat", None)
    close_popover()


def show_branch(conversation_id: str, leaf: int) -> None:
    """Shows the branch whose last turn is `leaf`."""
    conversations.set_leaf(database(), _idle(conversation_id).id, leaf)


def save_settings(conversation_id: str, settings: Settings) -> None:
    conversations.set_settings(database(), conversation_id, chat.to_json(settings))


def settings_of(conversation_id: str) -> Settings:
    """Returns the conversation's settings from the database: those on the page may be outdated when a callback runs."""
    return chat.from_json(conversations.load(database(), conversation_id).settings)


def _idle(conversation_id: str) -> Conversation:
    """Returns the conversation from the database. Raises PlanError while a reply is in flight in it."""
    if running(conversation_id):
        raise PlanError("The model is still answering.", hint="Wait for the reply, or stop it.")
    return conversations.load(database(), conversation_id)


def _edit(conversation: Conversation, node: Node, variant: int | None, text: str, *, branch: bool) -> None:
    if not text.strip():
        raise PlanError("The turn is empty.", hint="Write a text, or delete the turn.")
    if not branch:
        before = node.text if variant is None else node.replies[variant]
        change = attempt(partial(conversations.change_turn, database(), conversation.id, node.id))
        conversations.change_turn(database(), conversation.id, node.id, text, variant)
        offer_undo(undo_key(conversation.id), "Changed a turn.", partial(change, before, variant))
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
    """Asks again for the replies in the turn `node`: for that of the variant with the id `variant`, or for all (None).
    They are added in a new branch, into which the present replies of the other variants are copied."""
    chat.from_json(conversation.settings).check()
    others = {} if variant is None else {number: reply for number, reply in node.replies.items() if number != variant}
    slot = conversations.add_turn(
        database(), conversation.id, node.parent, "assistant", part=node.part, replies_by_variant=others
    )
    _start(conversation, slot, variants=None if variant is None else [variant])


def _run(conversation: Conversation, parent: int | None, steps: Sequence[tree.Step]) -> None:
    chat.from_json(conversation.settings).check()
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
    stop_when_left(new_round)


def _from(conversation: Conversation, node: Node) -> list[Node]:
    """Returns the turn `node` and the turns after it on the screen."""
    nodes = on_screen(conversation)
    return nodes[nodes.index(node) :] if node in nodes else [node]


def _with_replies(conversation: Conversation, node: Node) -> list[Node]:
    """Returns the turn `node` and, if it is a user turn, the reply after it: an example consists of both."""
    following = _from(conversation, node)
    return [node, *[turn for turn in following[1:2] if node.role == "user" and turn.role == "assistant"]]
