"""Computes the cost of a call, and reads the prices of genai-prices."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from promptgrid.budget import Cost
from promptgrid.models.known import LongPrice, ModelFacts

MILLION = 1_000_000
# Other dates in the comments are those of launches, retirements and announced changes
_CHECKED = re.compile(r"\b(?:verified|checked)\b[^.;]{0,40}?(20\d\d-\d\d-\d\d)", re.IGNORECASE)


def cost_of(
    facts: ModelFacts, prompt_tokens: int | None, completion_tokens: int | None = 0, cached_tokens: int | None = 0
) -> Cost:
    """Returns the cost of one call with these numbers of tokens (None: unknown). The `cached_tokens` are a part of the
    `prompt_tokens`, at a lower price."""
    if prompt_tokens is None or completion_tokens is None:
        return Cost(0.0 if facts.free else None, None)
    usd = _usd(facts, prompt_tokens, completion_tokens, cached_tokens or 0)
    return Cost(usd, prompt_tokens + completion_tokens)


def cost_shares(
    facts: ModelFacts, prompt_tokens: int | None, completions: Sequence[int | None], cached_tokens: int | None
) -> list[Cost]:
    """Splits the cost of a call that brought several replies into a Cost per reply; `completions` has the tokens of
    each. The shares add up to the cost of the call.

    Each share has the price of its own completion and an equal part of the prompt's price. The prompt's tokens are
    counted in the first share only.
    """
    known = [tokens for tokens in completions if tokens is not None]
    if prompt_tokens is None or len(known) < len(completions):
        return [Cost(0.0 if facts.free else None, None)] * len(completions)
    prompt = _usd(facts, prompt_tokens, 0, cached_tokens or 0)
    whole = _usd(facts, prompt_tokens, sum(known), cached_tokens or 0)
    if prompt is None or whole is None:
        usd: list[float | None] = [None] * len(known)
    else:
        one = (whole - prompt) / (sum(known) or 1)
        usd = [prompt / len(known) + one * tokens for tokens in known]
    prompts = [prompt_tokens] + [0] * (len(known) - 1)
    return [Cost(share, before + tokens) for share, before, tokens in zip(usd, prompts, known, strict=True)]


def _usd(facts: ModelFacts, prompt_tokens: int, completion_tokens: int, cached_tokens: int) -> float | None:
    if facts.free:
        return 0.0
    # A call without completion tokens, such as one for embeddings, needs no output price.
    if facts.input_price is None or (facts.output_price is None and completion_tokens):
        return None
    price = LongPrice(0, facts.input_price, facts.output_price or Decimal(), facts.cached_price)
    for longer in facts.long_prices:
        price = longer if prompt_tokens > longer.above else price
    cached = min(max(cached_tokens, 0), prompt_tokens)
    cached_price = price.input if price.cached is None else price.cached
    total = (prompt_tokens - cached) * price.input + cached * cached_price + completion_tokens * price.output
    return float(total / MILLION)


@lru_cache(maxsize=512)
def priced(model: str, base_url: str) -> Mapping[str, Any]:
    """Context limit and prices from genai-prices, by the field names of ModelFacts; empty if it does not list the model
    at this address.

    The provider is found by `base_url`: given only a model's name, genai-prices returns OpenAI's price.
    """
    import genai_prices
    from genai_prices.data_snapshot import get_snapshot

    for name in (model, model.rsplit("/", 1)[-1]):  # no other spelling: a fine-tuned model costs more than its base
        try:
            _, info = get_snapshot().find_provider_model(name, None, None, base_url)
        except LookupError:
            continue
        prices = _prices(info.get_prices(datetime.now(UTC)))
        fields = {**prices, "price_date": checked_on(info.price_comments or ""), "context": info.context_window}
        return {**fields, "source": f"genai-prices {genai_prices.__version__}"}
    return {}


def checked_on(comments: str) -> str:
    """Returns the latest day on which the comments in genai-prices say that the prices were checked; "" if they name
    none."""
    return max(_CHECKED.findall(comments), default="")


def _prices(price: Any) -> dict[str, Any]:
    """Converts a price of genai-prices to fields of ModelFacts: the base prices, and `long_prices` if the price depends
    on the prompt's length."""
    input_price, output_price, cached = price.input_mtok, price.output_mtok, price.cache_read_mtok
    parts = (input_price, output_price, cached)
    base = dict(zip(("input_price", "output_price", "cached_price"), (_at(part, 0) for part in parts), strict=True))
    if input_price is None or output_price is None:
        return base
    starts = sorted({tier.start for part in parts for tier in getattr(part, "tiers", ())})
    return {**base, "long_prices": tuple(LongPrice(start, *(_at(part, start) for part in parts)) for start in starts)}


def _at(price: Any, start: int) -> Any:
    """Returns the `price` of genai-prices, in USD per million tokens, for prompts longer than `start` tokens. A price
    that is a plain number holds for all lengths; else it has a base and tiers."""
    amount = getattr(price, "base", price)
    for tier in getattr(price, "tiers", ()):
        amount = tier.price if tier.start <= start else amount
    return amount
