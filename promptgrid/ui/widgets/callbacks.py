"""Callbacks that write: one at a time.

A press that comes while an earlier one is being worked on gets a thread of its own; the earlier thread goes on beside
it until it next asks Streamlit for something, and ends there.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_turn = threading.RLock()


def one_at_a_time(action: Callable[P, R]) -> Callable[P, R]:
    """The callback, or another function that writes, which waits until no other one writes.

    What it reads of the session it has to read in here: where a newer press has come, that ends it, and an older value
    is not written over a newer one.
    """

    @wraps(action)
    def alone(*args: P.args, **kwargs: P.kwargs) -> R:
        with _turn:
            return action(*args, **kwargs)

    return alone
