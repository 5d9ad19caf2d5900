"""A hostile endpoint: speaks the OpenAI protocol over real sockets, and breaks it on request.

The model's name chooses the mode: `html` answers with a web page, `rate-limited+rate-limited+ok` with two refusals and
then well for ever, any name that is no mode is `ok` and repeats what it was told. See modes.py and parameters.py for
all of them.

    with HostileServer() as server:
        server.url                          # http://127.0.0.1:PORT/v1
        server.script("gpt-x", "html", "ok")
        server.from_call(20, "unauthorized")           # the key is revoked
        server.mix({"server-error": 0.1}, seed=1)
        server.limit(requests_per_s=50, burst=10)
        server.max_in_flight = 8
        server.requests[0].body["model"]
        server.books.most_in_flight

As a process: python -m tests.faults.server --port 0
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import re
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Self

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.faults.answers import error, prompt_text, words_in
from tests.faults.books import Body, Books, Recorded
from tests.faults.calls import Completions
from tests.faults.limits import Bucket
from tests.faults.modes import CUT, MODES


class HostileServer:
    """Serves in a thread on a free loopback port. `kind` "llama.cpp" or "vllm" adds that server's way of counting.

    `answer` makes the text of a well-behaved reply from the request's body; `api_key`, when set, is the one accepted.
    `latency_s` goes before every answer. `passes` is how many more calls are answered, None for all; the others are
    held, so that a test sees a run in progress for as long as it needs. More than `max_in_flight` calls at a time are
    refused (429, no Retry-After).
    `slots`, for "llama.cpp", is what /props tells and the most choices that one call may ask for; `takes_tools` is
    whether /props says that the chat template has tools.
    """

    def __init__(self, *, port: int = 0, kind: str = "plain", api_key: str = "") -> None:
        self.books = Books()
        self.answer: Callable[[Body], str] = lambda body: f"You said: {prompt_text(body)}"
        self.usage: Body = {}  # what the mode any-usage reports
        self.api_key = api_key
        self.kind = kind
        self.latency_s = 0.0
        self.passes: int | None = None
        self.max_in_flight: int | None = None
        self.slots: int | None = None
        self.takes_tools = True
        self.buckets: list[Bucket] = []
        self.stopping = False
        self._scripts: dict[str, list[str]] = {}
        self._mix: tuple[Mapping[str, float], int] = ({}, 0)
        self._most_cuts: int | None = None
        self._cuts: Counter[str] = Counter()  # by request
        self._from_call: dict[int, str] = {}
        self._calls: Counter[str] = Counter()
        self._socket = socket.create_server(("127.0.0.1", port))
        # asyncio does not do it for a socket made so, and every answer on a kept connection would come 40 ms late
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.root = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.url = f"{self.root}/v1"
        config = uvicorn.Config(
            self._app(),
            log_level="critical",
            access_log=False,
            date_header=False,  # the modes with a wrong clock send their own
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=2,
        )
        self._server = uvicorn.Server(config)

    @property
    def requests(self) -> list[Recorded]:
        """Every request, in the order in which they came."""
        return self.books.requests

    @property
    def hung_up(self) -> int:
        """Calls whose client left before its answer was complete."""
        return self.books.hung_up

    def script(self, model: str, *modes: str) -> None:
        """What `model` does at its first, second … call; the last one stays."""
        self._scripts[model] = list(modes)

    def mix(self, shares: Mapping[str, float], seed: int = 0, *, most_cuts: int | None = None) -> None:
        """Any call is answered with one of these modes, by its share; by seed and the call's number alone, but that one
        and the same request gets at most `most_cuts` bodies that are cut."""
        self._mix, self._most_cuts = (shares, seed), most_cuts

    def from_call(self, number: int, mode: str) -> None:
        """From the number-th call on, whatever the model, this mode; it goes before scripts and mixes."""
        self._from_call[number] = mode

    def limit(self, *, requests_per_s: float | None = None, tokens_per_s: float | None = None, burst: float) -> None:
        """A bucket of `burst` for each rate that is given; every reply tells how they stand.

        Called again for a bucket of another size.
        """
        rates = (("requests", requests_per_s), ("tokens", tokens_per_s))
        self.buckets += [Bucket(what, per_s, burst) for what, per_s in rates if per_s is not None]

    def calls(self, model: str) -> int:
        """How many completions `model` was asked for."""
        return self._calls[model]

    def start(self) -> Self:
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), daemon=True)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.005)
        return self

    def stop(self) -> None:
        self.stopping = self._server.should_exit = True
        self._thread.join(10)
        self._socket.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def serve_forever(self) -> None:
        """In this thread, until Ctrl+C."""
        with contextlib.suppress(KeyboardInterrupt):
            self._server.run([self._socket])

    def mode(self, entry: Recorded) -> str:
        """What this call is answered with; counts it as one of its model's."""
        model = str(entry.body.get("model", ""))
        self._calls[model] += 1
        modes = self._scripts.get(model) or model.split("+")
        own = modes[min(self._calls[model], len(modes)) - 1]
        passed = [number for number in self._from_call if number <= entry.number]
        answer_mode = self._from_call[max(passed)] if passed else self._mixed(entry) or own
        return answer_mode if answer_mode in MODES else "ok"

    def _mixed(self, entry: Recorded) -> str:
        shares, seed = self._mix
        number = random.Random(f"{seed}/{entry.number}").random() if shares else 1.0
        for mode, share in shares.items():
            number -= share
            if number < 0:
                return mode if mode not in CUT or self._may_be_cut(entry) else ""
        return ""

    def _may_be_cut(self, entry: Recorded) -> bool:
        request = json.dumps(entry.body)
        self._cuts[request] += 1
        return self._most_cuts is None or self._cuts[request] <= self._most_cuts

    async def pass_(self) -> None:
        """Comes back when the call may be answered."""
        while self.passes == 0 and not self.stopping:
            await asyncio.sleep(0.01)
        if self.passes:
            self.passes -= 1

    def _app(self) -> Starlette:
        completions = Completions(self)
        routes = [
            Route("/v1/chat/completions", completions, methods=["POST"]),
            Route("/v1/completions", completions, methods=["POST"]),
            Route("/v1/models", self._models),
            Route("/v1/embeddings", self._embeddings, methods=["POST"]),
        ]
        if self.kind == "llama.cpp":
            routes.append(Route("/apply-template", self._apply_template, methods=["POST"]))
            routes.append(Route("/props", self._props))
        if self.kind in ("llama.cpp", "vllm"):
            routes.append(Route("/tokenize", self._tokenize, methods=["POST"]))
        app = Starlette(routes=[*routes, Route("/{path:path}", self._nothing, methods=["GET", "POST"])])
        app.state.server = self
        return app

    async def _models(self, request: Request) -> Response:
        await self.record(request)
        return JSONResponse(
            {"object": "list", "data": [{"id": name, "object": "model", "owned_by": self.kind} for name in MODES]}
        )

    async def _embeddings(self, request: Request) -> Response:
        """How often each letter is in the text; a model called after a mode answers with its fault. Tokens are words;
        `silent` does not report them, and `short` takes no text of more than ten."""
        body = (await self.record(request)).body
        await asyncio.sleep(self.latency_s)
        if body["model"] in MODES and body["model"] != "ok":
            return await MODES[body["model"]](request, body, "")
        words = [len(text.split()) for text in body["input"]]
        if body["model"] == "short" and max(words) > 10:
            return error(400, "This model's maximum context length is 10 tokens.", code="context_length_exceeded")
        vectors = [[text.lower().count(chr(97 + i)) for i in range(26)] for text in body["input"]]
        rows = [{"index": index, "embedding": vector} for index, vector in enumerate(vectors)]
        usage = {"prompt_tokens": None if body["model"] == "silent" else sum(words)}
        return JSONResponse({"object": "list", "data": rows[::-1], "usage": usage})

    async def _props(self, request: Request) -> Response:
        await self.record(request)
        if self.slots is None:
            return error(404, "Not found.")
        caps = {} if self.takes_tools else {"chat_template_caps": {"supports_tools": False}}
        return JSONResponse({"total_slots": self.slots, **caps})

    async def _apply_template(self, request: Request) -> Response:
        body = (await self.record(request)).body
        tools = [json.dumps(tool) for tool in body.get("tools", ())]
        turns = [f"<{turn['role']}> {turn['content']}" for turn in body["messages"]]
        return JSONResponse({"prompt": " ".join([*tools, *turns])})

    async def _tokenize(self, request: Request) -> Response:
        """Tokens are words; vLLM counts its template's by itself."""
        body = (await self.record(request)).body
        if self.kind == "llama.cpp":
            words = re.findall(r"\s*\S+", str(body.get("content", "")))
            pieces = [{"id": number, "piece": word} for number, word in enumerate(words)]
            return JSONResponse({"tokens": pieces if body.get("with_pieces") else list(range(len(words)))})
        if "messages" not in body and "prompt" not in body:
            return error(400, "Field required: prompt")
        count = words_in(body) + len(body.get("messages", ()))
        answer: dict[str, Any] = {"count": count, "max_model_len": 4096, "tokens": list(range(count))}
        if body.get("return_token_strs"):
            answer["token_strs"] = [word.replace(" ", "Ġ") for word in re.findall(r" ?\S+", body["prompt"])]
        return JSONResponse(answer)

    async def _nothing(self, request: Request) -> Response:
        await self.record(request)
        return JSONResponse({"detail": "Not Found"}, 404)

    async def record(self, request: Request) -> Recorded:
        """Puts the request into the books."""
        try:
            body: dict[str, Any] = json.loads(await request.body() or b"{}")
        except (ValueError, ClientDisconnect):
            body = {}
        entry = Recorded(request.url.path, body, dict(request.headers), time.monotonic())
        self.requests.append(entry)
        return entry


def main() -> None:
    parser = argparse.ArgumentParser(description="A hostile endpoint that speaks the OpenAI protocol.")
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--kind", choices=("plain", "llama.cpp", "vllm"), default="plain")
    options = parser.parse_args()
    server = HostileServer(port=options.port, kind=options.kind)
    sys.stdout.write(f"{server.url}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
