"""Foreign text for the places where Streamlit reads Markdown: shown letter by letter, never interpreted."""

from __future__ import annotations

import re

_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")
_BRACKETS = {"[": "&#91;", "]": "&#93;"}  # st.badge puts backslashes of its own before brackets
_WORD_JOINER = "\u2060"  # takes no room and breaks no line

# Some patterns are looked for after the escapes are gone: links and mail addresses without brackets, emoji and icon
# codes between colons, arrows. A backslash does not stop those, an invisible character inside them does.
_LATE_PATTERNS = re.compile(r"(?<=[:@])(?=\S)|(?<=[<>=~-])(?=[<>=~-])|(?<=www)(?=\.)", re.IGNORECASE)

# Lone surrogates cannot be sent; direction overrides would turn our own words around; controls show as nothing.
_UNSHOWABLE = re.compile(r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def plain(text: object, *, limit: int | None = None) -> str:
    """`text` in one line as Markdown that shows exactly it: for labels, captions, errors, toasts, metrics, pills.

    White space becomes single spaces, so that no heading, list or code block can begin; what cannot be shown becomes
    U+FFFD. With `limit` the rest after so many characters becomes "…".
    """
    line = _UNSHOWABLE.sub("\ufffd", " ".join(str(text).split()))
    if limit is not None and len(line) > limit:
        line = line[: max(0, limit - 1)] + "…"
    return _PUNCTUATION.sub(_escaped, _LATE_PATTERNS.sub(_WORD_JOINER, line))


def _escaped(match: re.Match[str]) -> str:
    return _BRACKETS.get(match[0], "\\" + match[0])
