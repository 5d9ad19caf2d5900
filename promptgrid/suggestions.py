"""Suggests known names for a mistyped name."""

from __future__ import annotations

from collections.abc import Iterable

LISTED = 20  # names in a hint


def closest(name: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """Returns the known name most similar to `name`, ignoring case; "" if none is similar enough. The similarity is
    difflib's ratio, from 0 to 1, and must be at least `cutoff`."""
    from difflib import get_close_matches

    names = {one.casefold(): one for one in known}
    return next((names[one] for one in get_close_matches(name.casefold(), names, n=1, cutoff=cutoff)), "")


def did_you_mean(name: str, known: Iterable[str], otherwise: str | None = None) -> str:
    """Returns a hint: `Did you mean label?` if a known name is similar, else `otherwise`.

    If `otherwise` is None, the hint lists the known names.
    """
    names = list(known)
    if near := closest(name, names):
        return f"Did you mean {near}?"
    return listed("There are", names) if otherwise is None else otherwise


def listed(there_are: str, names: Iterable[str]) -> str:
    """Returns the first twenty names after the words `there_are`, as in `There are: exact, label.`; "" if there are no
    names."""
    first = list(names)
    more = ", …" if len(first) > LISTED else "."
    return f"{there_are}: {', '.join(first[:LISTED])}{more}" if first else ""
