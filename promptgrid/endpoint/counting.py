"""Prompt tokens by the server's own tokenizer and chat template, where it is llama.cpp or vLLM.

Both listen at the server's root, beside /v1, and are told apart by asking: only llama.cpp has /apply-template.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from promptgrid.endpoint.settings import EndpointSettings
from promptgrid.errors import EndpointError
from promptgrid.prompt import Api, Message

if TYPE_CHECKING:
    import openai

    Way = Callable[[openai.AsyncOpenAI, str, Sequence[Message], Api], Awaitable[int | None]]


class TokenCounter:
    """Finds out once which way an endpoint counts, and remembers it."""

    def __init__(self, settings: EndpointSettings) -> None:
        self.root = settings.base_url.removesuffix("/v1")
        self._ways: list[Way] = [] if settings.is_openai else [self._llama_cpp, self._vllm]

    @property
    def may_know(self) -> bool:
        """False once the endpoint is known to have no tokenizer to ask."""
        return bool(self._ways)

    async def count(self, client: openai.AsyncOpenAI, model: str, messages: Sequence[Message], api: Api) -> int | None:
        """Tokens, or None. Raises the SDK's errors for a server that is down, busy or slow: that says nothing of it."""
        for way in tuple(self._ways):
            try:
                tokens = await way(client, model, messages, api)
            except _Unsupported:
                self._ways = [other for other in self._ways if other != way]
                continue
            if tokens is not None:
                self._ways = [way]
                return tokens
        return None

    async def _llama_cpp(
        self, client: openai.AsyncOpenAI, model: str, messages: Sequence[Message], api: Api
    ) -> int | None:
        if api == "chat":
            prompt = (await self._ask(client, "/apply-template", {"model": model, "messages": _turns(messages)})).get(
                "prompt"
            )
        else:
            prompt = _text(messages)
        if not isinstance(prompt, str):
            return None
        question = {"model": model, "content": prompt, "add_special": True, "parse_special": True}
        tokens = (await self._ask(client, "/tokenize", question)).get("tokens")
        return len(tokens) if isinstance(tokens, list) else None

    async def _vllm(self, client: openai.AsyncOpenAI, model: str, messages: Sequence[Message], api: Api) -> int | None:
        prompt = {"messages": _turns(messages)} if api == "chat" else {"prompt": _text(messages)}
        count = (await self._ask(client, "/tokenize", {"model": model, **prompt})).get("count")
        return count if isinstance(count, int) and not isinstance(count, bool) else None

    async def _ask(self, client: openai.AsyncOpenAI, path: str, question: dict[str, Any]) -> dict[str, Any]:
        """The answer's object; empty where this one question was refused. Raises _Unsupported for an unknown path."""
        import openai

        try:
            answer = await client.post(self.root + path, body=question, cast_to=object)
        except openai.APIStatusError as error:
            if error.status_code in (401, 403, 404, 405, 501):
                raise _Unsupported from None
            if error.status_code == 429 or error.status_code >= 500:
                raise
            return {}
        if not isinstance(answer, dict):
            raise _Unsupported
        return answer


class _Unsupported(Exception):
    """The endpoint has no such path; some answer 401, 403 or a web page in place of 404."""


def _turns(messages: Sequence[Message]) -> list[dict[str, str]]:
    return [{"role": message.role, "content": message.text} for message in messages]


def _text(messages: Sequence[Message]) -> str:
    """A plain continuation's prompt. Raises EndpointError(bad_request) as `wire` does."""
    if len(messages) != 1:
        raise EndpointError("bad_request", f"A plain continuation takes one text, not {len(messages)} messages.")
    return messages[0].text
