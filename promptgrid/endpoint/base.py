"""The interface to every model: a Request in, Replies out. Data and protocol only, no network."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from promptgrid.prompt import EMPTY, Api, Message, Parameters


@dataclass(frozen=True, slots=True)
class Request:
    """What one call asks for, before an endpoint puts it into its own words (`Endpoint.wire`).

    `n` replies are asked for in one call. `logprobs` asks for the probability of each token of the reply, and for as
    many of the most likely ones at its place. `prompt_ids` stand in for the text of a plain continuation, where the
    endpoint `takes_tokens`.
    """

    model: str
    messages: tuple[Message, ...]
    api: Api = "chat"
    parameters: Parameters = field(default_factory=Parameters)
    token_parameter: str = ""
    n: int = 1
    logprobs: int | None = None
    prompt_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a text as an endpoint's own tokenizer cuts it; `data` are its bytes, often no whole character.

    A `sign` is a control sign of the model's, which the endpoint finds in plain text too.
    """

    id: int
    data: bytes
    sign: bool = False


@dataclass(frozen=True, slots=True)
class TokenChance:
    """A token and the natural logarithm of its probability, before temperature and top_p.

    `data` are its bytes, often no whole character, and none for a token that ends the text; `id` is None where the
    endpoint tells none.
    """

    data: bytes
    logprob: float
    id: int | None = None


@dataclass(frozen=True, slots=True)
class TokenStep:
    """One token of a reply, and the most likely ones at its place, the likeliest first.

    `logprob` is None where the endpoint does not tell it: for the first token of a text that is scored, and (llama.cpp)
    for the parts of a character but its last; of such a part `data` is empty too.
    """

    data: bytes
    logprob: float | None
    id: int | None = None
    likely: tuple[TokenChance, ...] = ()


@dataclass(frozen=True, slots=True)
class Allowance:
    """The remainder of one rate limit, and the seconds until it is full again. None: not reported."""

    limit: int | None
    remaining: int | None
    reset_s: float | None


@dataclass(frozen=True, slots=True)
class RateLimits:
    """The rate limits in the headers of a response."""

    requests: Allowance | None = None
    tokens: Allowance | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back for one choice. Token counts are None where the endpoint did not report them.

    `latency_ms` is for the whole call; `first_token_ms` only where it was streamed. `sent` is the JSON body as it went
    on the wire, `prompt_tokens` that of the whole call's prompt, `completion_tokens` this choice's own: its share, by
    length, where the endpoint reports a sum. `limits` is None where the endpoint tells nothing of its rate limits.
    `steps` are its tokens, where `logprobs` were asked for and told. `usage_problem` names reported counts that cannot
    be true.
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


@dataclass(frozen=True, slots=True)
class Embeddings:
    """A vector for each text of one call. `prompt_tokens` is None where the endpoint did not report them."""

    vectors: Sequence[tuple[float, ...]]
    prompt_tokens: int | None = None
    latency_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Delta:
    """One piece of a streamed reply; the last one carries the whole `reply`."""

    text: str = ""
    reply: Reply | None = None


class Endpoint(Protocol):
    """Serves models. Every method raises EndpointError, and nothing else, for errors of the network or server."""

    @property
    def name(self) -> str:
        """As in ENDPOINT/MODEL."""

    @property
    def identity(self) -> str:
        """The identity of the models: the base URL, or the sha256 of the built-in model's weights. Part of the key."""

    @property
    def max_n(self) -> int:
        """How many samples one request may ask for and really get; 1 where `n` is not known to work."""

    @property
    def concurrency(self) -> int:
        """How many requests may be in flight at once."""

    @property
    def parallel_repeats(self) -> bool:
        """False: requests in flight together change one another's replies even at temperature 0, as llama.cpp's do."""

    @property
    def takes_tokens(self) -> bool:
        """True for llama.cpp: it accepts token ids as prompt, returns those of its reply, and can force a token."""

    async def prepare(self) -> None:
        """Asks a server on this machine once for its abilities, which then set `concurrency` and `max_n`.

        Never raises, and takes 2 s at most.
        """

    def wire(self, request: Request) -> dict[str, Any]:
        """The JSON body that `complete` would send. No network: the cell's key is made of this."""

    async def complete(self, request: Request) -> list[Reply]:
        """One reply a choice, `request.n` of them or fewer (never none)."""

    def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        """The reply piece by piece (n = 1)."""

    async def models(self) -> list[str]:
        """The names of the models served, as the endpoint reports them."""

    @property
    def counts_tokens(self) -> bool:
        """False once it is known to have no tokenizer to ask."""

    async def count_tokens(
        self, model: str, messages: Sequence[Message], api: Api = "chat", tools: Sequence[Any] = ()
    ) -> int | None:
        """Prompt tokens by the endpoint's own tokenizer and chat template; None where it has none."""

    async def tokenize(self, model: str, text: str) -> list[Token] | None:
        """The text's tokens by the endpoint's own tokenizer; None where it has none, or does not tell the bytes."""

    async def embeddings(self, model: str, texts: Sequence[str]) -> Embeddings:
        """A vector for each text, by an embedding model."""

    async def aclose(self) -> None:
        """Frees sockets. The endpoint cannot be used afterwards."""
