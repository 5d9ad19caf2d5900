"""The one way from this topic to a model: asks, keeps what came back, and learns from what is refused."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from promptgrid import connections, models
from promptgrid.endpoint import Endpoint, Reply, Request
from promptgrid.errors import EndpointError
from promptgrid.models import learned
from promptgrid.models.parameters import AskedParameters, sent
from promptgrid.prompt import Api, Message
from promptgrid.store import Database, commits
from promptgrid.store.commits import ReplyOrigin

FEW = 5  # alternatives that the oldest endpoints give

_apis: dict[tuple[str, str], Api] = {}  # (identity, model) -> what its endpoint was found to answer with probabilities


@dataclass
class Asker:
    """Asks one model. With a `database` replies are stored: a token or so as "look", a text as "try".

    Raises PlanError for a name that is not ENDPOINT/MODEL of a configured endpoint. Use it on the loop it was made for
    (`connections.connect`).
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

    def request(self, text: str, api: Api, **fields: Any) -> Request:
        """A request of this model for a text, as a message or to be continued; what the model is known not to take of
        `temperature` and `top_p` is left out."""
        asked = AskedParameters(fields.pop("temperature", None), fields.pop("top_p", None))
        going = sent(self.facts, asked)
        return Request(
            self.model,
            (Message("user", text),),
            api,
            going.temperature,
            going.top_p,
            reasoning_effort=going.reasoning_effort,
            token_parameter=self.facts.token_parameter,
            **fields,
        )

    @property
    def api(self) -> Api | None:
        """What the endpoint was found to answer with probabilities; None: not found out yet."""
        return "completion" if self.endpoint.takes_tokens else _apis.get((self.endpoint.identity, self.model))

    async def ask(self, request: Request, kind: str = "look") -> list[Reply]:
        """The replies to one request, stored. Raises EndpointError; what it refuses is remembered."""
        try:
            replies = await self.endpoint.complete(request)
        except EndpointError as error:
            self._learn(request, error)
            raise
        self.keep(replies, kind)
        return replies

    async def ask_with_probabilities(self, text: str, **fields: Any) -> tuple[list[Reply], Api]:
        """The replies, and how the text was put: to be continued where the endpoint can, else as a message.

        Raises EndpointError where neither brings probabilities, and says why.
        """
        if self.facts.logprobs is False:
            raise self.untold(next((note for note in self.facts.notes if "logprobs" in note), ""))
        known, failures = self.api, list[EndpointError]()
        for api in (known,) if known else ("completion", "chat"):
            try:
                replies = await self._ask_for_as_many(self.request(text, api, **fields))
            except EndpointError as error:
                if known or error.retryable or error.kind in ("auth", "quota", "too_long"):
                    raise
                failures.append(error)
                continue
            if any(reply.steps for reply in replies):
                _apis[self.endpoint.identity, self.model] = api
                return replies, api
            failures.append(self.untold("It answered without them."))
        raise failures[-1] if failures[-1].param == "logprobs" or len(failures) < 2 else self.untold(str(failures[-1]))

    def untold(self, why: str) -> EndpointError:
        """The endpoint tells no probabilities."""
        hint = "Take the built-in model, llama.cpp, vLLM, or a model of OpenAI's that does not reason."
        message = f"{self.name} tells no probabilities for {self.model!r}. {why}".strip()
        return EndpointError("refused_parameter", message, hint=hint, param="logprobs")

    def keep(self, replies: list[Reply], kind: str) -> None:
        """Stores them under a key of their own: never taken for replies of a run."""
        if self.database is None:
            return
        with self.database.write() as connection:
            for sample, reply in enumerate(replies):
                origin = self._origin(reply, sample, len(replies), kind)
                commits.insert_reply(connection, commits.reply_row(reply, origin))

    async def _ask_for_as_many(self, request: Request) -> list[Reply]:
        """Asks for fewer of the likeliest tokens where so many are refused."""
        try:
            return await self.ask(request)
        except EndpointError as error:
            about = error.param in ("logprobs", "top_logprobs") or "logprobs" in error.message
            if not about or (request.logprobs or 0) <= FEW:
                raise
        return await self.ask(replace(request, logprobs=FEW))

    def _learn(self, request: Request, error: EndpointError) -> None:
        if error.kind != "refused_parameter" or not error.param:
            return
        if error.param == "logprobs" and request.api == "completion":
            return  # says nothing of chat completions, which are asked next
        value = self.endpoint.wire(request).get(error.param)
        effort = request.reasoning_effort
        learned.remember(self.endpoint.identity, self.model, error.param, value, error.message, effort=effort)

    def _origin(self, reply: Reply, sample: int, together: int, kind: str) -> ReplyOrigin:
        prompt = 0 if sample else reply.prompt_tokens
        cost = models.cost_of(self.facts, prompt, reply.completion_tokens, reply.cached_tokens)
        return ReplyOrigin(
            key=f"{kind}:{self.endpoint.identity}/{self.model}",
            kind=kind,
            endpoint=self.name,
            model=self.model,
            cost_usd=cost.usd,
            sample=sample,
            batch=together,
        )
