"""Reads the probabilities of a reply's tokens into TokenSteps, from chat completions and from legacy completions.

Every field is validated; an invalid entry is left out. For legacy completions llama.cpp uses the form of chat
completions, other servers use parallel lists.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from promptgrid.endpoint.base import TokenChance, TokenStep

ROUNDING = 1e-3  # tolerance for log probabilities above 0
LEAST = -1e4  # endpoints write -9999 for an impossible token
ID_LIMIT = 2**31

# A token that is not valid UTF-8, as OpenAI's legacy completions write it, and as other servers write one byte.
_BYTES_TOLD = re.compile(r"bytes:((?:\\x[0-9a-fA-F]{2})+)")
_BYTE_TOLD = re.compile(r"<0x([0-9A-F]{2})>")


def read_steps(logprobs: Any) -> tuple[TokenStep, ...]:
    """Returns one step per token from the field `logprobs` of one choice; empty if the field is missing or
    malformed."""
    if not isinstance(logprobs, dict):
        return ()
    content = logprobs.get("content")
    if isinstance(content, list):
        return tuple(step(entry) for entry in content if isinstance(entry, dict))
    return tuple(_side_by_side(logprobs))


def step(entry: Mapping[str, Any]) -> TokenStep:
    """Returns the step that one token's entry describes, in the form of chat completions."""
    listed = entry.get("top_logprobs")
    likely = (chance(other) for other in listed if isinstance(other, dict)) if isinstance(listed, list) else ()
    return TokenStep(_data(entry), _logprob(entry.get("logprob")), _id(entry.get("id")), ordered(likely))


def chance(entry: Mapping[str, Any]) -> TokenChance | None:
    """Returns a token and its log probability from an entry of the likely tokens; None if it has no valid
    probability."""
    logprob = _logprob(entry.get("logprob"))
    return None if logprob is None else TokenChance(_data(entry), logprob, _id(entry.get("id")))


def ordered(chances: Iterable[TokenChance | None]) -> tuple[TokenChance, ...]:
    """Returns the likely tokens without None and duplicates (the same id and bytes), the likeliest first."""
    first: dict[tuple[int | None, bytes], TokenChance] = {}
    for chance_ in chances:
        if chance_ is not None:
            first.setdefault((chance_.id, chance_.data), chance_)
    return tuple(sorted(first.values(), key=lambda chance_: -chance_.logprob))


def _side_by_side(logprobs: Mapping[str, Any]) -> Iterable[TokenStep]:
    tokens, token_logprobs, listed = (logprobs.get(name) for name in ("tokens", "token_logprobs", "top_logprobs"))
    if not isinstance(tokens, list) or not isinstance(token_logprobs, list):
        return
    others = listed if isinstance(listed, list) else []
    for place, (token, logprob) in enumerate(zip(tokens, token_logprobs, strict=False)):
        likely = others[place] if place < len(others) and isinstance(others[place], dict) else {}
        chances = (chance({"token": text, "logprob": value}) for text, value in likely.items())
        yield TokenStep(_bytes_of(token), _logprob(logprob), likely=ordered(chances))


def _data(entry: Mapping[str, Any]) -> bytes:
    values = entry.get("bytes")
    if isinstance(values, list) and all(type(byte) is int and 0 <= byte < 256 for byte in values):
        return bytes(values)
    return _bytes_of(entry.get("token"))


def _bytes_of(token: Any) -> bytes:
    if not isinstance(token, str):
        return b""
    if match := _BYTES_TOLD.fullmatch(token):
        return bytes.fromhex(match[1].replace("\\x", ""))
    if match := _BYTE_TOLD.fullmatch(token):
        return bytes.fromhex(match[1])
    return token.encode("utf-8", "replace")


def _logprob(value: Any) -> float | None:
    """Returns the value as a natural logarithm of a probability; None if it is no number, NaN or above 0.001. A value
    slightly above 0, a rounding error, becomes 0."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not value <= ROUNDING:
        return None
    return float(max(LEAST, min(0.0, value)))  # bounded first: float() overflows for a huge whole number


def _id(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value < ID_LIMIT else None
