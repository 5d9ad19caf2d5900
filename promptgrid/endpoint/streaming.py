"""A stream of the OpenAI protocol -> Deltas, the last one with the whole Reply."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from promptgrid.endpoint.base import Delta, RateLimits, Reply
from promptgrid.endpoint.limits import rate_limits
from promptgrid.endpoint.replies import Usage, bad_reply, content_text, read_usage, reasoning_text, replies, reply

if TYPE_CHECKING:
    import openai


async def deltas(
    opened: openai.AsyncStream[Any], heard: list[str], started: float, sent: Mapping[str, Any]
) -> AsyncIterator[Delta]:
    """The pieces of one reply (n = 1). `heard` collects the text, so that an error can keep what had come.

    `started` is by time.perf_counter(). A server that does not stream and sends one JSON body gives one Delta.
    Raises EndpointError(bad_reply) for a stream that ends before the model has finished.
    """
    headers = opened.response.headers
    limits = rate_limits(headers)
    if "event-stream" not in headers.get("content-type", "event-stream"):
        whole = replies(await _body(opened), 1, latency_ms=_since(started), sent=sent, limits=limits)[0]
        yield Delta(text=whole.text, reply=whole)
        return
    collected = _Collected(heard, started)
    async for chunk in opened:
        text = collected.add(chunk)
        if text:
            yield Delta(text=text)
    yield Delta(reply=collected.reply(sent, limits))


@dataclass(slots=True)
class _Collected:
    """What a stream has brought so far."""

    heard: list[str]
    started: float
    reasoning: list[str] = field(default_factory=list)
    finish: str = ""
    refused: bool = False
    model: str = ""
    usage: Usage = field(default_factory=Usage)
    first_token_ms: float | None = None

    def add(self, chunk: Any) -> str:
        """Takes one chunk in; returns its piece of the answer. The last usage holds: some servers repeat it."""
        data = chunk.to_dict(warnings=False) if hasattr(chunk, "to_dict") else chunk
        if not isinstance(data, dict):
            raise bad_reply("The endpoint's stream holds an event that is not an object.", "".join(self.heard))
        if isinstance(data.get("usage"), dict):
            self.usage = read_usage(data)
        self.model = self.model or str(data.get("model") or "")
        choices = data.get("choices")
        if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
            return ""
        return self._add_choice(choices[0])

    def _add_choice(self, choice: Mapping[str, Any]) -> str:
        self.finish = str(choice.get("finish_reason") or self.finish)
        delta = choice.get("delta")
        piece = delta if isinstance(delta, dict) else {"content": choice.get("text")}
        text, reasoning = content_text(piece.get("content")) or "", reasoning_text(piece)
        if not text and isinstance(refusal := piece.get("refusal"), str):
            text, self.refused = refusal, True
        if (text or reasoning) and self.first_token_ms is None:
            self.first_token_ms = _since(self.started)
        self.reasoning.append(reasoning)
        self.heard.append(text)
        return text

    def reply(self, sent: Mapping[str, Any], limits: RateLimits | None) -> Reply:
        """The whole reply. Raises EndpointError(bad_reply) when the end is missing."""
        answer, reasoning = "".join(self.heard), "".join(self.reasoning)
        if not self.finish:
            raise bad_reply(
                "The stream ended before the reply was finished.", answer, hint="What had come is kept. Try again."
            )
        return reply(
            answer,
            reasoning,
            "refusal" if self.refused else self.finish,
            {"model": self.model},
            self.usage,
            alone=True,
            latency_ms=_since(self.started),
            first_token_ms=self.first_token_ms,
            sent=sent,
            limits=limits,
        )


async def _body(opened: openai.AsyncStream[Any]) -> str:
    import openai

    try:
        return (await opened.response.aread()).decode("utf-8", "replace")
    except Exception as error:  # the SDK names the transport's errors only while it reads events itself
        raise openai.APIConnectionError(request=opened.response.request) from error


def _since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
