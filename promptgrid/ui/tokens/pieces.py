"""A text's tokens as coloured pieces: what a model sees."""

from __future__ import annotations

import codecs
import unicodedata
from collections.abc import Sequence
from typing import Any

from promptgrid.tokens import Piece
from promptgrid.ui.widgets.component import component

_STANDS_FOR = {" ": "·", "\n": "↵\n", "\t": "→\t", "\r": "␍"}
_WORDS = {"empty": "No tokens yet.", "hint": "Point at a token, or go through them with the arrow keys."}


def pieces_view(pieces: Sequence[Piece], text: str, *, apart: int | None, label: str, height: int, key: str) -> None:
    """Draws pieces of the text in a box of `height` pixels; hover, click or the arrow keys tell id and bytes of each.

    `apart` is the number of the token where another tokenizer goes its own way. The text is never interpreted.
    """
    data = {
        "pieces": [_piece(piece, text, piece.number == apart) for piece in pieces],
        "label": label,
        "height": height,
        "words": _WORDS,
    }
    component("pieces")(key=key, data=data)


def hexadecimal(data: bytes) -> str:
    """`E9 A6`"""
    return data.hex(" ").upper()


def _piece(piece: Piece, text: str, apart: bool) -> dict[str, Any]:
    half = piece.text is None
    kinds = {"half": half, "sign": piece.sign, "beside": piece.beside, "apart": apart}
    before, whole, rest = _halves(piece.data)
    return {
        "shown": _around(hexadecimal(before), shown(whole), hexadecimal(rest)) if half else shown(whole),
        # a character that falls apart stands before its first bytes
        "of": "".join(shown(text[piece.end - 1])) if rest and not piece.beside else "",
        "kind": " ".join(kind for kind, true in kinds.items() if true),
        "name": f"Token {piece.number + 1:,}",
        "about": f"id {piece.id:,} · {_bytes(piece)} · {place(piece)}",
    }


def _around(before: str, whole: list[str], rest: str) -> list[str]:
    """As `shown`: the bytes before and after are what the text says."""
    return [before, "", *whole, *([rest] if len(whole) % 2 == 0 else ["", rest])]


def _halves(data: bytes) -> tuple[bytes, str, bytes]:
    """The end of a character, whole characters, the beginning of one."""
    begun = next((at for at, byte in enumerate(data) if byte & 0xC0 != 0x80), len(data))
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    whole = decoder.decode(data[begun:])
    return data[:begun], whole, decoder.getstate()[0]


def _bytes(piece: Piece) -> str:
    return f"{'byte' if len(piece.data) == 1 else 'bytes'} {hexadecimal(piece.data)}"


def place(piece: Piece) -> str:
    """Where in the text the piece stands, in words."""
    if piece.beside:
        return "not in the text"
    first, last = piece.start + 1, piece.end
    where = f"character {first:,}" if first >= last else f"characters {first:,} to {last:,}"
    if piece.sign:
        return f"{where}, read as a control sign"
    return f"a part of {where}" if piece.text is None else where


def shown(text: str) -> list[str]:
    """The text with signs for what cannot be seen: by turns what it says, and what stands for something invisible."""
    found = [""]
    for letter in text:
        sign = _sign(letter)
        if bool(sign) == (len(found) % 2 == 1):
            found.append("")
        found[-1] += sign or letter
    return found


def _sign(letter: str) -> str:
    """What stands for a character that shows as nothing, or upon its neighbour; "" for all others."""
    if letter in _STANDS_FOR:
        return _STANDS_FOR[letter]
    category = unicodedata.category(letter)
    if category == "Mn":
        return f"◌{letter}"
    return f"U+{ord(letter):04X}" if category[0] in "CZ" else ""
