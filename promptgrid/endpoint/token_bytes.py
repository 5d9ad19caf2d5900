"""Decodes the spellings of a vocabulary's tokens to bytes.

A vocabulary is a text file, so bytes that are not characters have a spelling. Two spellings are common: byte-level BPE
(GPT-2 and its successors) has one letter for each byte, such as `Ġ` for the blank; SentencePiece writes `▁` for the
blank and `<0xE9>` for a byte.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

# A printable byte stands for itself; the others stand as the letters from U+0100 on, in order
_PRINTED = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
_BYTE_OF = {chr(byte): byte for byte in _PRINTED}
_BYTE_OF |= {chr(0x100 + n): byte for n, byte in enumerate(byte for byte in range(256) if byte not in _PRINTED)}
_HEX = re.compile("<0x([0-9A-F]{2})>")


def spelt(tokens: Sequence[str], text: str) -> list[bytes] | None:
    """Returns the bytes of each token, given as spelled in the vocabulary, by the first of two common spellings whose
    bytes contain `text`; None if neither does. Tokens before and after the text are allowed."""
    wanted = text.encode()
    for spelling in (_byte_level, _sentence_piece):
        found = [spelling(token) for token in tokens]
        known = [data for data in found if data is not None]
        if len(known) == len(found) and wanted in b"".join(known):
            return known
    return None


def _byte_level(token: str) -> bytes | None:
    return bytes(_BYTE_OF[letter] for letter in token) if all(letter in _BYTE_OF for letter in token) else None


def _sentence_piece(token: str) -> bytes | None:
    byte = _HEX.fullmatch(token)
    return bytes.fromhex(byte[1]) if byte else token.replace("▁", " ").encode("utf-8", "replace")
