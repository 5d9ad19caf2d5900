"""Cuts the secrets of an endpoint's settings out of everything that the endpoint sends: it may echo what it was sent.

`pool` and `sdk` redact every body and event before it is read, so that no text that comes from an endpoint, whether a
reply, a model's name, a finish reason or an error, holds a key. What is joined later, the pieces of a stream, is
redacted again.
"""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from functools import lru_cache

from promptgrid.endpoint.base import Reply

SHOWN = "[key]"
LONG = 16  # letters and digits of a secret that is also found with other characters between them
_ENCODED = 10  # characters of base64 that are no coincidence
_BETWEEN = r"(?:\\[bfnrt]|[\W_]){0,8}"  # signs, and line ends as JSON writes them
_ESCAPES = re.compile(r"\\(?:u00([2-7][0-9a-fA-F])|.)", re.DOTALL)
_ASCII_ESCAPE = re.compile(r"\\u00[2-7]")


def redacted(text: str, secrets: tuple[str, ...]) -> str:
    """Returns the text, or the JSON text, with `[key]` for each of the secrets: as it is, in base64 or hexadecimal
    digits, and split by blanks, quotes and other signs."""
    if not secrets:
        return text
    if _ASCII_ESCAPE.search(text):
        text = _ESCAPES.sub(_unescaped, text)
    literals, split = _forms(secrets)
    for literal in literals:
        text = text.replace(literal, SHOWN)
    return split.sub(SHOWN, text) if split else text


def redacted_reply(reply: Reply, secrets: tuple[str, ...]) -> Reply:
    """Returns the reply with its texts redacted."""
    if not secrets:
        return reply
    return replace(reply, text=redacted(reply.text, secrets), reasoning=redacted(reply.reasoning, secrets))


class UnfinishedText:
    """A text that grows piece by piece; `add` returns the part of it that holds no start of a secret."""

    def __init__(self, secrets: tuple[str, ...]) -> None:
        self._secrets, self._held = secrets, ""

    def add(self, piece: str, *, last: bool = False) -> str:
        """Returns the next part of the redacted text; with `last` all that was held back."""
        text = redacted(self._held + piece, self._secrets)
        end = len(text) if last else self._safe(text)
        self._held = text[end:]
        return text[:end]

    def _safe(self, text: str) -> int:
        """The length of the text without the longest start of a secret at its end."""
        places = [at for at, character in enumerate(text) if _is_letter(character)]
        letters = "".join(text[at] for at in places)
        for whole in map(_letters, _forms(self._secrets)[0]):
            for length in range(min(len(whole), len(letters)), 0, -1):
                if letters.endswith(whole[:length]):
                    return places[-length]
        return len(text)


@lru_cache(maxsize=64)
def _forms(secrets: tuple[str, ...]) -> tuple[tuple[str, ...], re.Pattern[str] | None]:
    """The texts that are replaced as they are, the longest first, and the pattern of the split secrets."""
    literals = {form for secret in secrets for form in (secret, *_encodings(secret))}
    split = [_BETWEEN.join(_letters(secret)) for secret in secrets if len(_letters(secret)) >= LONG]
    return tuple(sorted(literals, key=len, reverse=True)), re.compile("|".join(split)) if split else None


def _encodings(secret: str) -> list[str]:
    """The secret in hexadecimal digits, and the base64 that every text with the secret at any place has in common."""
    data = secret.encode()
    forms = [data.hex(), data.hex().upper()]
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + data).decode()
        inner = whole[-(-before * 8 // 6) : (before + len(data)) * 8 // 6]
        if len(inner) >= _ENCODED:
            forms += [inner, inner.translate(str.maketrans("+/", "-_"))]
    return forms


def _unescaped(match: re.Match[str]) -> str:
    r"""An ASCII character in place of its JSON escape; `\"`, `\\` and all other escapes stay."""
    character = chr(int(match[1], 16)) if match[1] else '"'
    return match[0] if character in '"\\\x7f' else character


def _letters(text: str) -> str:
    return "".join(filter(_is_letter, text))


def _is_letter(character: str) -> bool:
    return character.isascii() and character.isalnum()
