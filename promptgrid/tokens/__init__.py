"""Token counts, exact where they can be and marked where they cannot, and the context budget.

`encodings` brings OpenAI's vocabularies offline, `count` asks them or the endpoint, `pieces` shows which tokens they
are, `parts` says where a text can be cut, `context` adds up a budget, `memory` says what is cut where
not all of it fits.
"""

from promptgrid.connections import context_limit
from promptgrid.tokens.context import ContextUse, budget
from promptgrid.tokens.count import (
    Count,
    Counter,
    clean,
    count_in,
    count_messages,
    count_text,
    counter,
    encoding_of,
    estimate,
    tools_of,
)
from promptgrid.tokens.encodings import ENCODINGS, encoding
from promptgrid.tokens.pieces import Difference, Piece, Tokenization, estimated, first_difference, tokenize
from promptgrid.tokens.window import POLICIES, POLICY_WORDS, TurnWindow, WindowPolicy, window

__all__ = [
    "ENCODINGS",
    "POLICIES",
    "POLICY_WORDS",
    "ContextUse",
    "Count",
    "Counter",
    "Difference",
    "Piece",
    "Tokenization",
    "TurnWindow",
    "WindowPolicy",
    "budget",
    "clean",
    "context_limit",
    "count_in",
    "count_messages",
    "count_text",
    "counter",
    "encoding",
    "encoding_of",
    "estimate",
    "estimated",
    "first_difference",
    "tokenize",
    "tools_of",
    "window",
]
