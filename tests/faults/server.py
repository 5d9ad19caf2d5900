"""A hostile endpoint: speaks the OpenAI protocol over real sockets, and breaks it on request.

The model's name chooses the mode: `html` answers with a web page, `rate-limited+rate-limited+ok` with two refusals and
then well for ever, any name that is no mode is `ok` and repeats what it was told. See modes.py for all of them.

    with HostileServer() as server:
        server.url                          # http://127.0.0.1:PORT/v1
        server.script("gpt-x", "html", "ok")
        server.requests[0].body["model"]

As a process: python -m tests.faults.server --port 0
"""

from __future__ import annotations

import argparse
import contextlib
import json
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.faults.modes import MODES, Body, error, prompt_text, words_in


@dataclass(frozen=True, slots=True)
class Recorded:
    """One request as it came in; `at` is by time.monotonic()."""

    path: str
    body: Body
    headers: dict[str, str]
    at: float


class HostileServer:
    """Serves in a thread on a free loopback port. `kind` "llama.cpp" or "vllm" adds that server's way of counting.

    `answer` makes the text of a well-behaved reply from the request's body; `api_key`, when set, is the one accepted.
    """

    def __init__(self, *, port: int = 0, kind: str = "plain", api_key: str = "") -> None:
        self.requests: list[Recorded] = []
        self.answer: Callable[[Body], str] = lambda body: f"You said: {prompt_text(body)}"
        self.api_key = api_key
        self.kind = kind
        self.stopping = False
        self.hung_up = 0  # calls to `hang` that ended
        self._scripts: dict[str, list[str]] = {}
        self._calls: Counter[str] = Counter()
        self._socket = socket.create_server(("127.0.0.1", port))
        self.root = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.url = f"{self.root}/v1"
        config = uvicorn.Config(
            self._app(), log_level="critical", access_log=False, lifespan="off", ws="none", timeout_graceful_shutdown=2
        )
        self._server = uvicorn.Server(config)

    def script(self, model: str, *modes: str) -> None:
        """What `model` does at its first, second … call; the last one stays."""
        self._scripts[model] = list(modes)

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

    def _app(self) -> Starlette:
        routes = [
            Route("/v1/chat/completions", self._complete, methods=["POST"]),
            Route("/v1/completions", self._complete, methods=["POST"]),
            Route("/v1/models", self._models),
        ]
        if self.kind == "llama.cpp":
            routes.append(Route("/apply-template", self._apply_template, methods=["POST"]))
        if self.kind in ("llama.cpp", "vllm"):
            routes.append(Route("/tokenize", self._tokenize, methods=["POST"]))
        app = Starlette(routes=[*routes, Route("/{path:path}", self._nothing, methods=["GET", "POST"])])
        app.state.server = self
        return app

    async def _complete(self, request: Request) -> Response:
        body = await self._recorded(request)
        if self.api_key and request.headers.get("authorization") != f"Bearer {self.api_key}":
            return error(401, "Incorrect API key provided.", code="invalid_api_key")
        model = str(body.get("model", ""))
        self._calls[model] += 1
        return await MODES[self._mode(model)](request, body, self.answer(body))

    def _mode(self, model: str) -> str:
        modes = self._scripts.get(model) or model.split("+")
        mode = modes[min(self._calls[model], len(modes)) - 1]
        return mode if mode in MODES else "ok"

    async def _models(self, request: Request) -> Response:
        await self._recorded(request)
        return JSONResponse({"object": "list", "data": [{"id": name, "object": "model"} for name in MODES]})

    async def _apply_template(self, request: Request) -> Response:
        body = await self._recorded(request)
        return JSONResponse({"prompt": " ".join(f"<{m['role']}> {m['content']}" for m in body["messages"])})

    async def _tokenize(self, request: Request) -> Response:
        """Tokens are words; vLLM counts its template's by itself."""
        body = await self._recorded(request)
        if self.kind == "llama.cpp":
            return JSONResponse({"tokens": list(range(len(str(body.get("content", "")).split())))})
        if "messages" not in body and "prompt" not in body:
            return error(400, "Field required: prompt")
        return JSONResponse({"count": words_in(body) + len(body.get("messages", ())), "max_model_len": 4096})

    async def _nothing(self, request: Request) -> Response:
        await self._recorded(request)
        return JSONResponse({"detail": "Not Found"}, 404)

    async def _recorded(self, request: Request) -> dict[str, Any]:
        try:
            body = json.loads(await request.body() or b"{}")
        except (ValueError, ClientDisconnect):
            body = {}
        self.requests.append(Recorded(request.url.path, body, dict(request.headers), time.monotonic()))
        return body


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
