"""An endpoint of the OpenAI protocol that also answers by a beam search, where the server has one."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from promptgrid.endpoint import llama_cpp as completion
from promptgrid.endpoint import refusals, wire
from promptgrid.endpoint.base import Delta, Reply, Request
from promptgrid.endpoint.beams import llama_cpp, vllm
from promptgrid.endpoint.openai import OpenAIEndpoint
from promptgrid.endpoint.replies import parsed
from promptgrid.errors import EndpointError

NONE = "only the built-in model, llama.cpp, vLLM and `promptgrid serve` have a beam search, and {} is none of them"


class SearchingEndpoint(OpenAIEndpoint):
    """An OpenAIEndpoint that answers a request whose parameters have several `beams` by a beam search: on llama.cpp
    step by step, from vLLM in one call. `room` is the number of tokens that all beams of a search may have together,
    each with its prompt; None: the server itself says what is too long."""

    room: int | None = None
    _is_vllm: bool | None = None

    def wire(self, request: Request) -> dict[str, Any]:
        """Returns the JSON body of the request. A search on llama.cpp takes many requests: its body describes them,
        with `beams` in place of the fields that vLLM has."""
        if not (request.parameters.searches and self.takes_tokens):
            return super().wire(request)
        plain = replace(request, logprobs=None, parameters=replace(request.parameters, beams=None))
        return {**super().wire(plain), "beams": request.parameters.beams}

    async def complete(self, request: Request) -> list[Reply]:
        """Sends the request and returns one reply per choice; to a search one reply, with its beams. Raises
        EndpointError and nothing else."""
        if not request.parameters.searches:
            return await super().complete(request)
        if not self.takes_tokens:
            choices = await super().complete(replace(request, n=request.parameters.written))
            return [vllm.reply(choices, request, self.name)]
        async with aclosing(self._searched(request)) as deltas:
            return [delta.reply async for delta in deltas if delta.reply is not None]

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        """Yields the reply in pieces; the last piece holds the whole reply. A search on llama.cpp has a piece for each
        step, one by vLLM only the last. Raises EndpointError."""
        if request.parameters.searches and not self.takes_tokens:
            (reply,) = await self.complete(request)
            yield Delta(text=reply.text, reply=reply)
            return
        source = self._searched(request) if request.parameters.searches else super().stream(request)
        async with aclosing(source) as deltas:
            async for delta in deltas:
                yield delta

    async def search_problem(self, request: Request) -> str:
        """Returns why the endpoint cannot answer the request by a beam search; "" if it can. Asks a server that is not
        known yet for its list of models, by which vLLM is recognized. Raises EndpointError if it does not answer."""
        await self.prepare()
        if self.takes_tokens:
            return llama_cpp.problem(request)
        if self._is_vllm is None:
            self._is_vllm = not self.settings.is_openai and vllm.is_vllm(await self._listed())
        return vllm.problem(request) if self._is_vllm else NONE.format(self.name)

    async def _listed(self) -> dict[str, Any]:
        answer = await self._connected().ask(self.settings.base_url + "/models")
        if answer.status in (404, 405, 501):
            return {}
        refusals.check_status(answer, self.settings, "")
        return parsed(answer.text)

    def _check_room(self, request: Request, prompt: int) -> None:
        """Raises EndpointError(too_long) if the beams with a prompt of so many tokens do not fit into `room`."""
        beams, each = request.parameters.written, prompt + (request.parameters.max_tokens or 0)
        if self.room is not None and beams * each > self.room:
            message = f"{beams} beams of up to {each:,} tokens do not fit into the {self.room:,} that {self.name} has."
            raise EndpointError("too_long", message, hint="Take fewer beams, or shorten the prompt.")

    async def _searched(self, request: Request) -> AsyncGenerator[Delta, None]:
        """Yields the state of a search on llama.cpp after each step, then its reply. Raises EndpointError."""
        started, sent, written, beams = time.perf_counter(), self.wire(request), 0, 1
        if problem := llama_cpp.problem(request):
            raise EndpointError("refused_parameter", f"No beam search: {problem}.", param="beams")
        pool = self._connected()

        async def ask(body: dict[str, Any]) -> str:
            answer = await pool.ask(self._counter.root + completion.PATH, wire.encoded(body))
            refusals.check_status(answer, self.settings, request.model)
            return answer.text

        ids = request.prompt_ids or await self._counter.prompt_ids(pool, request.model, request.messages, request.api)
        full_stop = await self._counter.tokens(pool, request.model, ".")
        if not ids or not full_stop:
            raise EndpointError("bad_request", f"{self.name} cannot cut this prompt into tokens.")
        self._check_room(request, len(ids))
        async with aclosing(llama_cpp.searched(request, ids, full_stop[-1].id, ask)) as searches:
            async for search in searches:
                written, beams = written + beams, len(search.running)
                yield Delta(running=search.running, finished=search.finished)
        latency = (time.perf_counter() - started) * 1000
        reply = llama_cpp.reply(search, len(ids), written, sent=sent, model_returned=request.model, latency_ms=latency)
        yield Delta(text=reply.text, reply=reply)
