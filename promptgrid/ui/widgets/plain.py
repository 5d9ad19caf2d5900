"""Escaping of untrusted text for the places where Streamlit interprets Markdown."""

from __future__ import annotations

import re

from promptgrid.text import cut

_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")
_BRACKETS = {"[": "&#91;", "]": "&#93;"}  # st.badge puts backslashes of its own before brackets
_WORD_JOINER = "\u2060"  # has no width and allows no line break

# Streamlit replaces some patterns after it has removed the escapes: links and mail addresses without brackets, emoji
# and icon codes between colons, arrows. A backslash does not prevent this; an invisible character inside them does.
# Text that users copy from pages (addresses, options of the command line) stands in a code span, unchanged.
_COPIED = re.compile(r"https?://[^\s`<>\"'\[\]]*[^\s`<>\"'\[\].,;:!?)]|(?<!\S)--[a-z][a-z0-9-]*[a-z0-9]\b")
_LATE_PATTERNS = re.compile(r"(?<=[:@])(?=\S)|(?<=[<>=~-])(?=[<>=~-])|(?<=www)(?=\.)", re.IGNORECASE)

# Lone surrogates cannot be sent; direction overrides would reverse our own words; controls are invisible.
_UNSHOWABLE = re.compile(r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def plain(text: object, *, limit: int | None = None) -> str:
    """Returns `text` as one line of Markdown that displays it literally in labels, captions, errors, toasts and pills.

    Runs of white space become one space, so that no heading, list or code block can begin. Characters that cannot be
    displayed become U+FFFD. Text beyond `limit` characters becomes "…". Addresses and options such as `--cases` stand
    in code spans.
    """
    line = _UNSHOWABLE.sub("\ufffd", " ".join(str(text).split()))
    if limit is not None:
        line = cut(line, limit)
    pieces, at = [], 0
    for match in _COPIED.finditer(line):
        pieces += [_literal(line[at : match.start()]), f"`{match[0]}`"]
        at = match.end()
    return "".join([*pieces, _literal(line[at:])])


def copied(text: object) -> str:
    """Returns a path, an address or a command as Markdown of a code span, from which each character can be copied."""
    line = _UNSHOWABLE.sub("\ufffd", " ".join(str(text).split()))
    fence = "`" * (max(map(len, re.findall("`+", line)), default=0) + 1)
    pad = " " if line[:1] == "`" or line[-1:] == "`" else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def _literal(line: str) -> str:
    return _PUNCTUATION.sub(_escaped, _LATE_PATTERNS.sub(_WORD_JOINER, line))


def _escaped(match: re.Match[str]) -> str:
    return _BRACKETS.get(match[0], "\\" + match[0])
