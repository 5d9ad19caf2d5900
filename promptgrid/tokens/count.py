"""How many tokens a text or a request has, for the model that will read it."""

from __future__ import annotations

import asyncio
import hashlib
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from promptgrid import builtin, connections
from promptgrid.errors import BuiltinError, EndpointError
from promptgrid.prompt import Api, Message
from promptgrid.tokens.encodings import encoding

# OpenAI's documented chat format: each message is framed by three tokens, and three more open the reply
PER_MESSAGE = 3
OPENING = 3

BYTES_PER_TOKEN = 4
# tiktoken's pattern panics on half a million of them
_ENDLESS_SPACE = re.compile(r"\s{100000}")
ASK_S = 3.0
RETRY_S = 30.0
REMEMBERED = 8192


@dataclass(frozen=True, slots=True)
class Count:
    """`tokens`, and where that is not `exact` (shown as ≈) the `reason`."""

    tokens: int
    exact: bool
    reason: str = ""


def count_text(text: str, model_ref: str) -> Count:
    """The tokens of a text alone. Never raises on odd text; PlanError for an endpoint that is not configured."""
    return count_messages([Message("user", text)], model_ref, "completion")


def count_messages(messages: Sequence[Message], model_ref: str, api: Api = "chat") -> Count:
    """The tokens of the prompt that these messages make, chat overhead included. Raises as `count_text`."""
    clean = [Message(message.role, _clean(message.text)) for message in messages]
    endpoint, model = connections.split_model(model_ref)
    if endpoint == connections.BUILTIN:
        return _asked_builtin(model, clean, api)
    where = connections.settings()[endpoint]
    known = connections.model_facts(model_ref).encoding
    if known and not where.is_loopback:
        return _encoded(clean, known, api)
    return _asked(endpoint, model, clean, api) or _guessed(endpoint, model, clean, api, known)


def estimate(messages: Sequence[Message], reason: str, api: Api = "chat") -> Count:
    """A quarter of the bytes, and the overhead of OpenAI's chat format."""
    tokens = sum(-(-len(message.text.encode("utf-8", "replace")) // BYTES_PER_TOKEN) for message in messages)
    return Count(tokens + _overhead(messages, api), False, reason)


def _clean(text: str) -> str:
    """Without lone surrogates, which no request can carry."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _overhead(messages: Sequence[Message], api: Api) -> int:
    """Each role is one token of its own."""
    return (PER_MESSAGE + 1) * len(messages) + OPENING if api == "chat" else 0


def _encoded(messages: Sequence[Message], name: str, api: Api) -> Count:
    if any(_ENDLESS_SPACE.search(message.text) for message in messages):
        return estimate(messages, "tiktoken cannot read that many blanks in a row.", api)
    lengths = [_length(message.text, name) for message in messages]
    if None in lengths:
        return estimate(messages, f"The vocabulary {name} could not be downloaded.", api)
    return Count(sum(length or 0 for length in lengths) + _overhead(messages, api), True)


def _length(text: str, name: str) -> int | None:
    key = _key(name, text)
    if (known := _memory.get(key)) is not None:
        return known
    found = encoding(name)
    return None if found is None else _memory.put(key, len(found.encode_ordinary(text)))


def _asked_builtin(model: str, messages: Sequence[Message], api: Api) -> Count:
    """Never starts the server: somebody is only typing."""
    if model not in builtin.names():
        return estimate(messages, f"The built-in endpoint has no model {model}.", api)
    state = builtin.status()
    if not state.ready:
        return estimate(messages, "The built-in model is not on this machine yet.", api)
    asked = _asked(connections.BUILTIN, model, messages, api, reach=state.running)
    return asked or estimate(messages, "The built-in model is not running yet.", api)


def _guessed(endpoint: str, model: str, messages: Sequence[Message], api: Api, known: str) -> Count:
    """For an endpoint that cannot be asked: by the encoding that the model's name stands for, if any."""
    if known and (encoded := _encoded(messages, known, api)).exact:
        reason = f"Counted with {known}, as {model} has it at OpenAI; {endpoint} reports no counts."
        return Count(encoded.tokens, False, reason)
    return estimate(messages, f"{endpoint} reports no counts, and the tokenizer of {model} is not known here.", api)


def _asked(endpoint: str, model: str, messages: Sequence[Message], api: Api, *, reach: bool = True) -> Count | None:
    """By the endpoint's own tokenizer; None where it has none or does not answer in time."""
    connected = connections.connect(endpoint)
    try:
        words = [word for message in messages for word in (message.role, message.text)]
        key = _key(connected.identity, model, api, *words)
    except BuiltinError:
        return None
    if (known := _memory.get(key)) is not None:
        return Count(known, True)
    if not reach or time.monotonic() < _silent.get(endpoint, 0.0):
        return None
    try:
        tokens = connections.run_sync(_within_limit(connected.count_tokens(model, messages, api)))
    except (EndpointError, TimeoutError):
        _silent[endpoint] = time.monotonic() + RETRY_S
        return None
    return None if tokens is None else Count(_memory.put(key, tokens), True)


async def _within_limit(counting: Coroutine[Any, Any, int | None]) -> int | None:
    async with asyncio.timeout(ASK_S):
        return await counting


def _key(*words: str) -> bytes:
    """16 bytes for any length of text."""
    digest = hashlib.blake2b(digest_size=16)
    for word in words:
        encoded = word.encode("utf-8", "replace")
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.digest()


class _Memory:
    """The latest counts, so that typing recounts only what changed."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._counts: OrderedDict[bytes, int] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: bytes) -> int | None:
        with self._lock:
            if key in self._counts:
                self._counts.move_to_end(key)
            return self._counts.get(key)

    def put(self, key: bytes, count: int) -> int:
        with self._lock:
            self._counts[key] = count
            if len(self._counts) > self._size:
                self._counts.popitem(last=False)
        return count


_memory = _Memory(REMEMBERED)
_silent: dict[str, float] = {}
