"""Formats tokens for reading: white space becomes visible, bytes that are not characters become hexadecimal. Pure."""

from __future__ import annotations

_VISIBLE = {" ": "·", "\n": "↵", "\t": "→", "\r": "␍"}


def is_whole(data: bytes) -> bool:
    """Returns whether the bytes are whole UTF-8 characters. The bytes of a token may be only part of one: two of the
    three bytes of 我."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def completed_character(before: bytes, data: bytes) -> str:
    """Returns the character whose first bytes are the end of `before` and whose other bytes begin `data`; "" if there
    is none."""
    for parts in (1, 2, 3):
        start = before[-parts:]
        if len(start) == parts and start[0] >= 0xC0 and not is_whole(start):
            text = (start + data).decode("utf-8", "replace")
            return text[0] if text[0] != "\ufffd" else ""
    return ""


def token_label(data: bytes) -> str:
    """Returns a token's bytes as readable text: ` with` as `·with`, part of a character as `‹E6 97›`, no bytes (the end
    of the text, or a control token) as `(end or control)`."""
    if not data:
        return "(end or control)"
    if not is_whole(data):
        return f"‹{data.hex(' ').upper()}›"
    return "".join(_visible(character) for character in data.decode("utf-8"))


def _visible(character: str) -> str:
    if character in _VISIBLE:
        return _VISIBLE[character]
    return character if character.isprintable() else f"‹U+{ord(character):04X}›"
