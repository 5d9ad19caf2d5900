"""Counts the tokens of a few short texts without loading their encoding, which takes a third of a second: each token is
looked up in the vocabulary's file, which takes half a millisecond.

It is the algorithm of byte pair encoding itself (R. Sennrich et al., "Neural Machine Translation of Rare Words with
Subword Units", 2016): a piece that is no token falls into its bytes, of which the pair with the lowest rank is joined
again and again. tests/tokens/test_few_words.py compares it with tiktoken.
"""

from __future__ import annotations

from binascii import b2a_base64
from itertools import pairwise

import regex

MOST = 100  # tokens that are looked up: with more, loading takes less
LONGEST = 512  # characters of a text


class FewWords:
    """Counts the tokens of texts by the content of a .tiktoken `file` (lines of a token in base64 and its rank) and the
    `pattern` that splits texts into pieces. At most `most` tokens are looked up."""

    def __init__(self, file: bytes, pattern: str, most: int = MOST) -> None:
        self._file, self._pattern = b"\n" + file, regex.compile(pattern)
        self._ranks: dict[bytes, int | None] = {}
        self._most = most

    def count(self, text: str) -> int | None:
        """Returns the number of tokens of the text. None if it is long, if the texts so far have used up the look-ups,
        or if it is not ASCII: of other characters, Python and tiktoken may know different properties."""
        if len(text) > LONGEST or not text.isascii():
            return None
        try:
            return sum(self._tokens(piece.encode()) for piece in self._pattern.findall(text))
        except _UsedUp:
            return None

    def _tokens(self, piece: bytes) -> int:
        if self._rank(piece) is not None:
            return 1
        parts = [piece[at : at + 1] for at in range(len(piece))]
        while len(parts) > 1:
            ranks = [self._rank(left + right) for left, right in pairwise(parts)]
            lowest = min((rank for rank in ranks if rank is not None), default=None)
            if lowest is None:
                break
            at = ranks.index(lowest)
            parts[at : at + 2] = [parts[at] + parts[at + 1]]
        return len(parts)

    def _rank(self, token: bytes) -> int | None:
        """Returns the token's rank; None if the vocabulary does not have it. Raises _UsedUp."""
        if token not in self._ranks:
            if len(self._ranks) >= self._most:
                raise _UsedUp
            line = b"\n%b " % b2a_base64(token, newline=False)
            start = self._file.find(line) + len(line)
            is_known = start >= len(line)
            self._ranks[token] = int(self._file[start : self._file.index(b"\n", start)]) if is_known else None
        return self._ranks[token]


class _UsedUp(Exception):
    """All look-ups are used up."""
