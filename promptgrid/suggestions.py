"""What a mistyped name was meant to be."""

from __future__ import annotations

from collections.abc import Iterable

LISTED = 20  # names in a hint


def closest(name: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """The known name that `name` resembles most, in any case; empty where none reaches `cutoff` (difflib's ratio)."""
    from difflib import get_close_matches

    names = {one.casefold(): one for one in known}
    return next((names[one] for one in get_close_matches(name.casefold(), names, n=1, cutoff=cutoff)), "")


def did_you_mean(name: str, known: Iterable[str], otherwise: str | None = None) -> str:
    """A hint: `Did you mean label?`, else `otherwise`, else the names that there are (empty without any)."""
    names = list(known)
    if near := closest(name, names):
        return f"Did you mean {near}?"
    return listed("There are", names) if otherwise is None else otherwise


def listed(there_are: str, names: Iterable[str]) -> str:
    """`There are: exact, label.`; the first twenty of many; empty without any."""
    first = list(names)
    more = ", …" if len(first) > LISTED else "."
    return f"{there_are}: {', '.join(first[:LISTED])}{more}" if first else ""
