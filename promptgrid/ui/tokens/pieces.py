"""Draws the tokens of a text as coloured pieces."""

from __future__ import annotations

import codecs
import unicodedata
from collections.abc import Sequence
from typing import Any

from promptgrid.tokens import Piece
from promptgrid.ui.widgets.component import component

_STANDS_FOR = {" ": "·", "\n": "↵\n", "\t": "→\t", "\r": "␍"}
_WORDS = {"empty": "No tokens yet.", "hint": "Point at a token, or use the arrow keys."}


def pieces_view(
    pieces: Sequence[Piece], text: str, *, differing: int | None, label: str, height: int, key: str
) -> None:
    """Draws the tokens of the text as coloured pieces in a box of `height` pixels. Hover, click or arrow keys show the
    id and the bytes of a piece. `label` is the name of the box for screen readers.

    `differing` is the number of the first token on which two tokenizers differ, which is outlined; None outlines none.
    Markup in the text is shown as plain text.
    """
    data = {
        "pieces": [_piece(piece, text, piece.number == differing) for piece in pieces],
        "label": label,
        "height": height,
        "words": _WORDS,
    }
    component("pieces")(key=key, data=data)


def hexadecimal(data: bytes) -> str:
    """Returns the bytes as upper-case hexadecimal numbers separated by spaces: `E9 A6`."""
    return data.hex(" ").upper()


def _piece(piece: Piece, text: str, differs: bool) -> dict[str, Any]:
    half, noun = piece.text is None, "byte" if len(piece.data) == 1 else "bytes"
    kinds = {"half": half, "sign": piece.sign, "beside": piece.beside, "apart": differs}
    before, whole, rest = _halves(piece.data)
    return {
        "shown": _around(hexadecimal(before), visible(whole), hexadecimal(rest)) if half else visible(whole),
        # the character is shown before its first bytes if several tokens share it
        "of": "".join(visible(text[piece.end - 1])) if rest and not piece.beside else "",
        "kind": " ".join(kind for kind, applies in kinds.items() if applies),
        "name": f"Token {piece.number + 1:,}",
        "about": f"id {piece.id:,} · {noun} {hexadecimal(piece.data)} · {place(piece)}",
    }


def _around(before: str, whole: list[str], rest: str) -> list[str]:
    """Returns the texts of a token that begins or ends inside a character, alternately ordinary text and signs, as
    `visible` does. `before` and `rest` are the bytes of the incomplete characters at its beginning and end, as ordinary
    text ("": none). `whole` has the texts of the whole characters between them."""
    return [before, "", *whole, *([rest] if len(whole) % 2 == 0 else ["", rest])]


def _halves(data: bytes) -> tuple[bytes, str, bytes]:
    """Splits the bytes of a token into (the end of a character that began before, whole characters, the beginning of a
    character that ends later)."""
    first = next((at for at, byte in enumerate(data) if byte & 0xC0 != 0x80), len(data))
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    whole = decoder.decode(data[first:])
    return data[:first], whole, decoder.getstate()[0]


def place(piece: Piece) -> str:
    """Returns the position of the token in the text, in words: `characters 4 to 7`, `part of character 9`."""
    if piece.beside:
        return "not in the text"
    first, last = piece.start + 1, piece.end
    where = f"character {first:,}" if first >= last else f"characters {first:,} to {last:,}"
    if piece.sign:
        return f"{where}, read as a control token"
    return f"part of {where}" if piece.text is None else where


def visible(text: str) -> list[str]:
    """Splits the text into parts, alternately ordinary text and signs that stand for invisible characters, beginning
    with ordinary text."""
    parts = [""]
    for letter in text:
        sign = _sign(letter)
        if bool(sign) == (len(parts) % 2 == 1):
            parts.append("")
        parts[-1] += sign or letter
    return parts


def _sign(letter: str) -> str:
    """Returns the sign that stands for a character which is invisible or combines with its neighbour; "" for any other
    character."""
    if letter in _STANDS_FOR:
        return _STANDS_FOR[letter]
    category = unicodedata.category(letter)
    if category == "Mn":
        return f"◌{letter}"
    return f"U+{ord(letter):04X}" if category[0] in "CZ" else ""
