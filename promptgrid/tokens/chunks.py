"""Where a text can be cut so that the tokens of its parts are exactly the tokens of the whole.

tiktoken first splits a text by its encoding's pattern and then makes tokens of each split by itself. So a cut between
two splits changes nothing, as long as the pattern splits both sides as before. The patterns never look back, but some
look ahead: at the end of a text, blanks are split otherwise than before a word. What holds, pattern by pattern:

- o200k, cl100k: blanks are taken up to the last line break among them (`\\s*[\\r\\n]`), whatever follows. So a cut
  after that line break is exact where a word follows, indented or not; except before `/`, since o200k takes `!\\n/` in
  one.
- r50k, p50k, gpt2: the last of several blanks is split off (`\\s+(?!\\S)`), the others stay together as they would at
  the end of a text. So a cut before a line break is exact where a word follows it at once.

tests/tokens/test_chunks.py holds this against the whole encoding, over hostile text. A text without line breaks is one
part.
"""

from __future__ import annotations

import re

# What a cut stands at, and how far behind its beginning. `\s` has a few more characters here than in tiktoken's
# patterns (\x1c to \x1f): there is no cut before those.
_RULES = {
    "o200k_base": (re.compile(r"\n(?=[ \t]+\S|[^\s/])"), 1),
    "cl100k_base": (re.compile(r"\n(?=[ \t]+\S|[^\s/])"), 1),
    "p50k_base": (re.compile(r"\n(?=\S)"), 0),
    "r50k_base": (re.compile(r"\n(?=\S)"), 0),
}
SHORT = 2048  # characters: as quickly counted as cut
ONE_IN = 16  # lines end a part
LONG = 4096  # characters: such a part ends with its line


def parts(text: str, vocabulary: str) -> list[str]:
    """The text in parts of some thousand characters. An edit changes the part it is in, seldom another one.

    So that the cuts do not move with what stands before them, a part ends at a line whose own hash says so.
    """
    if len(text) <= SHORT:
        return [text]
    rule, behind = _RULES[vocabulary]
    found, begun, end = [], 0, behind - 1
    lines = rule.split(text)
    for line in lines[:-1]:
        end += len(line) + 1
        if hash(line) % ONE_IN == 0 or end - begun > LONG:
            found.append(text[begun:end])
            begun = end
    found.append(text[begun:])
    return found
