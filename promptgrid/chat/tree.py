"""A conversation as a tree: its branches, the siblings of a turn, and the turns sent to a variant. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from promptgrid.chat.settings import ChatVariant
from promptgrid.prompt import Message, Role
from promptgrid.store.conversations import Conversation, Node, VariantReply
from promptgrid.techniques import PromptPart, Turn


class Step(NamedTuple):
    """A turn of one branch that is repeated in a new branch. With `asks`, the variants are then asked to reply."""

    role: Role
    text: str
    part: PromptPart = "history"
    asks: bool = False


def path(conversation: Conversation, leaf: int | None) -> list[Node]:
    """Returns the turns of a branch from first to last, deleted ones left out. `leaf` is the id of the branch's last
    turn; for None the list is empty."""
    nodes: list[Node] = []
    at = leaf
    while at is not None:
        node = conversation.nodes[at]
        nodes.append(node)
        at = node.parent
    return [node for node in reversed(nodes) if not node.deleted]


def beside(conversation: Conversation, node: Node) -> list[int]:
    """Returns the ids of the turns that are alternatives to `node`: all with the same parent, itself included, oldest
    first."""
    return [other.id for other in conversation.nodes.values() if other.parent == node.parent and not other.deleted]


def latest_leaf(conversation: Conversation, node_id: int) -> int:
    """Returns the id of the last turn of the newest branch that contains the turn `node_id`."""
    at = node_id
    while later := children(conversation, at):
        at = later[-1]
    return at


def children(conversation: Conversation, node_id: int | None) -> list[int]:
    """Returns the ids of the turns that directly follow the turn with this id, oldest first; for None, of the first
    turns of the conversation."""
    return [n.id for n in conversation.nodes.values() if n.parent == node_id and not n.deleted]


def leaves(conversation: Conversation) -> list[int]:
    """Returns the ids of the last turns of all branches, oldest first."""
    nodes = conversation.nodes.values()
    return [n.id for n in nodes if not n.deleted and not children(conversation, n.id)]


def is_reply(node: Node) -> bool:
    """Tells whether models wrote or will write this turn. Such a turn has one text per variant, any other turn a single
    text."""
    return node.role == "assistant" and (bool(node.replies) or not node.text)


def text_of(node: Node, variant: int) -> str:
    """Returns the text of a turn for the variant with this id: its own reply, else the first reply with a text; "" if
    there is none."""
    if not is_reply(node):
        return node.text
    reply = reply_of(node, variant)
    return reply.text if reply else ""


def reply_of(node: Node, variant: int) -> VariantReply | None:
    """Returns the reply that stands in this turn for the variant with this id: its own, else the first with a text;
    None if there is none with a text."""
    own = node.replies.get(variant)
    if own is not None and own.text:
        return own
    return next((reply for _, reply in sorted(node.replies.items()) if reply.text), None)


def sent(nodes: Sequence[Node], variant: ChatVariant) -> list[tuple[int | None, Turn]]:
    """Returns (id of the turn, turn) for each turn that is to be sent to a variant; the context window is applied
    later.

    The variant's system message replaces the conversation's first one, or comes first, with None as its id. Empty
    turns, such as failed replies, are left out. From the last user turn of the part "history" on, turns of that part
    get the part "question" instead.
    """
    question = max((at for at, node in enumerate(nodes) if _asks(node)), default=len(nodes))
    system = next((node.id for node in nodes if node.role == "system"), None)
    turns: list[tuple[int | None, Turn]] = []
    if variant.system and system is None:
        turns.append((None, Turn(Message("system", variant.system), "system")))
    for at, node in enumerate(nodes):
        text = text_of(node, variant.id)
        if node.id == system and variant.system is not None:
            text = variant.system
        if text.strip():
            turns.append((node.id, Turn(Message(node.role, text), _part(node, at >= question))))
    return turns


def steps(nodes: Sequence[Node]) -> list[Step]:
    """Returns the steps that repeat these turns in a new branch: what people wrote is copied, replies are asked for
    again."""
    repeated: list[Step] = []
    for at, node in enumerate(nodes):
        if not is_reply(node):
            asks = is_reply(nodes[at + 1]) if at + 1 < len(nodes) else _asks(node)
            repeated.append(Step(node.role, node.text, node.part, asks))
    return repeated


def _asks(node: Node) -> bool:
    return node.role == "user" and node.part == "history"


def _part(node: Node, in_question: bool) -> PromptPart:
    if node.role == "system":
        return "system"
    return node.part if node.part != "history" else "question" if in_question else "history"
