"""Turns a stream of the OpenAI protocol into Deltas, of which the last has the whole Reply."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from promptgrid.endpoint.base import Delta, Reply
from promptgrid.endpoint.events import Fold, Lines
from promptgrid.endpoint.redaction import UnfinishedText, redacted

if TYPE_CHECKING:
    from promptgrid.endpoint.pool import HttpStream

Read = Callable[..., list[Reply]]
"""(body, raw, fields that the replies share) -> replies."""


async def deltas(opened: HttpStream, fold: Fold, started: float, read: Read) -> AsyncIterator[Delta]:
    """Yields the pieces of one streamed reply and merges its events in `fold`; the last piece holds the whole reply.
    `read` is called with (the merged body, the text received) and fields such as `latency_ms`, and returns a list whose
    first item is that reply. `started` is the time of sending by time.perf_counter().

    Raises EndpointError(bad_reply) if the stream ends before a finish reason or [DONE].
    """
    first_token_ms: float | None = None
    unfinished = UnfinishedText(opened.settings.secrets)
    async for name, data in _events(opened):
        text, wrote = fold.add(name, data)
        if wrote and first_token_ms is None:
            first_token_ms = _since(started)
        if safe := unfinished.add(text):
            yield Delta(text=safe)
        if fold.done or fold.error:
            break
    body = fold.body()
    if rest := unfinished.add("", last=True):
        yield Delta(text=rest)
    yield Delta(reply=read(body, "".join(fold.texts), latency_ms=_since(started), first_token_ms=first_token_ms)[0])


async def _events(opened: HttpStream) -> AsyncIterator[tuple[str, str]]:
    lines = Lines()
    async for piece in opened.pieces():
        for name, data in lines.feed(piece):
            yield name, redacted(data, opened.settings.secrets)
    for name, data in lines.feed(b"", last=True):
        yield name, redacted(data, opened.settings.secrets)


def _since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
