"""Counts prompt tokens by the server's own tokenizer and chat template, if the server is llama.cpp or vLLM.

Both serve /tokenize at the server's root, beside /v1. Only llama.cpp has /apply-template, which distinguishes the two.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from promptgrid.endpoint import refusals
from promptgrid.endpoint.base import Token
from promptgrid.endpoint.logprobs import ID_LIMIT
from promptgrid.endpoint.replies import parsed
from promptgrid.endpoint.settings import EndpointSettings
from promptgrid.endpoint.usage import count as reported
from promptgrid.errors import EndpointError
from promptgrid.prompt import Api, Message
from promptgrid.prompt.tools.protocol import message_field

if TYPE_CHECKING:
    from promptgrid.endpoint.pool import Pool

    Way = Callable[[Pool, str, Sequence[Message], Api, Sequence[Any]], Awaitable[int | None]]

T = TypeVar("T")

# The form of control tokens: <|im_end|>, <s>, [INST]
_SIGN = re.compile(rb"[<\[]\S{1,40}[>\]]")


# Vocabularies spell bytes that are no characters. Byte-level BPE (GPT-2 and later) has one letter for each byte,
# such as `Ġ` for the blank; SentencePiece writes `▁` for the blank and `<0xE9>` for a byte.
# In byte-level BPE a printable byte stands for itself; the others stand as the letters from U+0100 on, in order
_PRINTED = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
_BYTE_OF = {chr(byte): byte for byte in _PRINTED}
_BYTE_OF |= {chr(0x100 + n): byte for n, byte in enumerate(byte for byte in range(256) if byte not in _PRINTED)}
_HEX = re.compile("<0x([0-9A-F]{2})>")


class TokenCounter:
    """Counts tokens by an endpoint's own tokenizer. Which protocol the server speaks, llama.cpp's or vLLM's, is found
    out by the first calls."""

    def __init__(self, settings: EndpointSettings) -> None:
        self.settings = settings
        self._ways: list[Way] = [self._llama_cpp, self._vllm] if settings.may_count else []

    @property
    def root(self) -> str:
        """The base URL without `/v1`, under which the server has paths of its own such as /tokenize."""
        return self.settings.base_url.removesuffix("/v1")

    @property
    def may_know(self) -> bool:
        """Whether the endpoint may offer a tokenizer; False once it is known to offer none."""
        return bool(self._ways)

    async def count(
        self, pool: Pool, model: str, messages: Sequence[Message], api: Api, tools: Sequence[Any] = ()
    ) -> int | None:
        """Returns the number of tokens of a prompt (its messages and the definitions of its tools), for the `api`
        "chat" with the chat template; None if the endpoint does not report it. The requests go through `pool`. Raises
        EndpointError if the server is down, busy or slow."""
        for way in tuple(self._ways):
            try:
                tokens = await way(pool, model, messages, api, tools)
            except _Unsupported:
                self._ways = [other for other in self._ways if other != way]
                continue
            if tokens is not None:
                self._ways = [way]
                return tokens
        return None

    async def tokens(self, pool: Pool, model: str, text: str) -> list[Token] | None:
        """Returns the tokens of the text with their bytes; None if the endpoint does not report them. Raises
        EndpointError if the server is down, busy or slow."""
        for way, cut in ((self._llama_cpp, self._cut_by_llama_cpp), (self._vllm, self._cut_by_vllm)):
            if way not in self._ways:
                continue
            try:
                tokens = await cut(pool, model, text)
            except _Unsupported:
                continue
            if tokens is not None:
                return tokens
        return None

    async def _cut_by_llama_cpp(self, pool: Pool, model: str, text: str) -> list[Token] | None:
        question = {"model": model, "content": text, "add_special": True, "parse_special": True, "with_pieces": True}
        entries = (await self._ask(pool, "/tokenize", question)).get("tokens")
        parsed = [_token(entry) for entry in entries] if isinstance(entries, list) else [None]
        tokens = [token for token in parsed if token]
        if len(tokens) < len(parsed):
            return None
        if any(map(_looks_like_a_sign, tokens)):  # it may also be an ordinary token of the vocabulary
            question |= {"parse_special": False, "with_pieces": False}
            words = set(_list_of((await self._ask(pool, "/tokenize", question)).get("tokens"), int))
            # Text beside a sign may be tokenized differently here; that does not make it a sign.
            tokens = [replace(token, sign=_looks_like_a_sign(token) and token.id not in words) for token in tokens]
        return tokens

    async def _cut_by_vllm(self, pool: Pool, model: str, text: str) -> list[Token] | None:
        body = await self._ask(pool, "/tokenize", {"model": model, "prompt": text, "return_token_strs": True})
        ids, strings = _list_of(body.get("tokens"), int), _list_of(body.get("token_strs"), str)
        data = spelt(strings, text) if len(ids) == len(strings) == body.get("count") else None
        return None if data is None else [Token(number, own) for number, own in zip(ids, data, strict=True)]

    async def _llama_cpp(
        self, pool: Pool, model: str, messages: Sequence[Message], api: Api, tools: Sequence[Any]
    ) -> int | None:
        ids = await self.prompt_ids(pool, model, messages, api, tools)
        return None if ids is None else len(ids)

    async def prompt_ids(
        self, pool: Pool, model: str, messages: Sequence[Message], api: Api, tools: Sequence[Any] = ()
    ) -> list[int] | None:
        """Returns the token ids of a prompt as llama.cpp makes them, arguments as in `count`; None if the server
        refuses the prompt."""
        if api == "chat":
            chat = {"model": model, **_chat(messages, tools)}
            prompt = (await self._ask(pool, "/apply-template", chat)).get("prompt")
        else:
            prompt = _text(messages)
        if not isinstance(prompt, str):
            return None
        question = {"model": model, "content": prompt, "add_special": True, "parse_special": True}
        tokens = (await self._ask(pool, "/tokenize", question)).get("tokens")
        return tokens if isinstance(tokens, list) else None

    async def _vllm(
        self, pool: Pool, model: str, messages: Sequence[Message], api: Api, tools: Sequence[Any]
    ) -> int | None:
        prompt = _chat(messages, tools) if api == "chat" else {"prompt": _text(messages)}
        count = (await self._ask(pool, "/tokenize", {"model": model, **prompt})).get("count")
        return reported(count)

    async def _ask(self, pool: Pool, path: str, question: dict[str, Any]) -> dict[str, Any]:
        """Posts JSON (`question`) to a path of the server and returns the JSON object of its answer; an empty one if
        the server refuses it (4xx).

        Raises _Unsupported if the server does not have the path, EndpointError if it is busy or fails.
        """
        answer = await pool.ask(self.root + path, json.dumps(question).encode())
        if answer.status in (401, 403, 404, 405, 501):
            raise _Unsupported
        if answer.status == 429 or answer.status >= 500:
            raise refusals.response_error(
                answer.status, refusals.unwrapped(answer.text), answer.headers, self.settings, question["model"]
            )
        if answer.status >= 400:
            return {}
        try:
            return parsed(answer.text)
        except EndpointError:
            raise _Unsupported from None


class _Unsupported(Exception):
    """Raised when the endpoint does not have the requested path. Some endpoints answer with 401, 403 or a web page
    instead of 404."""


def _token(entry: Any) -> Token | None:
    """Returns the token that one entry of llama.cpp's answer to /tokenize describes (`id`, `piece`); None if it is
    malformed. A piece that is not valid UTF-8 is sent as a list of bytes."""
    fields = entry if isinstance(entry, dict) else {}
    number, piece = fields.get("id"), fields.get("piece")
    if isinstance(piece, str):
        piece = list(piece.encode("utf-8", "replace"))
    if type(number) is not int or not 0 <= number < ID_LIMIT or not isinstance(piece, list):
        return None
    return Token(number, bytes(byte for byte in piece if type(byte) is int and 0 <= byte < 256))


def _looks_like_a_sign(token: Token) -> bool:
    return _SIGN.fullmatch(token.data) is not None


def _list_of(value: Any, kind: type[T]) -> list[T]:
    """Returns the value if it is a list whose items all have the type `kind`; otherwise an empty list."""
    return value if isinstance(value, list) and all(type(item) is kind for item in value) else []


def _chat(messages: Sequence[Message], tools: Sequence[Any]) -> dict[str, Any]:
    turns = [message_field(message) for message in messages]
    return {"messages": turns, "tools": list(tools)} if tools else {"messages": turns}


def _text(messages: Sequence[Message]) -> str:
    """Returns the text of a plain continuation's only message. Raises EndpointError(bad_request) unless there is
    exactly one."""
    if len(messages) != 1:
        raise EndpointError("bad_request", f"A plain continuation takes one text, not {len(messages)} messages.")
    return messages[0].text


def spelt(tokens: Sequence[str], text: str) -> list[bytes] | None:
    """Returns the bytes of each token, decoded from its spelling in the vocabulary; `text` is what was tokenized. Tries
    two common spellings, byte-level and SentencePiece, and takes the first by which the joined bytes contain `text`,
    with or without more tokens around it; None if neither fits."""
    wanted = text.encode()
    for spelling in (_byte_level, _sentence_piece):
        pieces = [spelling(token) for token in tokens]
        known = [data for data in pieces if data is not None]
        if len(known) == len(pieces) and wanted in b"".join(known):
            return known
    return None


def _byte_level(token: str) -> bytes | None:
    return bytes(_BYTE_OF[letter] for letter in token) if all(letter in _BYTE_OF for letter in token) else None


def _sentence_piece(token: str) -> bytes | None:
    byte = _HEX.fullmatch(token)
    return bytes.fromhex(byte[1]) if byte else token.replace("▁", " ").encode("utf-8", "replace")
