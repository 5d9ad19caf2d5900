"""The turns of a conversation as they are drawn: what each says, whether it is still seen, what can be done with it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from promptgrid.chat import ChatVariant, Round, Settings, tree
from promptgrid.humanize import dollars
from promptgrid.store.conversations import Conversation, Node, VariantReply
from promptgrid.ui.widgets.component import component

_WORDS = {
    "label": "Conversation",
    "edit": "Text of the turn",
    "part": "What it counts as",
    "acts": {
        "before": ["‹", "The branch before"],
        "after": ["›", "The next branch"],
        "edit": ["Edit", "Change this text"],
        "branch": ["Branch", "Go on from here; what follows stays as another branch"],
        "rerun": ["Run again", "Ask this turn, and those that follow, anew: as a new branch"],
        "again": ["Ask again", "Another reply to the same turns: as a new branch"],
        "all": ["Ask all again", "Another reply of each variant: as a new branch"],
        "delete": ["Delete", "Take this turn out; what follows stays"],
        "save": ["Save", "Ctrl+Enter. What follows stays"],
        "save_branch": ["Save as a branch", "The text as it was stays on its own branch"],
        "cancel": ["Cancel", "Esc"],
    },
}

_PARTS = [("history", "an ordinary turn"), ("examples", "an example"), ("retrieved", "retrieved text")]

Seen = Mapping[int, tuple[bool, int]]
"""By turn, whether it still reaches the model, and its tokens."""


def draw_log(
    conversation: Conversation,
    nodes: Sequence[Node],
    settings: Settings,
    seen: Seen,
    on_act: Callable[[Mapping[str, Any]], None],
    *,
    key: str,
    busy: bool,
) -> None:
    """Draws the turns; `on_act` gets what is pressed. While the model answers (`busy`) nothing can be."""

    def told() -> None:
        act = st.session_state[key].get("act")
        if isinstance(act, Mapping):
            on_act(act)

    turns = [_turn(conversation, node, settings, seen, busy) for node in nodes]
    component("chat")(key=key, data={"turns": turns, "words": _WORDS}, on_act_change=told)


def draw_live(asked: Round, settings: Settings, *, key: str) -> None:
    """The replies that are being written."""
    named = {variant.id: _name(variant) for variant in settings.variants}
    several = len(asked.live) > 1
    replies: list[dict[str, Any]] = [
        {
            "variant": one.variant,
            "name": named.get(one.variant, "") if several else "",
            "text": one.text,
            "error": one.error,
            "state": "done" if one.done else "running",
            "facts": "" if one.done else f"{time.monotonic() - one.began:.0f} s …",
            "acts": [],
        }
        for one in asked.live.values()
    ]
    turn = {"id": asked.slot, "role": "assistant", "mark": "", "tokens": "", "seen": True, "text": ""}
    data = {"turns": [{**turn, "at": 1, "of": 1, "acts": [], "parts": [], "replies": replies}], "words": _WORDS}
    component("chat")(key=key, data=data, on_act_change=lambda: None)


def _turn(conversation: Conversation, node: Node, settings: Settings, seen: Seen, busy: bool) -> dict[str, Any]:
    places = tree.beside(conversation, node)
    reaches, size = seen.get(node.id, (True, 0))
    reply = tree.is_reply(node)
    return {
        "id": node.id,
        "role": node.role,
        "mark": " · ".join(filter(None, [_mark(node), "" if reaches else "not seen"])),
        "tokens": f"{size:,} tokens" if size else "",
        "seen": reaches,
        "text": node.text,
        "at": places.index(node.id) + 1,
        "of": 1 if busy else len(places),
        "acts": [] if busy else _acts(node, reply, len(settings.variants) > 1),
        "part": node.part,
        "parts": [] if node.role == "system" else _PARTS,
        "replies": [_reply(node, variant, settings, busy) for variant in settings.variants] if reply else [],
    }


def _mark(node: Node) -> str:
    return {"examples": "example", "retrieved": "retrieved"}.get(node.part, "")


def _acts(node: Node, reply: bool, several: bool) -> list[str]:
    if reply:
        return ["all" if several else "again", "branch", "delete"]
    return ["edit", *(["rerun"] if node.role == "user" and node.part == "history" else []), "branch", "delete"]


def _reply(node: Node, variant: ChatVariant, settings: Settings, busy: bool) -> dict[str, Any]:
    said = node.said.get(variant.id)
    return {
        "variant": variant.id,
        "name": _name(variant) if len(settings.variants) > 1 else "",
        "text": said.text if said else "",
        "state": said.state if said else "none",
        "error": said.error if said else "",
        "facts": _facts(said) if said else _unasked(node, variant),
        "acts": [] if busy else ["edit"] if len(settings.variants) == 1 else ["edit", "again"],
    }


def _unasked(node: Node, variant: ChatVariant) -> str:
    return "not asked yet; takes the first one's reply as its own" if tree.text_of(node, variant.id) else "no reply yet"


def _name(variant: ChatVariant) -> str:
    temperature = "" if variant.temperature is None else f"t={variant.temperature:g}"
    own = "own system message" if variant.system is not None else ""
    return " · ".join(filter(None, [variant.model.partition("/")[2], temperature, own]))


def _facts(said: VariantReply) -> str:
    tokens = ""
    if said.prompt_tokens is not None and said.completion_tokens is not None:
        tokens = f"{said.prompt_tokens:,} → {said.completion_tokens:,} tokens"
    parts = [
        {"stopped": "stopped", "edited": "edited", "failed": "failed"}.get(said.state, ""),
        f"{said.latency_ms / 1000:.1f} s" if said.latency_ms is not None else "",
        tokens,
        dollars(said.cost_usd) if said.cost_usd else "",
        "cut at the reply's limit" if said.finish_reason == "length" else "",
        f"{said.cut} turns were not seen" if said.cut else "",
    ]
    return " · ".join(filter(None, parts))
