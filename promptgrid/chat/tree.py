"""A conversation is a tree: which branch is on the screen, what stands beside a turn, what a variant is sent. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from promptgrid.chat.settings import ChatVariant
from promptgrid.prompt import Message, Role
from promptgrid.store.conversations import Conversation, Node
from promptgrid.techniques import PromptPart, Turn


class Step(NamedTuple):
    """A turn to be written again; `asks`: then the variants reply."""

    role: Role
    text: str
    part: PromptPart = "history"
    asks: bool = False


def path(conversation: Conversation, leaf: int | None) -> list[Node]:
    """The turns of the branch that ends in `leaf`, in order, without deleted ones."""
    found: list[Node] = []
    at = leaf
    while at is not None:
        node = conversation.nodes[at]
        found.append(node)
        at = node.parent
    return [node for node in reversed(found) if not node.deleted]


def beside(conversation: Conversation, node: Node) -> list[int]:
    """The turns that go on from the same one, this one among them, the oldest first: the branches at this place."""
    return [other.id for other in conversation.nodes.values() if other.parent == node.parent and not other.deleted]


def latest_leaf(conversation: Conversation, node_id: int) -> int:
    """Where the branch through that turn ends that was begun last."""
    at = node_id
    while following := children(conversation, at):
        at = following[-1]
    return at


def children(conversation: Conversation, node_id: int | None) -> list[int]:
    """What goes on from a turn, the oldest first."""
    return [n.id for n in conversation.nodes.values() if n.parent == node_id and not n.deleted]


def leaves(conversation: Conversation) -> list[int]:
    """The end of each branch, the oldest first."""
    nodes = conversation.nodes.values()
    return [n.id for n in nodes if not n.deleted and not children(conversation, n.id)]


def is_reply(node: Node) -> bool:
    """It was, or will be, said by a model, for each variant another one; others have one text for all."""
    return node.role == "assistant" and (bool(node.said) or not node.text)


def text_of(node: Node, variant: int) -> str:
    """What this turn says to a variant: its own reply, else that of the first variant that has one."""
    if not is_reply(node):
        return node.text
    own = node.said.get(variant)
    if own is not None and own.text:
        return own.text
    return next((said.text for _, said in sorted(node.said.items()) if said.text), "")


def sent(nodes: Sequence[Node], variant: ChatVariant) -> list[tuple[int | None, Turn]]:
    """What a variant is sent of these turns, before anything is cut: (id of the turn, turn).

    Its own system message stands for the first one, or before all where there is none (then without an id). Turns that
    say nothing (a reply that failed) are left out. The question is the last user turn and what comes after it.
    """
    asked = max((at for at, node in enumerate(nodes) if _asks(node)), default=len(nodes))
    system = next((node.id for node in nodes if node.role == "system"), None)
    found: list[tuple[int | None, Turn]] = []
    if variant.system and system is None:
        found.append((None, Turn(Message("system", variant.system), "system")))
    for at, node in enumerate(nodes):
        text = text_of(node, variant.id)
        if node.id == system and variant.system is not None:
            text = variant.system
        if text.strip():
            found.append((node.id, Turn(Message(node.role, text), _part(node, at >= asked))))
    return found


def steps(nodes: Sequence[Node]) -> list[Step]:
    """How the turns of a branch are written again: what models said is asked for anew."""
    found: list[Step] = []
    for at, node in enumerate(nodes):
        if not is_reply(node):
            answered = is_reply(nodes[at + 1]) if at + 1 < len(nodes) else _asks(node)
            found.append(Step(node.role, node.text, node.part, answered))
    return found


def _asks(node: Node) -> bool:
    return node.role == "user" and node.part == "history"


def _part(node: Node, asked: bool) -> PromptPart:
    if node.role == "system":
        return "system"
    return node.part if node.part != "history" else "question" if asked else "history"
