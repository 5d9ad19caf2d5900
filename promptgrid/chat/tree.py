"""A conversation as a tree: its branches, the siblings of a turn, and the turns sent to a variant. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from promptgrid.chat.settings import ChatVariant
from promptgrid.prompt import Message, Role
from promptgrid.store.conversations import Conversation, Node
from promptgrid.techniques import PromptPart, Turn


class Step(NamedTuple):
    """A turn to repeat in another branch; after one that `asks`, the variants reply."""

    role: Role
    text: str
    part: PromptPart = "history"
    asks: bool = False


def path(conversation: Conversation, leaf: int | None) -> list[Node]:
    """The turns of the branch that ends in `leaf`, in order, without deleted turns."""
    nodes: list[Node] = []
    at = leaf
    while at is not None:
        node = conversation.nodes[at]
        nodes.append(node)
        at = node.parent
    return [node for node in reversed(nodes) if not node.deleted]


def beside(conversation: Conversation, node: Node) -> list[int]:
    """The ids of all turns with the same parent, this one included, the oldest first."""
    return [other.id for other in conversation.nodes.values() if other.parent == node.parent and not other.deleted]


def latest_leaf(conversation: Conversation, node_id: int) -> int:
    """The leaf of the newest branch through that turn."""
    at = node_id
    while later := children(conversation, at):
        at = later[-1]
    return at


def children(conversation: Conversation, node_id: int | None) -> list[int]:
    """The ids of the turns that follow a turn, the oldest first."""
    return [n.id for n in conversation.nodes.values() if n.parent == node_id and not n.deleted]


def leaves(conversation: Conversation) -> list[int]:
    """The ids of the last turns of all branches, the oldest first."""
    nodes = conversation.nodes.values()
    return [n.id for n in nodes if not n.deleted and not children(conversation, n.id)]


def is_reply(node: Node) -> bool:
    """Whether models wrote or will write this turn, each variant its own text; other turns have one text."""
    return node.role == "assistant" and (bool(node.replies) or not node.text)


def text_of(node: Node, variant: int) -> str:
    """The text of this turn for a variant: its own reply, else that of the first variant with one."""
    if not is_reply(node):
        return node.text
    own = node.replies.get(variant)
    if own is not None and own.text:
        return own.text
    return next((reply.text for _, reply in sorted(node.replies.items()) if reply.text), "")


def sent(nodes: Sequence[Node], variant: ChatVariant) -> list[tuple[int | None, Turn]]:
    """The turns to send to a variant, before the window cuts any: (id of the turn, turn).

    The variant's own system message replaces the first one, or comes before all turns (id None) if there is none. Empty
    turns (a failed reply) are left out. The question is the last user turn and everything after it.
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
    """The steps that repeat a branch; its replies are requested again."""
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
