"""Callbacks that write, one at a time, and callbacks that fail.

Streamlit runs a press that arrives during an earlier callback in a new thread. The earlier thread continues beside it
until its next call to Streamlit, and ends there.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import streamlit as st

from promptgrid.errors import PromptgridError

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


def leaving_error(key: str) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """A decorator for callbacks: a PromptgridError is left in the session state, for `feedback.show_left_error`."""

    def decorate(action: Callable[P, None]) -> Callable[P, None]:
        @wraps(action)
        def callback(*args: P.args, **kwargs: P.kwargs) -> None:
            try:
                action(*args, **kwargs)
            except PromptgridError as error:
                st.session_state[key] = error

        return callback

    return decorate
