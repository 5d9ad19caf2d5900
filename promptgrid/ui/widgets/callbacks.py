"""Callbacks that write, one at a time.

Streamlit runs a press that arrives during an earlier callback in a new thread. The earlier thread continues beside it
until its next call to Streamlit, and ends there.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_lock = threading.RLock()


def one_at_a_time(action: Callable[P, R]) -> Callable[P, R]:
    """A version of `action` that waits until no other such function is running.

    `action` must read the session state itself: after a newer press that read ends the thread, so an older value never
    replaces a newer one.
    """

    @wraps(action)
    def locked(*args: P.args, **kwargs: P.kwargs) -> R:
        with _lock:
            return action(*args, **kwargs)

    return locked
