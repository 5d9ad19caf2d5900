"""Escaping of untrusted text for the places where Streamlit interprets Markdown."""

from __future__ import annotations

import re

from promptgrid.text import cut

_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")
_BRACKETS = {"[": "&#91;", "]": "&#93;"}  # st.badge puts backslashes of its own before brackets
_WORD_JOINER = "\u2060"  # has no width and allows no line break

# Streamlit replaces some patterns after it has removed the escapes: links and mail addresses without brackets, emoji
# and icon codes between colons, arrows. A backslash does not prevent this; an invisible character inside them does.
_LATE_PATTERNS = re.compile(r"(?<=[:@])(?=\S)|(?<=[<>=~-])(?=[<>=~-])|(?<=www)(?=\.)", re.IGNORECASE)

# Lone surrogates cannot be sent; direction overrides would reverse our own words; controls are invisible.
_UNSHOWABLE = re.compile(r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def plain(text: object, *, limit: int | None = None) -> str:
    """Returns `text` as one line of Markdown that displays it literally in labels, captions, errors, toasts and pills.

    Runs of white space become one space, so that no heading, list or code block can begin. Characters that cannot be
    displayed become U+FFFD. Text beyond `limit` characters becomes "…".
    """
    line = _UNSHOWABLE.sub("\ufffd", " ".join(str(text).split()))
    if limit is not None:
        line = cut(line, limit)
    return _PUNCTUATION.sub(_escaped, _LATE_PATTERNS.sub(_WORD_JOINER, line))


def _escaped(match: re.Match[str]) -> str:
    return _BRACKETS.get(match[0], "\\" + match[0])
