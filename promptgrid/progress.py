"""Tells how far long work is, and lets the caller end it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

OnWork = Callable[[int, int, str], object]
"""Is called with how many are done, of how many, and what they are: `(120, 4000, "vectors made")`. If it raises, the
work ends."""

_EVERY = 500


def silent(done: int, total: int, what: str) -> None:
    """Tells nothing."""


def words(done: int, total: int, what: str) -> str:
    """Returns how far the work is: `120 of 4,000 vectors made`; "" if there is nothing to do."""
    return f"{done:,} of {total:,} {what}" if total else ""


def counted(items: Iterable[T], total: int, what: str, on_progress: OnWork) -> Iterator[T]:
    """Yields the items, and tells after every 500th of them how many were taken."""
    for done, item in enumerate(items):
        if done % _EVERY == 0:
            on_progress(done, total, what)
        yield item
    on_progress(total, total, what)
