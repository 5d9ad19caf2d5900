"""The interface to every model: an `Endpoint` turns a Request into Replies. Data and protocol only, no network."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol

from promptgrid.errors import ErrorKind
from promptgrid.prompt import EMPTY, Api, Message, Parameters, Tool, ToolCall

before_writing: ContextVar[Callable[[], Awaitable[None]] | None] = ContextVar("before_writing", default=None)
"""Is awaited when a call of this context has its connection, right before the request is written to it. An exception
from it ends the call unsent."""


@dataclass(frozen=True, slots=True)
class Request:
    """One call to a model, in the terms of promptgrid; `Endpoint.wire` turns it into the JSON body for the endpoint.

    `n` is the number of replies to ask for. With `logprobs` = k, the log probability of each token of the reply is
    asked for, and the k most likely tokens at its position. `prompt_ids` are token ids that replace the text of a plain
    continuation, if the endpoint `takes_tokens`.
    `tools` are the functions that the model may call in a chat.
    """

    model: str
    messages: tuple[Message, ...]
    api: Api = "chat"
    parameters: Parameters = field(default_factory=Parameters)
    token_parameter: str = ""
    n: int = 1
    logprobs: int | None = None
    prompt_ids: tuple[int, ...] = ()
    tools: tuple[Tool, ...] = ()


@dataclass(frozen=True, slots=True)
class Token:
    """A token of a text by the endpoint's own tokenizer: its `id`, and its bytes (`data`), which are often part of a
    character.

    `sign` marks a control token of the model, such as <|im_end|>, that the endpoint recognizes in plain text too.
    """

    id: int
    data: bytes
    sign: bool = False


@dataclass(frozen=True, slots=True)
class TokenChance:
    """A token and the natural logarithm of its probability, before temperature and top_p.

    `data` are the token's bytes, often part of a character, and empty for a token that ends the text. `id` is None if
    the endpoint does not report it.
    """

    data: bytes
    logprob: float
    id: int | None = None


@dataclass(frozen=True, slots=True)
class TokenStep:
    """One token of a reply, and the most likely tokens at its position, the likeliest first.

    `logprob` is None if the endpoint does not report it, as for the first token of a scored text. If several tokens
    make up one character, llama.cpp reports only the last: the others have neither `logprob` nor `data` (empty).
    """

    data: bytes
    logprob: float | None
    id: int | None = None
    likely: tuple[TokenChance, ...] = ()


@dataclass(frozen=True, slots=True)
class BeamPath:
    """The tokens of one text as far as a beam search has followed it, and the natural logarithm of their probability
    together. `ended` is true if the last of them, or a stop text, ends the text."""

    tokens: tuple[TokenChance, ...] = ()
    logprob: float = 0.0
    ended: bool = False

    @property
    def data(self) -> bytes:
        """The bytes of all tokens."""
        return b"".join(token.data for token in self.tokens)


@dataclass(frozen=True, slots=True)
class Beam:
    """One text that a beam search has found. `logprob` is the natural logarithm of the probability of the whole text,
    with its end if `ended`; None if the endpoint does not report it. `tokens` counts the tokens of that probability;
    `score`, by which the search has ranked the text, is `logprob` / `tokens` ** length penalty."""

    text: str
    logprob: float | None = None
    tokens: int | None = None
    score: float | None = None
    ended: bool = True


@dataclass(frozen=True, slots=True)
class Allowance:
    """One rate limit: its size (`limit`), how much of it remains, and the seconds until it is full again (`reset_s`).
    None means not reported."""

    limit: int | None
    remaining: int | None
    reset_s: float | None


@dataclass(frozen=True, slots=True)
class RateLimits:
    """The rate limits in the headers of a response, for requests and for tokens."""

    requests: Allowance | None = None
    tokens: Allowance | None = None


@dataclass(frozen=True, slots=True)
class Resent:
    """A request that the endpoint refused for its form, with the `kind` and `message` of the refusal; it was then sent
    again in another form. The refusal came after `ms` milliseconds."""

    kind: ErrorKind
    message: str
    ms: float


@dataclass(frozen=True, slots=True)
class Reply:
    """One choice of a response. Token counts are None if the endpoint did not report them.

    `latency_ms` is the time of the whole call; `first_token_ms` is set only for a streamed reply. `sent` is the JSON
    body of the request. `prompt_tokens` counts the whole call's prompt, `completion_tokens` this choice alone. If the
    endpoint reports only a sum over all choices, it is divided in proportion to their lengths. `limits` is None if the
    endpoint reports no rate limits. `steps` are the reply's tokens, if `logprobs` were requested and reported.
    `usage_problem` names reported counts that cannot be true. `resent` has the refusals of the same request in other
    forms, before this reply. `tool_calls` are the calls of tools in the reply, in their order.
    forms, before this reply. `beams` are the texts that a beam search has found, the best first: its text is the
    reply's.
    """

    text: str
    finish_reason: str = ""
    model_returned: str = ""
    reasoning: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    reasoning_tokens: int | None = None
    cached_tokens: int | None = None
    latency_ms: float = 0.0
    first_token_ms: float | None = None
    sent: Mapping[str, Any] = field(default_factory=lambda: EMPTY)
    limits: RateLimits | None = None
    steps: tuple[TokenStep, ...] = ()
    usage_problem: str = ""
    resent: tuple[Resent, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    beams: tuple[Beam, ...] = ()


@dataclass(frozen=True, slots=True)
class Embeddings:
    """A vector for each text of one call. `prompt_tokens` is None if the endpoint did not report it."""

    vectors: Sequence[tuple[float, ...]]
    prompt_tokens: int | None = None
    latency_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Delta:
    """One piece of a streamed reply: its new `text`. The last Delta holds the whole `reply`; in the others it is None.
    A beam search has a piece for each step, without text: its open beams (`running`), the likeliest first, and its
    ended texts (`finished`), the best first."""

    text: str = ""
    reply: Reply | None = None
    running: tuple[BeamPath, ...] = ()
    finished: tuple[BeamPath, ...] = ()


class Endpoint(Protocol):
    """Serves models. For errors of the network or the server, every method raises only EndpointError."""

    @property
    def name(self) -> str:
        """The name of the endpoint in ENDPOINT/MODEL."""

    @property
    def identity(self) -> str:
        """What the replies depend on, as part of a cell's key: the base URL, or for the built-in model the sha256 of
        its weights."""

    @property
    def max_n(self) -> int:
        """The maximum number of replies that one request may ask for (`n`); 1 if the endpoint is not known to honour
        `n`."""

    @property
    def concurrency(self) -> int:
        """The maximum number of requests in flight."""

    @property
    def parallel_repeats(self) -> bool:
        """Whether a reply that should repeat (at temperature 0 or with a seed) stays the same while other requests are
        in flight. False for llama.cpp, where they change it: a run that needs such replies then sends one request at a
        time."""

    @property
    def takes_tokens(self) -> bool:
        """Whether a prompt may be given as token ids (`Request.prompt_ids`), and replies report the ids of their
        tokens, so that a prompt can go on with a chosen token: only llama.cpp does."""

    async def search_problem(self, request: Request) -> str:
        """Returns why the endpoint cannot answer the request by a beam search, as the end of a sentence; "" if it can.
        May ask the server for its kind. Raises EndpointError if the server cannot be asked."""

    async def prepare(self) -> None:
        """Asks a server on this machine once for its abilities, and sets `concurrency` and `max_n` by them.

        Never raises; takes 2 s at most.
        """

    def wire(self, request: Request) -> dict[str, Any]:
        """The JSON body that `complete` would send; a cell's key is computed from it. Uses no network."""

    async def complete(self, request: Request) -> list[Reply]:
        """Sends the request and returns one Reply per choice: at least one, at most `request.n`."""

    def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        """Sends the request with n = 1 and yields the reply piece by piece."""

    async def models(self) -> list[str]:
        """The names of the models served, as the endpoint reports them."""

    @property
    def counts_tokens(self) -> bool:
        """Whether `count_tokens` may return a number; False once the endpoint is known to have no tokenizer."""

    async def count_tokens(
        self, model: str, messages: Sequence[Message], api: Api = "chat", tools: Sequence[Any] = ()
    ) -> int | None:
        """Counts the tokens of a prompt (its messages and the definitions of its tools) by the endpoint's tokenizer and
        chat template; None if it offers no tokenizer. For the `api` "completion" there is no chat template."""

    async def tokenize(self, model: str, text: str) -> list[Token] | None:
        """Returns the tokens of the text by the endpoint's tokenizer; None if it has none or does not report
        the bytes."""

    async def embeddings(self, model: str, texts: Sequence[str]) -> Embeddings:
        """Returns a vector for each text, by an embedding model."""

    async def aclose(self) -> None:
        """Closes the sockets; the endpoint cannot be used afterwards."""
