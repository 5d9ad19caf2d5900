"""Token counts, exact or marked as estimates, and the context budget.

`encodings` provides OpenAI's vocabularies offline, `count` counts with them or by the endpoint, `correction` corrects
counts by reported usage, `pieces` lists the tokens of a text, `chunks` splits a text where tokens end, `context`
computes the budget, `window` drops turns that do not fit.
"""

from promptgrid.connections import context_limit
from promptgrid.tokens.context import ContextUse, budget
from promptgrid.tokens.correction import ReportedUsage, corrected_counter
from promptgrid.tokens.count import (
    Count,
    Counter,
    count_in,
    count_messages,
    count_request,
    count_text,
    counter,
    encoding_of,
    estimate,
    tools_of,
)
from promptgrid.tokens.encodings import ENCODINGS, encoding
from promptgrid.tokens.pieces import (
    Difference,
    Piece,
    Tokenization,
    estimated,
    first_difference,
    token_ends,
    tokenize,
)
from promptgrid.tokens.window import POLICIES, POLICY_WORDS, TurnWindow, WindowPolicy, window
