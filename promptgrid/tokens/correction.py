"""Corrects inexact counts of a model's prompts by the usage that its replies have reported."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

from promptgrid.prompt import Api, Message
from promptgrid.tokens.count import Count, Counter, counter, encoding_of


@dataclass(frozen=True, slots=True)
class ReportedUsage:
    """The JSON body of a request, and the number of prompt tokens that its reply reported."""

    body: Mapping[str, Any]
    prompt_tokens: int


def corrected_counter(model_ref: str, reported: Sequence[ReportedUsage]) -> Counter:
    """Returns the function that counts tokens for this model. Where its counts are not exact, they are corrected by
    what the latest replies `reported`. Raises PlanError for an unknown endpoint."""
    correction = _Correction(counter(model_ref), reported, bool(encoding_of(model_ref)))
    return correction.counted if reported else correction.count


class _Pair(NamedTuple):
    """One earlier request of a model: its number of `messages`, and its number of prompt tokens, as `counted` without
    correction and as `reported` by the reply."""

    messages: int
    counted: int
    reported: int


@dataclass
class _Correction:
    """Corrects the counts of `count` by the usage that earlier replies `reported`.

    `own_tokenizer` says that `count` uses the model's own encoding. Then the texts are counted exactly and only the
    tokens of the chat format are not, so the mean difference is added. Otherwise the count is multiplied by the mean
    ratio.
    """

    count: Counter
    reported: Sequence[ReportedUsage]
    own_tokenizer: bool

    def counted(
        self, messages: Sequence[Message], api: Api = "chat", tools: Sequence[Any] = (), response_format: Any = None
    ) -> Count:
        """Returns the corrected count of a request; its reason says by how much it was corrected. The correction
        follows from earlier requests with the same tools and response format: from those with the same number of
        messages, or from all if there are none. An exact count is not corrected."""
        count = self.count(messages, api, tools, response_format)
        pairs = [] if count.exact else self._pairs[_attached(tools, response_format)]
        alike = [pair for pair in pairs if pair.messages == len(messages)] or pairs
        if not alike:
            return count
        difference = sum(pair.reported - pair.counted for pair in alike)
        if self.own_tokenizer:
            more = round(difference / len(alike))
            by = f"{more:+,} tokens a call"
        else:
            share = difference / sum(max(pair.counted, 1) for pair in alike)
            more, by = round(count.tokens * share), f"{share:+.0%}"
        reason = f"{count.reason} Corrected by {by}, as the latest replies report ({len(alike):,})."
        return replace(count, tokens=max(1, count.tokens + more), reason=reason)

    @cached_property
    def _pairs(self) -> Mapping[str, Sequence[_Pair]]:
        """The earlier requests with a reported usage, by the JSON text of their tools and response format."""
        pairs: dict[str, list[_Pair]] = defaultdict(list)
        for usage in self.reported:
            body = usage.body
            api: Api = "chat" if "messages" in body else "completion"
            messages = body.get("messages") or [{"role": "user", "content": body.get("prompt")}]
            if all(isinstance(message["content"], str) for message in messages):
                tools, response_format = body.get("tools") or (), body.get("response_format")
                turns = [Message(message["role"], message["content"]) for message in messages]
                counted = self.count(turns, api, tools, response_format).tokens
                pairs[_attached(tools, response_format)].append(_Pair(len(turns), counted, usage.prompt_tokens))
        return pairs


def _attached(tools: Sequence[Any], response_format: Any) -> str:
    return json.dumps([list(tools), response_format], sort_keys=True, default=dict)
