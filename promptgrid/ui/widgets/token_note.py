"""The token count of a text that is being typed, in a few words."""

from __future__ import annotations

from collections.abc import Callable

from promptgrid import tokens
from promptgrid.errors import PromptgridError
from promptgrid.humanize import many
from promptgrid.prompt import Message

# A server needs a second for some 200,000 characters: a longer text is estimated until it is looked at for itself
LIVE = 50_000


def token_note(ref: str) -> Callable[[str], str]:
    """For `watch_text`: "14 tokens", or "≈ 14 tokens", by an encoding or ENDPOINT/MODEL; "" where nobody serves it."""
    return lambda text: _said(text, ref)


def _said(text: str, ref: str) -> str:
    try:
        if len(text) > LIVE and not tokens.encoding_of(ref):
            count = tokens.estimate([Message("user", text)], "", "completion")
        else:
            count = tokens.count_in(ref, text) if ref in tokens.ENCODINGS else tokens.count_text(text, ref)
    except PromptgridError:
        return ""
    return f"{'' if count.exact else '≈ '}{many(count.tokens, 'token')}"
