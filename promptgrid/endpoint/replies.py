"""JSON of the OpenAI protocol -> Reply. Whatever a server sends becomes a Reply or an EndpointError."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from promptgrid.endpoint.base import Reply
from promptgrid.endpoint.logprobs import read_steps
from promptgrid.errors import EndpointError
from promptgrid.text import one_line

QUOTE_LIMIT = 300  # characters of foreign text in a sentence
RAW_LIMIT = 2_000  # characters of foreign text that an error keeps

COUNT_LIMIT = 2**53  # beyond it no count is meant, and no database column takes it

WHY_EMPTY = {
    "content_filter": "The endpoint's content filter withheld the reply.",
    "length": "The model spent all its tokens before the first word of an answer.",
    "tool_calls": "The model called a tool in place of an answer.",
}


@dataclass(frozen=True, slots=True)
class Usage:
    """The reported token counts; None if missing or invalid."""

    prompt: int | None = None
    completion: int | None = None
    reasoning: int | None = None
    cached: int | None = None


def bad_reply(message: str, raw: str, *, hint: str = "") -> EndpointError:
    """An answer that is not what the protocol promises, with the start of what came."""
    return EndpointError("bad_reply", message, hint=hint, raw=raw[:RAW_LIMIT])


def parsed(text: str) -> dict[str, Any]:
    """The JSON object in a response's body. Raises EndpointError(bad_reply)."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        if text.lstrip()[:1] == "<":
            raise bad_reply(
                "The endpoint answered with a web page instead of JSON.",
                text,
                hint="Check the base URL: it usually ends in /v1. A proxy's sign-in page looks like this too.",
            ) from error
        raise bad_reply("The endpoint's answer is not valid JSON.", text) from error
    if not isinstance(data, dict):
        raise bad_reply("The endpoint's answer is not a JSON object.", text)
    return data


def replies(text: str, n: int, **common: Any) -> list[Reply]:
    """One Reply a choice, at most `n`; `common` are the fields that all of them share (latency_ms, sent).

    Choices without an answer are left out. Raises EndpointError(bad_reply) when none is left.
    """
    data = parsed(text)
    choices = data.get("choices")
    if not isinstance(choices, list) or not choices:
        raise bad_reply("The endpoint's answer holds no choices.", text, hint=_error_inside(data))
    usage = read_usage(data)
    alone = n == 1 and len(choices) == 1
    found: list[Reply] = []
    failure: EndpointError | None = None
    for choice in choices[:n]:
        try:
            answer, reasoning, finish = read_choice(choice, text)
        except EndpointError as error:
            failure = failure or error
            continue
        steps = read_steps(choice.get("logprobs"))
        found.append(reply(answer, reasoning, finish, data, usage, alone=alone, steps=steps, **common))
    if not found and failure:
        raise failure
    return found


def reply(
    answer: str, reasoning: str, finish: str, data: Mapping[str, Any], usage: Usage, *, alone: bool, **common: Any
) -> Reply:
    """A Reply. With several choices (not `alone`) the completion's counts stay None: servers report one or the sum."""
    return Reply(
        text=answer,
        finish_reason=finish,
        model_returned=_text(data.get("model")),
        reasoning=reasoning,
        prompt_tokens=usage.prompt,
        completion_tokens=usage.completion if alone else None,
        reasoning_tokens=usage.reasoning if alone else None,
        cached_tokens=usage.cached,
        **common,
    )


def read_choice(choice: Any, raw: str) -> tuple[str, str, str]:
    """(answer, reasoning, finish reason) of a chat or a legacy choice. Raises EndpointError(bad_reply)."""
    if not isinstance(choice, dict):
        raise bad_reply("A choice in the endpoint's answer is not an object.", raw)
    finish = _text(choice.get("finish_reason"))
    message = choice.get("message")
    if not isinstance(message, dict):
        message = {"content": choice.get("text")}
    answer, reasoning = content_text(message.get("content")), reasoning_text(message)
    if answer is None and isinstance(message.get("refusal"), str):
        return message["refusal"], reasoning, "refusal"
    if answer is None and not reasoning:
        raise bad_reply(WHY_EMPTY.get(finish, "The endpoint's answer holds no text (null content)."), raw)
    return answer or "", reasoning, finish


def content_text(content: Any) -> str | None:
    """A message's text; some servers send it as a list of parts."""
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        return "".join(part for part in parts if isinstance(part, str)) if parts else None
    return content if isinstance(content, str) else None


def reasoning_text(message: Mapping[str, Any]) -> str:
    """The reasoning that DeepSeek, vLLM and llama.cpp send as reasoning_content, and others as reasoning."""
    return _text(message.get("reasoning_content")) or _text(message.get("reasoning"))


def read_usage(data: Mapping[str, Any]) -> Usage:
    """The usage of a response or of a stream's chunk."""
    usage = _object(data.get("usage"))
    prompt_details = _object(usage.get("prompt_tokens_details"))
    cached = _count(prompt_details.get("cached_tokens"))
    return Usage(
        prompt=_count(usage.get("prompt_tokens")),
        completion=_count(usage.get("completion_tokens")),
        reasoning=_count(_object(usage.get("completion_tokens_details")).get("reasoning_tokens")),
        cached=cached if cached is not None else _count(usage.get("prompt_cache_hit_tokens")),  # DeepSeek's name
    )


def _error_inside(data: Mapping[str, Any]) -> str:
    """Some gateways send their errors with status 200."""
    error = data.get("error")
    message = error.get("message") if isinstance(error, dict) else error
    return f"It says: {one_line(_text(message), QUOTE_LIMIT)}" if message else ""


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < COUNT_LIMIT else None
