"""Draws the log of a conversation: each turn with its text, its tokens, whether the model receives it, and buttons."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from promptgrid.chat import ChatVariant, Live, Round, Settings, tree
from promptgrid.chat.retrieval import Retrieved, retrieved_from
from promptgrid.documents.citations import citations
from promptgrid.humanize import dollars, latency, many
from promptgrid.store.conversations import Conversation, Node, VariantReply
from promptgrid.ui.widgets.component import component

_WORDS = {
    "label": "Conversation",
    "edit": "Text of the turn",
    "part": "What it counts as",
    "chunk": "Chunk",
    "open": "Open the document at this place, in a new tab",
    "acts": {
        "before": ["‹", "Previous branch"],
        "after": ["›", "Next branch"],
        "edit": ["Edit", "Change this text"],
        "sent": ["Sent", "The messages that were sent for this reply"],
        "branch": ["Branch", "Continue from here; the turns below stay on another branch"],
        "rerun": ["Replay from here", "Send this turn and those below again, one by one, on a new branch"],
        "again": ["Another reply", "A new reply to the same turns, on a new branch"],
        "all": ["Another reply of each", "A new reply of each variant to the same turns, on a new branch"],
        "delete": ["Delete", "Remove this turn; the turns below stay"],
        "save": ["Save", "Ctrl+Enter. The turns below stay"],
        "save_branch": ["Save as a branch", "The old text stays on its own branch; replies below are asked for again"],
        "cancel": ["Cancel", "Esc"],
    },
}

_MARKS = {"examples": "example", "retrieved": "retrieved"}
_PARTS = [("history", "an ordinary turn"), ("examples", "an example"), ("retrieved", "retrieved text")]

Visibility = Mapping[int, tuple[bool, int]]
"""Turn id -> (whether the turn is sent to the model, its token count)."""


def draw_log(
    conversation: Conversation,
    nodes: Sequence[Node],
    settings: Settings,
    visibility: Visibility,
    on_act: Callable[[Mapping[str, Any]], None],
    *,
    key: str,
    busy: bool,
    refused: Mapping[str, Any] | None = None,
) -> None:
    """Draws the turns `nodes`. `visibility` maps the id of a turn to (whether the turn reaches the model, its token
    count). When a button is pressed, calls `on_act` with a `message` as `actions.act` describes it. With `busy`, while
    the model answers, the buttons are disabled: they keep their room, so that nothing moves. `refused`, the message of
    an edit that could not be carried out, opens the editor of its turn again with its text."""

    def on_change() -> None:
        act = st.session_state[key].get("act")
        if isinstance(act, Mapping):
            on_act(act)

    turns = [_turn(conversation, nodes, node, settings, visibility) for node in nodes]
    data = {"turns": turns, "words": _WORDS, "busy": busy, "refused": refused}
    component("chat")(key=key, data=data, on_act_change=on_change)


def draw_live(in_flight: Round, settings: Settings, *, key: str) -> None:
    """Draws the replies in flight as the log will draw them: with buttons, which are disabled, so that nothing moves
    when the replies have ended."""
    names = {variant.id: _name(variant) for variant in settings.variants}
    show_names = len(in_flight.live) > 1
    replies: list[dict[str, Any]] = [
        {
            "variant": live.variant,
            "name": names.get(live.variant, "") if show_names else "",
            "text": live.text,
            "error": live.error,
            "state": "done" if live.done else "running",
            "facts": "" if live.done else f"{_stage(in_flight, live)}{time.monotonic() - live.began:.0f} s …",
            "acts": _reply_acts(settings),
        }
        for live in in_flight.live.values()
    ]
    node = Node(in_flight.slot, None, "assistant", "history", "", False, {})
    turn = {
        "id": node.id,
        "role": node.role,
        "mark": "",
        "tokens": "",
        "seen": True,
        "text": "",
        "at": 1,
        "of": 1,
        "acts": _acts([node], node, len(settings.variants) > 1),
        "calls": calls_by_action([node], node, settings),
        "parts": [],
        "replies": replies,
    }
    component("chat")(key=key, data={"turns": [turn], "words": _WORDS, "busy": True}, on_act_change=lambda: None)


def _stage(in_flight: Round, live: Live) -> str:
    """Returns how far the documents are prepared that are searched first."""
    return f"{in_flight.preparing} · " if in_flight.preparing and not live.text else ""


def _turn(
    conversation: Conversation,
    nodes: Sequence[Node],
    node: Node,
    settings: Settings,
    visibility: Visibility,
) -> dict[str, Any]:
    siblings = tree.beside(conversation, node)
    visible, size = visibility.get(node.id, (True, 0))
    reply = tree.is_reply(node)
    return {
        "id": node.id,
        "role": node.role,
        "mark": " · ".join(filter(None, [_MARKS.get(node.part), "" if visible else "not sent"])),
        "tokens": f"{size:,} tokens" if size else "",
        "seen": visible,
        "text": node.text,
        "at": siblings.index(node.id) + 1,
        "of": len(siblings),
        "acts": _acts(nodes, node, len(settings.variants) > 1),
        "calls": calls_by_action(nodes, node, settings),
        "part": node.part,
        "parts": [] if node.role == "system" else _PARTS,
        "replies": [_reply(node, variant, settings) for variant in settings.variants] if reply else [],
    }


def _acts(nodes: Sequence[Node], node: Node, side_by_side: bool) -> list[str]:
    """Returns the names of the actions on the turn `node`. A user turn before a single reply is not replayed: that is
    what another reply does."""
    if tree.is_reply(node):
        return ["all" if side_by_side else "again", "branch", "delete"]
    replayed = node.role == "user" and node.part == "history" and _asks(nodes, node) > 1
    return ["edit", *(["rerun"] if replayed else []), "branch", "delete"]


def _asks(nodes: Sequence[Node], node: Node) -> int:
    """Returns how many turns are asked for again when `nodes` are repeated from `node` on."""
    return sum(step.asks for step in tree.steps(nodes[nodes.index(node) :]))


def calls_by_action(nodes: Sequence[Node], node: Node, settings: Settings) -> dict[str, str]:
    """Returns, by the name of an action on the turn `node` that sends calls, how many: `3 calls`. Actions that send
    none are left out. `nodes` are the turns on the screen."""
    variants = len(settings.variants)
    if tree.is_reply(node):
        counts = {"all": variants, "again": 1}
    else:
        counts = dict.fromkeys(("rerun", "save_branch"), variants * _asks(nodes, node))
    return {name: many(count, "call") for name, count in counts.items() if count}


def _reply(node: Node, variant: ChatVariant, settings: Settings) -> dict[str, Any]:
    reply = node.replies.get(variant.id)
    return {
        "variant": variant.id,
        "name": _name(variant) if len(settings.variants) > 1 else "",
        "text": reply.text if reply else "",
        "state": reply.state if reply else "none",
        "error": reply.error if reply else "",
        "facts": _facts(reply) if reply else _unasked(node, variant),
        "acts": [*(["sent"] if reply and reply.reply_id is not None else []), *_reply_acts(settings)],
        **_evidence(reply),
    }


def _reply_acts(settings: Settings) -> list[str]:
    return ["edit"] if len(settings.variants) == 1 else ["edit", "again"]


def _evidence(reply: VariantReply | None) -> dict[str, Any]:
    """Returns what was found for the reply: `pieces`, its text as (text, number of the first chunk that the text cites,
    else 0), and `chunks`, each with its number, place, note, text and the address of the place. Empty without
    documents."""
    if reply is None or reply.retrieved is None:
        return {}
    retrieved, pieces, at = retrieved_from(reply.retrieved), [], 0
    cited: set[int] = set()
    for citation in citations(reply.text):
        known = [number for number in citation.numbers if 1 <= number <= len(retrieved.chunks)]
        cited.update(known)
        mark = reply.text[citation.start : citation.end]
        pieces += [(reply.text[at : citation.start], 0), (mark, known[0] if known else 0)]
        at = citation.end
    found = many(len(retrieved.chunks), "chunk")
    how = f"{found} of {retrieved.documents.name} by {retrieved.documents.retriever}"
    return {
        "pieces": [*pieces, (reply.text[at:], 0)],
        "found": how if retrieved.chunks else f"No chunk of {retrieved.documents.name} was found: it was asked alone",
        "chunks": [_chunk(retrieved, number, number in cited) for number in range(1, len(retrieved.chunks) + 1)],
    }


def _chunk(retrieved: Retrieved, number: int, cited: bool) -> dict[str, Any]:
    chunk = retrieved.chunks[number - 1]
    notes = [many(chunk.tokens, "token"), "cited" if cited else "", "" if chunk.sent else "not sent: no room"]
    place = {"collection": retrieved.documents.collection, "document": chunk.document,
             "range": f"{chunk.start}-{chunk.end}", "text": chunk.text_digest}  # fmt: skip
    return {
        "number": number,
        "place": chunk.place,
        "note": " · ".join(filter(None, notes)),
        "text": chunk.text,
        "address": f"Documents?{urlencode(place)}",
    }


def _unasked(node: Node, variant: ChatVariant) -> str:
    return "not asked; continues from the first variant's reply" if tree.text_of(node, variant.id) else "no reply yet"


def _name(variant: ChatVariant) -> str:
    temperature = "" if variant.temperature is None else f"t = {variant.temperature:g}"
    own = "own system message" if variant.system is not None else ""
    return " · ".join(filter(None, [variant.model.partition("/")[2], temperature, own]))


def _facts(reply: VariantReply) -> str:
    tokens = ""
    if reply.prompt_tokens is not None and reply.completion_tokens is not None:
        tokens = f"{reply.prompt_tokens:,} → {reply.completion_tokens:,} tokens"
    parts = [
        {"stopped": "stopped", "edited": "edited", "failed": "failed"}.get(reply.state, ""),
        latency(reply.latency_ms),
        tokens,
        dollars(reply.cost_usd) if reply.cost_usd else "",
        "cut off at max tokens" if reply.finish_reason == "length" else "",
        f"{reply.cut} turns not sent" if reply.cut else "",
    ]
    return " · ".join(filter(None, parts))
