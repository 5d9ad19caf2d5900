"""Cuts the secrets of an endpoint's settings out of everything that the endpoint sends: it may echo what it was sent.

`pool` and `sdk` redact every body and event before it is read, so that no text that comes from an endpoint, whether a
reply, a model's name, a finish reason or an error, holds a key. What is joined later, the pieces of a stream, is
redacted again.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from promptgrid.endpoint.base import Reply
from promptgrid.prompt import ToolCall

SHOWN = "[key]"
LONG = 16  # letters and digits of a secret that is also found with other characters between them
_ENCODED = 10  # characters of base64 that are no coincidence
_BETWEEN = r"(?:\\[bfnrt]|[\W_]){0,8}"  # signs, and line ends as JSON writes them
_TEXTS = ("text", "reasoning", "finish_reason", "model_returned")
_LINE_ENDS = tuple("\\" + letter for letter in "bfnrt")
_SIGNS = bytes(byte for byte in range(256) if not (byte < 128 and chr(byte).isalnum()))
_ASCII_ESCAPE = re.compile(r"\\u00[2-7]")


def redacted(text: str, secrets: tuple[str, ...]) -> str:
    r"""Returns the text with `[key]` in place of each secret, such as an API key, also where it is written in base64 or
    hexadecimal digits. A secret of 16 or more letters and digits is found as well with blanks, quotes or other signs
    between them. If the text is JSON with escapes of ASCII letters (\u0041), the letters replace them in the result."""
    if not secrets:
        return text
    if _ASCII_ESCAPE.search(text):
        text = _without_escapes(text)
    literals, split = _forms(secrets)
    for literal in literals:
        text = text.replace(literal, SHOWN)
    if split:
        letters = _squeezed(text)
        for needle, pattern in split.items():
            if needle in letters:  # much faster than the pattern
                text = pattern.sub(SHOWN, text)
    return text


def redacted_reply(reply: Reply, secrets: tuple[str, ...]) -> Reply:
    """Returns the reply with `[key]` in place of each secret in its text, reasoning, finish reason, model name and
    calls."""
    if not secrets:
        return reply
    texts: dict[str, Any] = {name: redacted(getattr(reply, name), secrets) for name in _TEXTS}
    calls = tuple(
        ToolCall(*(redacted(text, secrets) for text in (call.id, call.name, call.arguments)))
        for call in reply.tool_calls
    )
    return replace(reply, tool_calls=calls, **texts)


class UnfinishedText:
    """A streamed text from which secrets are removed piece by piece: the end of a piece is held back while it may be
    the start of a secret."""

    def __init__(self, secrets: tuple[str, ...]) -> None:
        self._secrets, self._held = secrets, ""

    def add(self, piece: str, *, last: bool = False) -> str:
        """Adds a piece of the text. Returns the next part that can be shown, without secrets; with `last`, all that was
        held back."""
        text = redacted(self._held + piece, self._secrets)
        end = len(text) if last else self._safe(text)
        self._held = text[end:]
        return text[:end]

    def _safe(self, text: str) -> int:
        """Returns how many characters of the text can be shown: those before an end that may be the start of a
        secret; all if there is no such end."""
        places = [at for at, character in enumerate(text) if _is_letter(character)]
        letters = "".join(text[at] for at in places)
        for whole in map(_letters, _forms(self._secrets)[0]):
            for length in range(min(len(whole), len(letters)), 0, -1):
                if letters.endswith(whole[:length]):
                    return places[-length]
        return len(text)


@lru_cache(maxsize=64)
def _forms(secrets: tuple[str, ...]) -> tuple[tuple[str, ...], Mapping[bytes, re.Pattern[str]]]:
    """Returns (texts, patterns). The texts are the secrets and their encodings, the longest first; each is replaced
    wherever it occurs. The patterns find the long secrets with signs between their letters; the key of a pattern is the
    secret's letters and digits."""
    literals = {form for secret in secrets for form in (secret, *_encodings(secret))}
    letters = [_letters(secret) for secret in secrets]
    split = {one.encode(): re.compile(_BETWEEN.join(one)) for one in letters if len(one) >= LONG}
    return tuple(sorted(literals, key=len, reverse=True)), split


def _encodings(secret: str) -> list[str]:
    """Returns the secret in hexadecimal digits and in base64. Base64 encodes three bytes at a time, so inside a longer
    text the secret has one of three forms, depending on the number of bytes before it."""
    data = secret.encode()
    forms = [data.hex(), data.hex().upper()]
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + data).decode()
        inner = whole[-(-before * 8 // 6) : (before + len(data)) * 8 // 6]
        if len(inner) >= _ENCODED:
            forms += [inner, inner.translate(str.maketrans("+/", "-_"))]
    return forms


def _without_escapes(text: str) -> str:
    r"""Returns the same JSON without escapes of letters, such as \u0041; a text that is not JSON is returned
    unchanged."""
    try:
        return json.dumps(json.loads(text), ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


def _squeezed(text: str) -> bytes:
    """Returns only the ASCII letters and digits of the text; escapes of line ends and tabs in JSON are left out too."""
    for escape in _LINE_ENDS if "\\" in text else ():
        text = text.replace(escape, "")
    return text.encode("utf-8", "replace").translate(None, _SIGNS)


def _letters(text: str) -> str:
    return "".join(filter(_is_letter, text))


def _is_letter(character: str) -> bool:
    return character.isascii() and character.isalnum()
