"""Facts about models: context, longest reply, encoding, price, and what becomes of a temperature.

Sources, the later over the earlier: the prices and context windows of genai-prices; our models.toml for what it lacks;
a models.toml of the same form in the user's config folder. A model that nobody knows is no error: `known` is False.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache, lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from promptgrid.errors import PromptgridError
from promptgrid.paths import config_folder

TemperaturePolicy = Literal["any", "only_default", "only_without_reasoning", "unknown"]
POLICIES = ("any", "only_default", "only_without_reasoning", "unknown")
MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class LongPrice:
    """Prices in USD per million tokens for calls whose prompt is longer than `above` tokens: all their tokens."""

    above: int
    input: Decimal
    output: Decimal
    cached: Decimal | None = None


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What is known about a model. None, "" and "unknown" mean exactly that; an unknown price is not 0.

    `context` and `max_output` are tokens, prices are USD per million tokens. `default_effort` is the reasoning effort
    that the model takes when none is sent. `price_date` says when the price was last checked; `source` is all sources.
    """

    model: str
    context: int | None = None
    max_output: int | None = None
    encoding: str = ""
    temperature: TemperaturePolicy = "unknown"
    default_effort: str = ""
    token_parameter: str = ""
    input_price: Decimal | None = None
    output_price: Decimal | None = None
    cached_price: Decimal | None = None
    long_prices: tuple[LongPrice, ...] = ()
    price_date: str = ""
    source: str = ""
    free: bool = False
    known: bool = False


def facts(model: str, base_url: str = "", *, free: bool | None = None) -> ModelFacts:
    """The facts about `model` at the endpoint `base_url`; without one nothing is said about prices.

    `free` is the endpoint's own setting (None: free on loopback). Raises PromptgridError for a broken models.toml.
    """
    free = is_loopback(base_url) if free is None else free
    priced = {} if free or not base_url else _priced(model, base_url)
    own, users = _row(_shipped(), model), _row(_users(), model)
    found: dict[str, Any] = {**priced, **own, **users}
    if found:
        found["source"] = "; ".join(dict.fromkeys(row["source"] for row in (priced, own, users) if row))
    if "input_price" in users or "output_price" in users:
        free, found["long_prices"] = False, ()
    return ModelFacts(model, **found, free=free, known=bool(found))


def cost_usd(facts: ModelFacts, prompt_tokens: int, completion_tokens: int, cached_tokens: int = 0) -> float | None:
    """The price of one call; None where it is not known. Cached tokens are part of the prompt's."""
    if facts.free:
        return 0.0
    if facts.input_price is None or facts.output_price is None:
        return None
    price = LongPrice(0, facts.input_price, facts.output_price, facts.cached_price)
    for longer in facts.long_prices:
        price = longer if prompt_tokens > longer.above else price
    cached = min(max(cached_tokens, 0), prompt_tokens)
    cached_price = price.input if price.cached is None else price.cached
    total = (prompt_tokens - cached) * price.input + cached * cached_price + completion_tokens * price.output
    return float(total / MILLION)


def temperature_sent(
    facts: ModelFacts, temperature: float | None, reasoning_effort: str | None, *, parameter: str = "temperature"
) -> tuple[float | None, str]:
    """(what goes on the wire, a note where that differs from what was asked for).

    The table behind it is a hint: a model that it does not list gets what was asked for. `parameter` may be "top_p",
    which the same models refuse.
    """
    if temperature is None or facts.temperature in ("any", "unknown"):
        return temperature, ""
    if facts.temperature == "only_default":
        return None, f"{parameter} {temperature:g} not sent: {facts.model} takes only its default, 1"
    effort = reasoning_effort or facts.default_effort
    if effort == "none":
        return temperature, ""
    why = f"with reasoning effort {effort}" if effort else "unless reasoning_effort is none"
    return None, f"{parameter} {temperature:g} not sent: {facts.model} does not take it {why}"


def token_parameter(model: str) -> str:
    """The name that the model itself wants for max_tokens, whoever serves it."""
    return str({**_row(_shipped(), model), **_row(_users(), model)}.get("token_parameter") or "max_tokens")


def is_loopback(base_url: str) -> bool:
    """The address is this machine's own."""
    host = (urlsplit(base_url).hostname or "").rstrip(".")
    try:
        address = ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    return address.is_loopback or address.is_unspecified  # 0.0.0.0 reaches this machine too


def is_openai(base_url: str) -> bool:
    """OpenAI's own API, or Azure's copy of it."""
    host = urlsplit(base_url).hostname or ""
    return host == "api.openai.com" or host.endswith((".api.openai.com", ".openai.azure.com"))


def spellings(model: str) -> list[str]:
    """The names to look a model up by, the most exact first.

    >>> spellings("openai/gpt-4o-2024-08-06")
    ['openai/gpt-4o-2024-08-06', 'gpt-4o-2024-08-06', 'gpt-4o']
    """
    name = model.strip().lower()
    names = [name, name.rsplit("/", 1)[-1]]
    if names[-1].startswith("ft:"):
        names.append(names[-1].split(":")[1])
    names.append(re.sub(r"-(\d{4}-\d{2}-\d{2}|\d{8}|\d{4}(-preview)?)$", "", names[-1]))
    names.append(names[-1].removesuffix("-latest"))
    return list(dict.fromkeys(names))


def _row(table: Mapping[str, Mapping[str, Any]], model: str) -> Mapping[str, Any]:
    """The model's row: by the most exact name, else by the longest `prefix*`."""
    names = spellings(model)
    for name in names:
        if name in table:
            return table[name]
    prefixes = [key for key in table if key.endswith("*") and any(name.startswith(key[:-1]) for name in names)]
    return table[max(prefixes, key=len)] if prefixes else {}


@lru_cache(maxsize=512)
def _priced(model: str, base_url: str) -> Mapping[str, Any]:
    """Context and prices by genai-prices; empty where it does not know provider or model.

    Always asked with the provider's address: by the name alone it would answer with OpenAI's price.
    """
    import genai_prices
    from genai_prices.data_snapshot import get_snapshot

    for name in (model, model.rsplit("/", 1)[-1]):  # and no other spelling: a fine-tuned model costs more than its base
        try:
            _, info = get_snapshot().find_provider_model(name, None, None, base_url)
        except LookupError:
            continue
        checked = re.findall(r"20\d\d-\d\d-\d\d", info.price_comments or "")
        prices = _prices(info.get_prices(datetime.now(UTC)))
        found = {**prices, "price_date": max(checked, default=""), "context": info.context_window}
        return {**found, "source": f"genai-prices {genai_prices.__version__}"}
    return {}


def _prices(price: Any) -> dict[str, Any]:
    """The base prices, and `long_prices` where they rise with the prompt's length."""
    input_price, output_price, cached = price.input_mtok, price.output_mtok, price.cache_read_mtok
    parts = (input_price, output_price, cached)
    found = dict(zip(("input_price", "output_price", "cached_price"), (_at(part, 0) for part in parts), strict=True))
    if input_price is None or output_price is None:
        return found
    starts = sorted({tier.start for part in parts for tier in getattr(part, "tiers", ())})
    return {**found, "long_prices": tuple(LongPrice(start, *(_at(part, start) for part in parts)) for start in starts)}


def _at(price: Any, start: int) -> Any:
    """A price for prompts longer than `start`: a Decimal or None stands for all lengths."""
    found = getattr(price, "base", price)
    for tier in getattr(price, "tiers", ()):
        found = tier.price if tier.start <= start else found
    return found


@cache
def _shipped() -> Mapping[str, Mapping[str, Any]]:
    return _table(Path(__file__).with_name("models.toml"))


def _users() -> Mapping[str, Mapping[str, Any]]:
    path = config_folder() / "models.toml"
    try:
        changed = path.stat().st_mtime_ns
    except OSError:
        return {}
    return _table_of(path, changed)


@lru_cache(maxsize=4)
def _table_of(path: Path, changed: int) -> Mapping[str, Mapping[str, Any]]:
    """Read again only when the file has changed."""
    return _table(path)


def _table(path: Path) -> Mapping[str, Mapping[str, Any]]:
    """Rows by lower-case name, each with only the fields it states. Raises PromptgridError naming file and model."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise PromptgridError(f"{path} is not valid TOML: {error}.", hint="Mend that line.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise PromptgridError(f"{path} cannot be read: {error}.", hint="Mend or remove the file.") from error
    rows = data.get("models", {})
    if not isinstance(rows, dict):
        raise PromptgridError(f"{path}: models is no table.", hint='Write a line [models."NAME"] above the facts.')
    source = f"{data.get('source', path)}, as of {data['as_of']}" if "as_of" in data else str(path)
    return {name.lower(): {"source": source, **_checked(path, name, row)} for name, row in rows.items()}


def _checked(path: Path, name: str, row: Any) -> dict[str, Any]:
    """A row's values in the types of ModelFacts."""
    if not isinstance(row, dict):
        raise PromptgridError(f"{path}: {name} is no table.", hint=f'Write a line [models."{name}"] above its facts.')
    known = {field.name for field in fields(ModelFacts)} - {"model", "long_prices", "free", "known"}
    found = {}
    for key, value in row.items():
        if key not in known or not _fits(key, value):
            raise PromptgridError(
                f"{path}: {key} = {value!s} cannot stand under {name}.",
                hint=f"Known are {', '.join(sorted(known))}; temperature is one of {', '.join(POLICIES)}.",
            )
        found[key] = Decimal(value) if key.endswith("_price") else value
    return found


def _fits(key: str, value: Any) -> bool:
    if key.endswith("_price"):
        return isinstance(value, (int, Decimal)) and not isinstance(value, bool) and value >= 0
    if key in ("context", "max_output"):
        return isinstance(value, int) and not isinstance(value, bool) and value > 0
    return isinstance(value, str) and (key != "temperature" or value in POLICIES)
