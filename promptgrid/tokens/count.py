"""Counts the tokens of texts and requests by the model's tokenizer."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any, Protocol, TypeVar

from promptgrid import builtin, connections, loop
from promptgrid.endpoint import Endpoint, Request
from promptgrid.errors import BuiltinError, EndpointError
from promptgrid.models import tables
from promptgrid.prompt import Api, Message
from promptgrid.prompt.tools.protocol import definitions
from promptgrid.text import clean
from promptgrid.tokens.cache import CountCache, digest
from promptgrid.tokens.chunks import parts
from promptgrid.tokens.encodings import ENCODINGS, endless_space, length

T = TypeVar("T")

# OpenAI's documented chat format has three more tokens for each message, and three before the reply
PER_MESSAGE = 3
OPENING = 3
# The models for which it is documented; later ones and those that search count differently
PUBLISHED_FORMAT = frozenset({"gpt-3.5-turbo", "gpt-4", "gpt-4-turbo", "gpt-4o", "gpt-4o-mini"})
BYTES_PER_TOKEN = 4
ASK_S = 3.0
ASK_CHARACTERS_A_S = 100_000  # added to ASK_S for long texts on a busy machine
RETRY_S = 30.0
LOOK_S = 0.5  # how long the state of the built-in model is taken as it was: a plan asks for each of its points
REMEMBERED = 200_000  # counts of at most 36 bytes each
BRIEF = 64  # characters: counting them takes no longer than looking the count up


@dataclass(frozen=True, slots=True)
class Count:
    """A number of `tokens`; `reason` says why it is not `exact` (an estimate is shown with ≈). `least` is the part of
    an estimate that is certain: the true number is not smaller (0: nothing is certain)."""

    tokens: int
    exact: bool
    reason: str = ""
    least: int = 0


def count_text(text: str, model_ref: str) -> Count:
    """Counts the tokens of a text without chat format. Accepts every text; raises PlanError for an unknown endpoint."""
    return count_messages([Message("user", text)], model_ref, "completion")


def count_messages(messages: Sequence[Message], model_ref: str, api: Api = "chat", tools: Sequence[Any] = ()) -> Count:
    """Counts the tokens of a request with these messages, chat format included. Raises as `count_text`.

    `tools` are the request's tool definitions in the protocol's JSON, which chat templates write into the prompt.
    """
    return counter(model_ref)(messages, api, tools)


def count_request(request: Request, count: Counter) -> Count:
    """Counts the prompt of a request, with its tools and its response format."""
    parameters = request.parameters
    return count(request.messages, request.api, tools_of(request), parameters.response_format)


def count_in(encoding_name: str, text: str) -> Count:
    """Counts the tokens of a text in one of `ENCODINGS`; estimates if its vocabulary is missing. Never raises."""
    return _encoded(encoding_name, [_clean(Message("user", text))], "completion")


class Counter(Protocol):
    """Counts the tokens of requests to one model."""

    def __call__(
        self, messages: Sequence[Message], api: Api = "chat", tools: Sequence[Any] = (), response_format: Any = None
    ) -> Count:
        """Returns the tokens of a request with these messages to the counter's model, as `count_messages` does; tools
        and `response_format` are as in the protocol's JSON."""


def counter(model_ref: str) -> Counter:
    """Returns the function that counts tokens for this model. Keep it: its creation takes longer than a count. Raises
    PlanError for an unknown endpoint."""
    endpoint, model = connections.split_model(model_ref)
    count: Callable[[Sequence[Message], Api, Sequence[Any], Any], Count]
    if endpoint == connections.BUILTIN:
        count = _BuiltinCounter(model)
    elif known := encoding_of(model_ref):
        published = not PUBLISHED_FORMAT.isdisjoint(tables.spellings(model))
        count = partial(_encoded_with, known, "" if published else f"The chat format of {model} is not published.")
    else:
        count = _EndpointCounter(endpoint, model, connections.model_facts(model_ref).encoding)

    def counted(
        messages: Sequence[Message], api: Api = "chat", tools: Sequence[Any] = (), response_format: Any = None
    ) -> Count:
        return count([_clean(message) for message in messages], api, tools, response_format)

    return counted


def tools_of(request: Request) -> Sequence[Any]:
    """The tool definitions of a request in the protocol's JSON; empty if they are not a list."""
    if request.tools:
        return definitions(request.tools)
    tools = (request.parameters.extra_body or {}).get("tools")
    return tools if isinstance(tools, list | tuple) else ()


def encoding_of(ref: str) -> str:
    """Returns the OpenAI encoding that counts for `ref`: `ref` itself if it is an encoding, else that of
    ENDPOINT/MODEL. "" if none is known, or if the server is on this machine: there only its own tokenizer counts, even
    if the model has the name of an OpenAI model.

    Raises PlanError for an unknown endpoint.
    """
    if ref in ENCODINGS:
        return ref
    endpoint, _ = connections.split_model(ref)
    if endpoint == connections.BUILTIN or connections.settings()[endpoint].is_loopback:
        return ""
    return connections.model_facts(ref).encoding


def estimate(messages: Sequence[Message], reason: str, api: Api = "chat") -> Count:
    """Estimates the tokens of a request: a quarter of its bytes, plus the overhead of OpenAI's chat format. `reason`
    says why they are not counted."""
    texts = ("".join([m.text, *(call.name + call.arguments for call in m.tool_calls)]) for m in messages)
    tokens = sum(-(-len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN) for text in texts)
    return Count(tokens + _overhead(messages, api), False, reason)


def _clean(message: Message) -> Message:
    text = clean(message.text)
    return message if text is message.text else replace(message, text=text)


def _overhead(messages: Sequence[Message], api: Api) -> int:
    """The tokens that OpenAI's chat format adds to the messages' texts, roles included; 0 for a completion."""
    return (PER_MESSAGE + 1) * len(messages) + OPENING if api == "chat" else 0


def _encoded(name: str, messages: Sequence[Message], api: Api) -> Count:
    if any(endless_space(message.text) for message in messages):
        return estimate(messages, "tiktoken cannot read that many blanks in a row.", api)
    lengths = [_length(message.text, name) for message in messages]
    if None in lengths:
        return estimate(messages, f"The vocabulary {name} could not be downloaded.", api)
    return Count(sum(length or 0 for length in lengths) + _overhead(messages, api), True)


def _encoded_with(
    name: str, unpublished: str, messages: Sequence[Message], api: Api, tools: Sequence[Any], response_format: Any
) -> Count:
    """Counts a request by the encoding `name`. `unpublished` says why the chat format is not known ("": it is)."""
    count = _encoded(name, messages, api)
    if count.exact and api == "chat" and unpublished:
        count = Count(count.tokens, False, unpublished, count.tokens - _overhead(messages, api))
    return _with_attached(count, tools, response_format)


def _with_attached(count: Count, tools: Sequence[Any], response_format: Any) -> Count:
    """Adds an estimate for tool definitions and response format, a quarter of their JSON: vendors do not publish how
    they write them."""
    plain = not response_format or response_format.get("type") == "text"
    for value, names in ((list(tools), "tools are"), (None if plain else response_format, "a response format is")):
        if value:
            more = -(-len(json.dumps(value, ensure_ascii=False, default=dict)) // BYTES_PER_TOKEN)
            reason = f"How {names} written into the prompt is not known."
            least = count.tokens if count.exact else count.least
            count = Count(count.tokens + more, False, count.reason or reason, least)
    return count


def _length(text: str, name: str) -> int | None:
    """Returns the number of tokens of a text in the encoding `name`; None if its vocabulary is not available."""
    try:
        if len(text) <= BRIEF:
            return _part_length(name, text)
        key = digest(name, text)
        if (known := _memory.get(key)) is not None:
            return known
        return _memory.put(key, sum(_part_length(name, part) for part in parts(text, ENCODINGS[name])))
    except LookupError:
        return None


_part_length = lru_cache(maxsize=4096)(length)  # so that typing recounts only one part of a text


class _BuiltinCounter:
    """Counts by the built-in model's server if it is running, else estimates; never starts the server."""

    def __init__(self, model: str) -> None:
        self.model, self.looked = model, -LOOK_S

    def __call__(self, messages: Sequence[Message], api: Api, tools: Sequence[Any], response_format: Any) -> Count:
        if time.monotonic() - self.looked > LOOK_S:
            self.known, self.state = self.model in builtin.names(), builtin.status()
            self.endpoint, self.looked = connections.connect(connections.BUILTIN), time.monotonic()
        if not self.known:
            return estimate(messages, f"The built-in endpoint has no model {self.model}.", api)
        if not self.state.ready:
            return _with_attached(
                estimate(messages, "The built-in model is not on this machine yet.", api), tools, None
            )
        count = _ask(self.endpoint, self.model, messages, api, tools, reach=self.state.running)
        return count or _with_attached(estimate(messages, "The built-in model is not running yet.", api), tools, None)


class _EndpointCounter:
    """Counts by the endpoint's tokenizer, else by the OpenAI encoding `known` ("": none), else estimates."""

    def __init__(self, endpoint: str, model: str, known: str) -> None:
        self.endpoint, self.model, self.known = connections.connect(endpoint), model, known
        may_count = connections.settings()[endpoint].may_count
        self.silence = "reports no counts" if may_count else "is not asked to count (tokenizer in endpoints.toml)"

    def __call__(self, messages: Sequence[Message], api: Api, tools: Sequence[Any], response_format: Any) -> Count:
        # A server with a tokenizer restricts the reply by its schema, and writes no schema into the prompt.
        count = _ask(self.endpoint, self.model, messages, api, tools) if self.endpoint.counts_tokens else None
        return count or _with_attached(self._guess(messages, api), tools, response_format)

    def _guess(self, messages: Sequence[Message], api: Api) -> Count:
        name = self.endpoint.name
        if self.known and (encoded := _encoded(self.known, messages, api)).exact:
            reason = f"Counted with {self.known}, the encoding of {self.model} at OpenAI; {name} {self.silence}."
            return Count(encoded.tokens, False, reason)
        return estimate(messages, f"{name} {self.silence}, and the tokenizer of {self.model} is not known here.", api)


def _ask(
    endpoint: Endpoint, model: str, messages: Sequence[Message], api: Api, tools: Sequence[Any], *, reach: bool = True
) -> Count | None:
    """Returns the count of a request by the endpoint's tokenizer: the cached one, or else that of a call. Returns None
    if it is not cached and the call fails, or is forbidden by `reach=False`."""
    if endpoint.name not in _have_counted and not (reach and _may_ask(endpoint)):
        return None  # at once: a plan asks for each of its points
    try:
        key = _cache_key(endpoint, model, messages, api, tools)
    except BuiltinError:
        return None
    if (known := _memory.get(key)) is not None:
        return Count(known, True)
    size = sum(len(message.text) for message in messages)
    tokens = ask(endpoint, lambda: endpoint.count_tokens(model, messages, api, tools), size) if reach else None
    if tokens is None:
        return None
    _have_counted.add(endpoint.name)
    return Count(_memory.put(key, tokens), True)


def ask(endpoint: Endpoint, question: Callable[[], Coroutine[Any, Any, T | None]], size: int) -> T | None:
    """Runs a call of the endpoint's tokenizer (`question`) for a text of `size` characters, and returns its result.

    Returns None if the endpoint offers no tokenizer or fails, or after 3 s plus 1 s per 100,000 characters. After a
    failure or a timeout it is not called again for 30 s, because the user is typing.
    """
    if not _may_ask(endpoint):
        return None
    try:
        return loop.run_sync(_within(ASK_S + size / ASK_CHARACTERS_A_S, question()))
    except (EndpointError, TimeoutError):
        _silent[endpoint.name] = time.monotonic() + RETRY_S
        return None


def _may_ask(endpoint: Endpoint) -> bool:
    return endpoint.counts_tokens and time.monotonic() >= _silent.get(endpoint.name, 0.0)


async def _within(seconds: float, asking: Coroutine[Any, Any, T]) -> T:
    async with asyncio.timeout(seconds):
        return await asking


def remember(endpoint: Endpoint, model: str, text: str, tokens: int) -> None:
    """Caches the number of tokens of a text that an endpoint has reported."""
    _have_counted.add(endpoint.name)
    _memory.put(_cache_key(endpoint, model, [Message("user", text)], "completion"), tokens)


def _cache_key(endpoint: Endpoint, model: str, messages: Sequence[Message], api: Api, tools: Sequence[Any] = ()) -> int:
    words = [word for message in messages for word in (message.role, message.text, *map(str, message.tool_calls))]
    return digest(endpoint.identity, model, api, json.dumps(tools, default=str), *words)


_memory = CountCache(REMEMBERED)
_silent: dict[str, float] = {}  # by endpoint name: until when it is not asked again
_have_counted: set[str] = set()  # names of the endpoints of which a count was cached
