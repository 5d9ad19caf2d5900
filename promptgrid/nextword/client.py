"""Sends requests to one model, stores the replies, and remembers the parameters that the endpoint refuses."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from promptgrid import connections, models
from promptgrid.endpoint import Endpoint, Reply, Request
from promptgrid.errors import EndpointError
from promptgrid.models import learned
from promptgrid.models.parameters import sent
from promptgrid.prompt import Api, Message, Parameters
from promptgrid.store import Database, commits
from promptgrid.store.commits import ReplyOrigin

_NOT_OF_THE_PROTOCOL = ("rate_limited", "server", "timeout", "connection", "auth", "quota", "too_long")
FEW = 5  # the most alternatives that the oldest endpoints return

_apis: dict[tuple[str, str], Api] = {}  # (identity, model) -> the protocol that brings probabilities


@dataclass
class ModelClient:
    """Sends requests to one model. With a `database`, stores the replies: of the kind "look" (one token) or "try" (a
    text).

    Raises PlanError unless `model_ref` is ENDPOINT/MODEL of a configured endpoint. Use it only on the event loop on
    which it was created (see `connections.connect`).
    """

    model_ref: str
    database: Database | None = None
    endpoint: Endpoint = field(init=False)
    name: str = field(init=False)
    model: str = field(init=False)
    facts: models.ModelFacts = field(init=False)

    def __post_init__(self) -> None:
        self.name, self.model = connections.split_model(self.model_ref)
        self.endpoint = connections.connect(self.name)
        self.facts = connections.model_facts(self.model_ref)

    def request(self, text: str, api: Api, parameters: Parameters, *, logprobs: int | None = None) -> Request:
        """Returns a request in the protocol `api` with this text as a user message, without parameters that the model
        is known to refuse. `logprobs` is the number of likeliest tokens that the reply shall list (None: none)."""
        sendable = sent(self.facts, parameters).parameters
        messages = (Message("user", text),)
        return Request(self.model, messages, api, sendable, self.facts.token_parameter, logprobs=logprobs)

    @property
    def api(self) -> Api | None:
        """The protocol ("completion" or "chat") in which the endpoint returns probabilities of tokens; None until a
        call has shown it."""
        return "completion" if self.endpoint.takes_tokens else _apis.get((self.endpoint.identity, self.model))

    async def ask(self, request: Request, kind: str = "look") -> list[Reply]:
        """Sends one request, stores the replies under `kind` ("look" for one token, "try" for a text) and returns them.
        Raises EndpointError; a parameter that the endpoint refuses is remembered for later requests."""
        try:
            replies = await self.endpoint.complete(request)
        except EndpointError as error:
            self._learn(request, error)
            raise
        self.store(replies, kind)
        return replies

    async def ask_with_probabilities(self, text: str, parameters: Parameters, logprobs: int) -> tuple[list[Reply], Api]:
        """Returns the replies with the `logprobs` likeliest tokens at each step, and the protocol used: "completion" if
        the endpoint returns probabilities there, else "chat".

        Raises EndpointError with the reason if neither protocol returns probabilities.
        """
        if self.facts.logprobs is False:
            raise self.no_probabilities(next((note for note in self.facts.notes if "logprobs" in note), ""))
        known, failures = self.api, list[EndpointError]()
        for api in (known,) if known else ("completion", "chat"):
            try:
                replies = await self._ask_with_fallback(self.request(text, api, parameters, logprobs=logprobs))
            except EndpointError as error:
                if known or error.kind in _NOT_OF_THE_PROTOCOL:
                    raise
                failures.append(error)
                continue
            if any(reply.steps for reply in replies):
                _apis[self.endpoint.identity, self.model] = api
                return replies, api
            failures.append(self.no_probabilities("Its reply has none."))
        raise (
            failures[-1]
            if failures[-1].param == "logprobs" or len(failures) < 2
            else self.no_probabilities(str(failures[-1]))
        )

    def no_probabilities(self, why: str) -> EndpointError:
        """Returns the error which says that the endpoint returns no probabilities; `why` is a sentence with the
        reason."""
        hint = "Use the built-in model, llama.cpp, vLLM, or an OpenAI model that does not reason."
        message = f"{self.name} returns no probabilities for {self.model!r}. {why}".strip()
        return EndpointError("refused_parameter", message, hint=hint, param="logprobs")

    def store(self, replies: list[Reply], kind: str) -> None:
        """Stores the replies of one call, if there is a database, under a key that no run uses, so that no run reuses
        them. `kind` is "look" (one token) or "try" (a text)."""
        if self.database is None:
            return
        with self.database.write() as connection:
            first, completions = replies[0], [one.completion_tokens for one in replies]
            costs = models.cost_shares(self.facts, first.prompt_tokens, completions, first.cached_tokens)
            for sample, (reply, cost) in enumerate(zip(replies, costs, strict=True)):
                origin = self._origin(cost.usd, sample, len(replies), kind)
                commits.insert_reply(connection, commits.reply_row(reply, origin))

    async def _ask_with_fallback(self, request: Request) -> list[Reply]:
        """Sends the request and returns the replies. If the endpoint refuses the requested number of likeliest tokens,
        asks again for `FEW`, which every endpoint allows."""
        try:
            return await self.ask(request)
        except EndpointError as error:
            refuses_count = error.param in ("logprobs", "top_logprobs") or "logprobs" in error.message
            if not refuses_count or (request.logprobs or 0) <= FEW:
                raise
        return await self.ask(replace(request, logprobs=FEW))

    def _learn(self, request: Request, error: EndpointError) -> None:
        if error.kind != "refused_parameter" or not error.param:
            return
        if error.param == "logprobs" and request.api == "completion":
            return  # chat completions may still accept logprobs
        value = self.endpoint.wire(request).get(error.param)
        effort = request.parameters.reasoning_effort
        learned.remember(self.endpoint.identity, self.model, error.param, value, error.message, effort=effort)

    def _origin(self, cost_usd: float | None, sample: int, batch: int, kind: str) -> ReplyOrigin:
        return ReplyOrigin(
            key=f"{kind}:{self.endpoint.identity}/{self.model}",
            kind=kind,
            endpoint=self.name,
            model=self.model,
            cost_usd=cost_usd,
            sample=sample,
            batch=batch,
        )
