"""An endpoint with scripted replies, for tests and trials. It uses no network, and waits only `latency_s`."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from promptgrid.endpoint import wire
from promptgrid.endpoint.base import Delta, Embeddings, Reply, Request, Token
from promptgrid.errors import EndpointError
from promptgrid.prompt import Api, Message

ScriptedReply = str | Reply | EndpointError
Script = Sequence[ScriptedReply] | Callable[[Request], ScriptedReply | Sequence[ScriptedReply]]


class ScriptedEndpoint:
    """A test endpoint that replies with the items of `script` in order, and starts again at its end. An item is a text,
    a Reply, or an EndpointError, which is raised. `script` may also be a function of the Request that returns one item
    for all replies, or one for each.

    Each of a request's `n` replies takes one item. A token is a word: `max_tokens` truncates a text after that many
    words, with the finish reason "length". `history` has all requests.

    >>> endpoint = ScriptedEndpoint(["positive", "negative"])
    """

    def __init__(
        self,
        script: Script = ("ok",),
        *,
        name: str = "scripted",
        models: Sequence[str] = ("scripted",),
        latency_s: float = 0.0,
        max_n: int = 8,
        concurrency: int = 8,
        parallel_repeats: bool = True,
    ) -> None:
        self.name = name
        self.identity = f"scripted:{name}"
        self.max_n = max_n
        self.concurrency = concurrency
        self.parallel_repeats = parallel_repeats
        self.latency_s = latency_s
        self.history: list[Request] = []
        self._models = list(models)
        self._script = script
        self._outcomes: Iterator[ScriptedReply] = itertools.cycle(() if callable(script) else script)

    takes_tokens = False

    async def search_problem(self, request: Request) -> str:
        """Returns the reason: a script has no probabilities of tokens."""
        return f"{self.name} has no beam search"

    async def prepare(self) -> None:
        """Does nothing, since there is no server to ask."""

    def wire(self, request: Request) -> dict[str, Any]:
        """Returns the JSON body that an OpenAI-compatible server would get."""
        return wire.body(request, "max_tokens")

    async def complete(self, request: Request) -> list[Reply]:
        """Returns `request.n` replies, or raises the scripted EndpointError."""
        sent = self.wire(request)
        self.history.append(request)
        await asyncio.sleep(self.latency_s)
        return [self._reply(outcome, request, sent) for outcome in self._next(request)]

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        """Yields the reply word by word, each with the blank after it, and the whole reply in the last Delta."""
        reply = (await self.complete(replace(request, n=1)))[0]
        for word in _words(reply.text):
            yield Delta(text=word)
        yield Delta(reply=replace(reply, first_token_ms=reply.latency_ms, sent=wire.streamed(self.wire(request))))

    async def models(self) -> list[str]:
        """Returns the `models` that the constructor was called with."""
        return list(self._models)

    counts_tokens = True

    async def count_tokens(
        self, model: str, messages: Sequence[Message], api: Api = "chat", tools: Sequence[Any] = ()
    ) -> int | None:
        """Returns the number of words in all messages: a word is a token here."""
        return sum(len(message.text.split()) for message in messages)

    async def tokenize(self, model: str, text: str) -> list[Token] | None:
        """Returns None: words have no token ids."""
        return None

    async def embeddings(self, model: str, texts: Sequence[str]) -> Embeddings:
        """Returns for each text the counts of the letters a to z; `prompt_tokens` is the number of words."""
        vectors = [tuple(float(text.lower().count(chr(97 + i))) for i in range(26)) for text in texts]
        return Embeddings(vectors, sum(len(text.split()) for text in texts))

    async def aclose(self) -> None:
        """Does nothing, since there are no connections."""

    def _next(self, request: Request) -> list[ScriptedReply]:
        if not callable(self._script):
            return list(itertools.islice(self._outcomes, request.n))
        script = self._script(request)
        return [script] * request.n if isinstance(script, str | Reply | EndpointError) else list(script[: request.n])

    def _reply(self, outcome: ScriptedReply, request: Request, sent: dict[str, Any]) -> Reply:
        if isinstance(outcome, EndpointError):
            raise outcome
        if isinstance(outcome, Reply):
            return replace(outcome, sent=sent)
        words = _words(outcome)
        first_words = words[: request.parameters.max_tokens]
        return Reply(
            text="".join(first_words),
            finish_reason="stop" if len(first_words) == len(words) else "length",
            model_returned=request.model,
            prompt_tokens=sum(len(message.text.split()) for message in request.messages),
            completion_tokens=len(first_words),
            latency_ms=self.latency_s * 1000,
            sent=sent,
        )


def _words(text: str) -> list[str]:
    """Returns the words of the text, each with the blank after it; joined, they are the text again."""
    pieces = text.split(" ")
    return [piece + " " for piece in pieces[:-1]] + ([pieces[-1]] if pieces[-1] else [])
