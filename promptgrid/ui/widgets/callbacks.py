"""What callbacks need: `one_at_a_time` runs them in turn, `leaving_error` stores their errors for the page, and
`close_popover` closes the popover whose button called them."""

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
_CLOSED = "popovers_closed"  # in the session state


def one_at_a_time(action: Callable[P, R]) -> Callable[P, R]:
    """Returns a version of `action` that waits while another function with this decorator is running, in any tab.

    `action` must read the session state itself: its arguments may be older than the values of the widgets.
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


def close_popover() -> None:
    """Closes the open popover as soon as the page is drawn again: for the callback of a button in it, after success.
    Streamlit leaves a popover open until the user presses elsewhere."""
    st.session_state[_CLOSED] = popovers_closed() + 1


def popovers_closed() -> int:
    """Returns how often `close_popover` was called in this session; the script of the frame closes at a change."""
    return int(st.session_state.get(_CLOSED, 0))
