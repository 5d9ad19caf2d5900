"""Reads the JSON of the OpenAI protocol: every answer of a server becomes Replies or an EndpointError."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from promptgrid.endpoint.base import Reply, TokenStep
from promptgrid.endpoint.events import content_text
from promptgrid.endpoint.logprobs import read_steps
from promptgrid.endpoint.usage import Usage, read_usage, shares, without_nothing
from promptgrid.errors import EndpointError
from promptgrid.prompt import ToolCall
from promptgrid.prompt.tools.protocol import read_calls

QUOTE_LIMIT = 300  # characters of foreign text in a sentence
RAW_LIMIT = 2_000  # characters of foreign text that an error keeps

# The finish reasons of endpoints, in lower case, by what they mean.
WITHHELD = frozenset({"content_filter", "safety", "recitation", "prohibited_content", "blocklist", "sensitive"})
BROKEN_OFF = frozenset({"error", "abort", "aborted", "insufficient_system_resource", "network_error"})
TOOL_CALL = frozenset({"tool_calls", "function_call"})


_decoder = json.JSONDecoder(parse_constant=lambda _: None)  # made once, since that takes as long as a short answer


@dataclass(frozen=True, slots=True)
class _Choice:
    """One choice of a response, as read. `answer` is None if the endpoint sent no text; `chat` is False for a legacy
    completion. `calls` are the calls of tools."""

    answer: str | None
    reasoning: str
    finish: str
    calls: tuple[ToolCall, ...]
    chat: bool
    steps: tuple[TokenStep, ...]


def bad_reply(message: str, raw: str, *, hint: str = "") -> EndpointError:
    """Returns the error for an answer that violates the protocol, with this `message` and `hint`; the start of `raw`,
    the answer's text, is kept in it."""
    return EndpointError("bad_reply", message, hint=hint, raw=raw[:RAW_LIMIT])


def parsed_json(text: str) -> Any:
    """Parses the JSON of a response's body; NaN and Infinity become None. Raises EndpointError(bad_reply)."""
    try:
        return _decoder.decode(text)
    except (ValueError, RecursionError) as error:
        page = text.lstrip()[:1] == "<"
        what = "The endpoint answered with a web page instead of JSON." if page else ""
        raise bad_reply(what or "The endpoint's answer is not valid JSON.", text) from error


def parsed(text: str) -> dict[str, Any]:
    """Parses the JSON object of a response's body. Raises EndpointError(bad_reply) for anything else."""
    data = parsed_json(text)
    if not isinstance(data, dict):
        raise bad_reply("The endpoint's answer is not a JSON object.", text)
    return data


def replies(data: Mapping[str, Any], n: int, raw: str, *, sums: bool = True, **common: Any) -> list[Reply]:
    """Returns one Reply per choice of a parsed response, at most `n`; `raw` is its text. `common` holds the fields that
    are the same in all replies (latency_ms, sent).

    Choices without a usable answer are left out. With `sums`, the reported completion tokens are the sum over all
    choices, and are divided among the replies in proportion to their lengths. Without, they are those of one choice
    only, so that they become None if there are several choices. Raises EndpointError(bad_reply | no_answer) if no reply
    is left.
    """
    choices = data.get("choices")
    if not isinstance(choices, list) or not choices:
        raise bad_reply("The endpoint's answer holds no choices.", raw)
    offers = bool(common.get("sent", {}).get("tools"))
    usable: list[_Choice] = []
    failures: list[EndpointError] = []
    for choice in choices[:n]:
        try:
            usable.append(_usable(_read_choice(choice, raw), raw, offers))
        except EndpointError as error:
            failures.append(error)
    if not usable:
        raise failures[0]
    usage = read_usage(data)
    usage = without_nothing(usage) if any(choice.answer or choice.calls for choice in usable) else usage
    if len(choices) > 1 and not sums:
        usage = replace(usage, completion=None, reasoning=None)
    return _shared_out(usable, usage, model_returned=_text(data.get("model")), **common)


def _shared_out(choices: list[_Choice], usage: Usage, **common: Any) -> list[Reply]:
    called = [sum(len(call.arguments) for call in choice.calls) for choice in choices]
    weights = [len(one.answer or "") + len(one.reasoning) + more + 1 for one, more in zip(choices, called, strict=True)]
    each = zip(choices, shares(usage.completion, weights), shares(usage.reasoning, weights), strict=True)
    return [
        Reply(
            text=choice.answer or "",
            finish_reason=choice.finish,
            reasoning=choice.reasoning,
            prompt_tokens=usage.prompt,
            completion_tokens=completion,
            reasoning_tokens=reasoning,
            cached_tokens=usage.cached,
            usage_problem=usage.problem,
            steps=choice.steps,
            tool_calls=choice.calls,
            **common,
        )
        for choice, completion, reasoning in each
    ]


def _read_choice(choice: Any, raw: str) -> _Choice:
    if not isinstance(choice, dict):
        raise bad_reply("A choice in the endpoint's answer is not an object.", raw)
    message, finish = choice.get("message"), _text(choice.get("finish_reason"))
    chat = isinstance(message, dict)
    if not isinstance(message, dict):
        message = {"content": choice.get("text")}
    answer, refusal = content_text(message.get("content")), message.get("refusal")
    if not answer and isinstance(refusal, str) and refusal:
        answer, finish = refusal, "refusal"
    return _Choice(answer, _reasoning(message), finish, read_calls(message), chat, read_steps(choice.get("logprobs")))


def _usable(choice: _Choice, raw: str, offers: bool) -> _Choice:
    """Returns the choice if it has a usable answer, or calls tools and the request `offers` some. Otherwise raises
    EndpointError: no_answer if the model has ended without one, bad_reply if another attempt may bring one."""
    finish, blank = choice.finish.lower(), not (choice.answer or "").strip()
    if finish in BROKEN_OFF:
        raise bad_reply(f"The endpoint broke the reply off (finish reason {finish}).", raw)
    if finish in WITHHELD:
        how = "withheld the reply" if blank else "cut the reply off"
        raise _no_answer(f"The endpoint's content filter {how}.", raw)
    if choice.calls and offers:
        return choice
    if finish in TOOL_CALL or (blank and choice.calls):
        raise _no_answer("The model called a tool in place of an answer.", raw)
    if blank and choice.chat and finish == "length" and not choice.steps:
        hint = "Raise max_tokens, or lower the reasoning effort."
        raise _no_answer("The model spent all its tokens before the first word of an answer.", raw, hint)
    if blank and choice.reasoning:
        raise _no_answer("The model reasoned and gave no answer.", raw)
    if choice.answer is None:
        raise bad_reply("The endpoint's answer holds no text (null content).", raw)
    return choice


def _no_answer(message: str, raw: str, hint: str = "") -> EndpointError:
    return EndpointError("no_answer", message, hint=hint, raw=raw[:RAW_LIMIT])


def _reasoning(message: Mapping[str, Any]) -> str:
    """Returns the reasoning in a message; "" without any. DeepSeek, vLLM and llama.cpp call the field
    `reasoning_content`, other servers `reasoning`."""
    return content_text(message.get("reasoning_content")) or content_text(message.get("reasoning")) or ""


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
