"""The token count of a text during typing, in a few words."""

from __future__ import annotations

from collections.abc import Callable

from promptgrid import tokens
from promptgrid.errors import PromptgridError
from promptgrid.humanize import many
from promptgrid.prompt import Message

LIVE_CHARS = 50_000  # longer texts are estimated: a server needs a second for some 200,000 characters


def token_note(ref: str) -> Callable[[str], str]:
    """A `note` for `watch_text`: "14 tokens" or "≈ 14 tokens", counted by `ref`, an encoding or ENDPOINT/MODEL.

    The note is empty if no endpoint serves the model.
    """
    return lambda text: _note(text, ref)


def _note(text: str, ref: str) -> str:
    try:
        if len(text) > LIVE_CHARS and not tokens.encoding_of(ref):
            count = tokens.estimate([Message("user", text)], "", "completion")
        else:
            count = tokens.count_in(ref, text) if ref in tokens.ENCODINGS else tokens.count_text(text, ref)
    except PromptgridError:
        return ""
    return f"{'' if count.exact else '≈ '}{many(count.tokens, 'token')}"
