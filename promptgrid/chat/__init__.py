"""Conversations with models: a tree of turns, one to four variants side by side, and a window on what is remembered.

`tree` says which branch is shown and what is sent, `asking` asks, `saving` makes other things of a conversation.
"""

from promptgrid.chat.asking import Live, Round, go_on, prepare, window_of
from promptgrid.chat.saving import as_json, as_markdown, as_prompt, opening, with_case
from promptgrid.chat.settings import MAX_VARIANTS, ChatVariant, Settings, from_json, to_json

__all__ = [
    "MAX_VARIANTS",
    "ChatVariant",
    "Live",
    "Round",
    "Settings",
    "as_json",
    "as_markdown",
    "as_prompt",
    "from_json",
    "go_on",
    "opening",
    "prepare",
    "to_json",
    "window_of",
    "with_case",
]
