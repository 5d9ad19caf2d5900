"""One call for a completion: limits first, then its mode; the books say when it ended and whether the client stayed."""

from __future__ import annotations

import asyncio
import math
import time
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from tests.faults.answers import Dropped, error, words_in
from tests.faults.books import Recorded
from tests.faults.modes import MODES, http_date

if TYPE_CHECKING:
    from tests.faults.server import HostileServer


class Completions:
    """The ASGI application behind the two completion routes."""

    def __init__(self, server: HostileServer) -> None:
        self.server = server
        self._asked = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        entry = await self.server.record(request)
        self._asked += 1
        entry.number = self._asked
        request.state.recorded = entry
        # uvicorn's receive is a method of the object that knows the connection
        request.state.close = receive.__self__.transport.close  # type: ignore[attr-defined]
        if refusal := self._refused(entry):
            entry.ended = time.monotonic()
            await refusal(scope, receive, self._told(entry, send))
            return
        self.server.books.begin()
        try:
            await self._until_gone(request, entry, send)
        finally:
            self.server.books.end(entry, time.monotonic())

    async def _until_gone(self, request: Request, entry: Recorded, send: Send) -> None:
        """Answers, unless the client hangs up first."""
        answering = asyncio.create_task(self._answer(request, entry, send))
        gone = asyncio.create_task(_disconnected(request.receive))
        await asyncio.wait({answering, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not answering.done() and not entry.whole:
            entry.hung_up = answering.cancel()
        try:
            await answering
        except Dropped:
            request.state.close()
            await gone
        except asyncio.CancelledError:
            pass
        finally:
            gone.cancel()

    async def _answer(self, request: Request, entry: Recorded, send: Send) -> None:
        entry.mode = self.server.mode(entry)
        await asyncio.sleep(self.server.latency_s)
        await self.server.pass_()
        response = await MODES[entry.mode](request, entry.body, self.server.answer(entry.body))
        await response(request.scope, request.receive, self._told(entry, send))

    def _refused(self, entry: Recorded) -> Response | None:
        server = self.server
        if server.api_key and entry.headers.get("authorization") != f"Bearer {server.api_key}":
            return error(401, "Incorrect API key provided.", code="invalid_api_key")
        if server.max_in_flight is not None and server.books.in_flight >= server.max_in_flight:
            return error(429, "Too many requests at a time.", type="requests", code="rate_limit_exceeded")
        if server.slots is not None and (entry.body.get("n") or 1) > server.slots:
            return error(400, f"n must be at most {server.slots}, the number of slots.", type="invalid_request_error")
        return self._limited(entry)

    def _limited(self, entry: Recorded) -> Response | None:
        """Takes the call out of the buckets, or names the one that is empty and how long it takes."""
        amounts = {"requests": 1.0, "tokens": _tokens(entry)}
        waits = {bucket.what: bucket.wait_s(amounts[bucket.what]) for bucket in self.server.buckets}
        if any(waits.values()):
            what = max(waits, key=lambda name: waits[name])
            times = {"Retry-After": f"{math.ceil(waits[what])}", "Retry-After-Ms": f"{math.ceil(1000 * waits[what])}"}
            return error(429, f"Rate limit reached for {what}.", headers=times, type=what, code="rate_limit_exceeded")
        for bucket in self.server.buckets:
            bucket.take(amounts[bucket.what])
        return None

    def _told(self, entry: Recorded, send: Send) -> Send:
        """Adds the date and the state of the limits; notes the status, and when all is said."""

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                entry.status = message["status"]
                headers = [header for bucket in self.server.buckets for header in bucket.headers()]
                if not any(name == b"date" for name, _ in message["headers"]):
                    headers.append(("date", http_date(0)))
                pairs = [(name.encode(), value.encode()) for name, value in headers]
                message = {**message, "headers": [*message["headers"], *pairs]}
            # noted first: who has read the answer finds it in the books, and its next call is not beside this one
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                entry.whole = True
                self.server.books.end(entry, time.monotonic())
            await send(message)

        return told


async def _disconnected(receive: Receive) -> None:
    """Returns when the client has left or the answer is complete."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _tokens(entry: Recorded) -> float:
    """What a call may cost at most, prompt and room for the replies, in words."""
    room = entry.body.get("max_completion_tokens") or entry.body.get("max_tokens") or 0
    return float(words_in(entry.body) + room * (entry.body.get("n") or 1))
