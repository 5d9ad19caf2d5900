"""Cuts of a text such that the tokens of its parts are exactly the tokens of the whole.

tiktoken first splits a text by its encoding's pattern, then encodes each split by itself. So a cut between two splits
changes nothing, as long as the pattern splits both sides as before. The patterns never look back, but some look ahead:
blanks at the end of a text are split differently from blanks before a word. The rules, by pattern:

- o200k, cl100k: blanks are taken up to the last line break among them (`\\s*[\\r\\n]`), whatever follows. So a cut
  after that line break is exact where a word follows, indented or not; except before `/`, since o200k takes `!\\n/` in
  one.
- r50k, p50k, gpt2: the last of several blanks is split off (`\\s+(?!\\S)`), the others stay together as they would at
  the end of a text. So a cut before a line break is exact where a word follows it at once.

tests/tokens/test_chunks.py compares this with the whole encoding, over hostile text. A text without line breaks is one
part.
"""

from __future__ import annotations

import re

# The pattern at a cut, and the offset of the cut in its match. `\s` has a few more characters here than in tiktoken's
# patterns (\x1c to \x1f): there is no cut before those.
_RULES = {
    "o200k_base": (re.compile(r"\n(?=[ \t]+\S|[^\s/])"), 1),
    "cl100k_base": (re.compile(r"\n(?=[ \t]+\S|[^\s/])"), 1),
    "p50k_base": (re.compile(r"\n(?=\S)"), 0),
    "r50k_base": (re.compile(r"\n(?=\S)"), 0),
}
SHORT = 2048  # characters: cutting would not be faster
ONE_IN = 16  # lines ends a part
LONG = 4096  # characters: a longer part ends with its line


def parts(text: str, vocabulary: str) -> list[str]:
    """The text in parts of a few thousand characters. An edit seldom changes a part other than its own.

    The hash of a line decides whether a part ends there, so that an edit does not move the cuts after it.
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
