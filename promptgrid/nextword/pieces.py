"""Tokens as a person can read them: white space made visible, bytes that are no characters as bytes. Pure."""

from __future__ import annotations

_VISIBLE = {" ": "·", "\n": "↵", "\t": "→", "\r": "␍"}


def is_whole(data: bytes) -> bool:
    """The bytes are text by themselves. A part of a character, as three bytes of 我 are cut in two, is not."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def completed(before: bytes, data: bytes) -> str:
    """The character that `data` completes, begun at the end of `before`; "" where it completes none."""
    for parts in (1, 2, 3):
        begun = before[-parts:]
        if len(begun) == parts and begun[0] >= 0xC0 and not is_whole(begun):
            text = (begun + data).decode("utf-8", "replace")
            return text[0] if text[0] != "\ufffd" else ""
    return ""


def shown(data: bytes) -> str:
    """` with` as `·with`, half a character as `‹E6 97›`; a token without bytes ends the text, or says nothing."""
    if not data:
        return "(end or control)"
    if not is_whole(data):
        return f"‹{data.hex(' ').upper()}›"
    return "".join(_visible(character) for character in data.decode("utf-8"))


def _visible(character: str) -> str:
    if character in _VISIBLE:
        return _VISIBLE[character]
    return character if character.isprintable() else f"‹U+{ord(character):04X}›"
