"""Short requests to the built-in model, and one that takes it many seconds."""

from __future__ import annotations

from typing import Any

from promptgrid import builtin, loop
from promptgrid.endpoint import Reply, Request
from promptgrid.prompt import Message, Parameters
from promptgrid.prompt.parameters import NAMES

QUESTION = (Message("user", "Name a colour."),)
LONG = {"messages": (Message("user", "Write the numbers from 1 to 2000, separated by commas."),), "max_tokens": 2000}
"""At temperature 0 the model counts for many seconds: whatever is done to the stream meets it in the middle."""


def asked(**fields: Any) -> Request:
    """A request of the built-in model; fields of Request and of its parameters alike."""
    parameters = Parameters(**{"max_tokens": 12, **{name: fields.pop(name) for name in NAMES if name in fields}})
    return Request(**{"model": builtin.MODEL, "messages": QUESTION, "parameters": parameters, **fields})


def complete(endpoint: builtin.BuiltinEndpoint, **parameters: Any) -> list[Reply]:
    return loop.run_sync(endpoint.complete(asked(**parameters)))
