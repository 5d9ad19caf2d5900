"""Finds where a text may be cut: at tokens, sentences, lines, paragraphs and headings. A cut is the index of a
character at which a unit begins; the blanks behind a unit belong to it, so that units cover the text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from promptgrid.errors import DocumentsError
from promptgrid.tokens import encoding_of, token_ends, tokenize

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Places = NDArray[np.int32]

_WIDE = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Chinese characters, kana
_CLOSING = "\"'”’」』)】》\\]"
_OPENING = "“‘「『《【(\\["
_SENTENCE = re.compile(
    rf"(?<![.!?。…])(?:[。…]+[!?]*[{_CLOSING}]*\s*"  # a full stop of Chinese ends a sentence everywhere
    rf"|[!?]+[{_CLOSING}]*(?:\s+(?=[^a-z\s])|(?=[{_WIDE}{_OPENING}]))"
    rf"|;\s*(?=[{_WIDE}])"
    rf"|\.+[{_CLOSING}]*\s+(?=[^a-z\s])"
    r"|\n\s*\n\s*)"
)
_ABBREVIATED = re.compile(
    r"(?:^|[\s(])(?:[A-Z]|[Dd]r|[Mm]rs?|[Mm]s|[Pp]rof|[Ss]t|[Nn]o|[Vv]s|[Ee]tc|[Ff]ig|e\.g|i\.e)\.\s+$"
)
_PARAGRAPH = re.compile(r"\n[^\S\n]*\n\s*")
_LINE = re.compile(r"\n\s*")
_HEADING = re.compile(
    r"^(?=#{1,6}[ \t]+\S|第[一二三四五六七八九十百零〇\d]{1,6}[章节條条部篇][^\n]{0,60}$)", re.MULTILINE
)
_TOLD_EVERY = 64  # parts of a text, of some thousand characters each
_LOOK_BACK = 12  # characters before the end of a sentence, to tell abbreviations


def token_places(text: str, tokenizer: str, on_progress: Callable[[int], object] = lambda characters: None) -> Places:
    """Returns the index of the character at which each token of the text begins, and last the length of the text. A
    token that begins inside a character counts for the character behind that one. `tokenizer` is an encoding or
    ENDPOINT/MODEL. `on_progress` is called with the number of characters whose tokens are known.

    Raises DocumentsError if the tokenizer does not report where tokens begin; PlanError for an unknown one.
    """
    import numpy as np

    places, at = [], 0
    for part, ends in _token_ends(text, tokenizer):
        begins = np.concatenate([np.zeros(1, np.int64), ends[:-1]])[: len(ends)]
        places.append((at + (begins if part.isascii() else _characters(part)[begins])).astype(np.int32))
        at += len(part)
        if len(places) % _TOLD_EVERY == 0:
            on_progress(at)
    if at != len(text):
        hint = "Use another one, such as o200k_base."
        raise DocumentsError(f"The tokenizer {tokenizer} does not report where tokens begin.", hint=hint)
    return np.concatenate([*places, np.array([len(text)], np.int32)])


def _token_ends(text: str, tokenizer: str) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """Yields the parts of the text whose tokens are located, each with the offsets in its UTF-8 at which they end."""
    if name := encoding_of(tokenizer):
        yield from token_ends(text, name)
    elif (tokens := tokenize(text, tokenizer)).located:
        yield text, tokens.ends


def _characters(text: str) -> NDArray[np.int64]:
    """Returns for each byte of the text's UTF-8, and for its end, the number of characters that begin before it."""
    import numpy as np

    data = np.frombuffer(text.encode(), np.uint8)
    return np.concatenate([np.zeros(1, np.int64), np.cumsum((data & 0xC0) != 0x80)])


def sentences(text: str) -> list[int]:
    """Returns where sentences begin, in English, Chinese and similar languages: after `.` `!` `?` before a blank, after
    `。` and `…`, and at blank lines. Common abbreviations (`Dr.`, `e.g.`) and initials end no sentence."""
    ends = (match.end() for match in _SENTENCE.finditer(text))
    return [0, *(end for end in ends if end < len(text) and not _abbreviated(text, end))]


def paragraphs(text: str) -> list[int]:
    """Returns where paragraphs begin: after blank lines."""
    return _after(_PARAGRAPH, text)


def lines(text: str) -> list[int]:
    """Returns where lines begin that are not blank."""
    return _after(_LINE, text)


def headings(text: str) -> list[int]:
    """Returns where sections begin: at the beginning, and at headings of Markdown (`# …`) and of Chinese chapters
    (`第三章 …`)."""
    return sorted({0, *(match.start() for match in _HEADING.finditer(text))})


def _after(pattern: re.Pattern[str], text: str) -> list[int]:
    return [0, *(match.end() for match in pattern.finditer(text) if match.end() < len(text))]


def _abbreviated(text: str, end: int) -> bool:
    return _ABBREVIATED.search(text[max(0, end - _LOOK_BACK) : end]) is not None
