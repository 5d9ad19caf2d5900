"""Short requests to the built-in model, and one that takes it many seconds."""

from __future__ import annotations

from typing import Any

from promptgrid import builtin, loop
from promptgrid.endpoint import Reply, Request
from promptgrid.prompt import Message

QUESTION = (Message("user", "Name a colour."),)
LONG = {"messages": (Message("user", "Write the numbers from 1 to 2000, separated by commas."),), "max_tokens": 2000}
"""At temperature 0 the model counts for many seconds: whatever is done to the stream meets it in the middle."""


def asked(**parameters: Any) -> Request:
    return Request(**{"model": builtin.MODEL, "messages": QUESTION, "max_tokens": 12, **parameters})


def complete(endpoint: builtin.BuiltinEndpoint, **parameters: Any) -> list[Reply]:
    return loop.run_sync(endpoint.complete(asked(**parameters)))
