"""Conversations with models: a tree of turns, one to four variants side by side, and a context window.

`tree` finds branches and the turns to send, `retrieval` searches documents for a question, `round` makes the calls,
`conversion` turns conversations into prompts, cases, Markdown and JSON.
"""

from promptgrid.chat.conversion import as_json, as_markdown, as_prompt, opening, with_case
from promptgrid.chat.round import Live, Prepared, Round, go_on, prepare, window_of
from promptgrid.chat.settings import MAX_VARIANTS, ChatDocuments, ChatVariant, Settings, from_json, to_json
