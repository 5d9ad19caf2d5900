"""Decorators for callbacks: `one_at_a_time` runs them in turn, and `leaving_error` stores their errors for the page.

If the user presses a control while a callback is running, Streamlit runs the new callback in a new thread. The earlier
thread continues in parallel until its next call to Streamlit, which ends the thread.
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
    """Returns a version of `action` that waits while another function with this decorator is running.

    `action` must read the session state itself. If the user has pressed another control since, that read ends the
    thread, so an older value never replaces a newer one.
    """

    @wraps(action)
    def locked(*args: P.args, **kwargs: P.kwargs) -> R:
        with _lock:
            return action(*args, **kwargs)

    return locked


def leaving_error(key: str) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Returns a decorator that stores a callback's PromptgridError under `key`, for `feedback.show_left_error`."""

    def decorate(action: Callable[P, None]) -> Callable[P, None]:
        @wraps(action)
        def callback(*args: P.args, **kwargs: P.kwargs) -> None:
            try:
                action(*args, **kwargs)
            except PromptgridError as error:
                st.session_state[key] = error

        return callback

    return decorate
