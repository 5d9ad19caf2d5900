"""Cuts a text into parts whose tokens are exactly the tokens of the whole text.

tiktoken first splits a text by its encoding's pattern, then encodes each split separately. So a cut between two splits
changes nothing if the pattern splits both sides as before. The patterns never look back, but some look ahead: blanks at
the end of a text are split differently from blanks before a word. The rules, by pattern:

- o200k, cl100k: one split has all blanks up to the last line break among them (`\\s*[\\r\\n]`), whatever follows. So a
  cut after that line break is exact if a word follows, indented or not; but not before `/`, since o200k has `!\\n/` in
  one split.
- r50k, p50k, gpt2: the last of several blanks is split off (`\\s+(?!\\S)`), and the others stay together as at the end
  of a text. So a cut before a line break is exact if a word follows the line break immediately.

tests/tokens/test_chunks.py compares the parts with the whole text on difficult texts. A text without line breaks is one
part.
"""

from __future__ import annotations

import re

# The pattern at a cut, and the offset of the cut in its match. In Python `\s` matches a few more characters than in
# tiktoken's patterns (\x1c to \x1f): there is no cut before them.
_RULES = {
    "o200k_base": (re.compile(r"\n(?=[ \t]+\S|[^\s/])"), 1),
    "cl100k_base": (re.compile(r"\n(?=[ \t]+\S|[^\s/])"), 1),
    "p50k_base": (re.compile(r"\n(?=\S)"), 0),
    "r50k_base": (re.compile(r"\n(?=\S)"), 0),
}
SHORT = 2048  # characters: cutting would not be faster
ONE_IN = 16  # one line in 16 ends a part
LONG = 4096  # characters: a longer part ends at its next line break


def parts(text: str, vocabulary: str) -> list[str]:
    """Cuts the text into parts of a few thousand characters whose tokens together are those of the whole text. The
    pattern of `vocabulary` (a name such as o200k_base) decides where it may be cut.

    A part ends after a line whose hash is a multiple of `ONE_IN`, or when it is longer than `LONG`. As the hash depends
    on the line alone, an edit does not move the cuts after later lines: usually only one part changes.
    """
    if len(text) <= SHORT:
        return [text]
    rule, offset = _RULES[vocabulary]
    cut_parts, start, end = [], 0, offset - 1
    lines = rule.split(text)
    for line in lines[:-1]:
        end += len(line) + 1
        if hash(line) % ONE_IN == 0 or end - start > LONG:
            cut_parts.append(text[start:end])
            start = end
    cut_parts.append(text[start:])
    return cut_parts
