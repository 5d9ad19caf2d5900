"""The facts about a model, put together from all that is known.

Sources, the later over the earlier: the prices and context windows of genai-prices; our models.toml for what it lacks;
what the endpoint itself refused (`promptgrid.models.learned`); a models.toml of the same form in the user's config
folder.
A model that no source knows is no error: `known` is False.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from promptgrid.models import learned, prices, tables
from promptgrid.models.addresses import is_loopback
from promptgrid.models.known import TOKEN_PARAMETERS, ModelFacts, ParameterPolicy, other_token_parameter
from promptgrid.models.learned import Refusal


def facts(model: str, base_url: str = "", *, free: bool | None = None) -> ModelFacts:
    """The facts about `model` at the endpoint `base_url`; without one nothing is said about prices or learned.

    `free` is the endpoint's own setting (None: free on loopback). Raises PromptgridError for a broken models.toml.
    """
    free = is_loopback(base_url) if free is None else free
    priced = {} if free or not base_url else prices.priced(model, base_url)
    own, users = tables.shipped(model), tables.users(model)
    found: dict[str, Any] = {**priced, **own, **users}
    known = bool(found)
    if known:
        found["source"] = "; ".join(dict.fromkeys(row["source"] for row in (priced, own, users) if row))
    if "input_price" in users or "output_price" in users:
        free, found["long_prices"] = False, ()
    refusals = tuple(r for r in learned.refusals(base_url, model) if not _overruled(r, users)) if base_url else ()
    return ModelFacts(model, **_taught(found, refusals), free=free, known=known, learned=refusals)


def token_parameter(model: str, base_url: str = "") -> str:
    """The name that the model wants for max_tokens, whoever serves it; with `base_url`, what that endpoint taught."""
    users = tables.users(model)
    found = {**tables.shipped(model), **users}
    if base_url and "token_parameter" not in users:
        found = _taught(found, learned.refusals(base_url, model))
    return str(found.get("token_parameter") or TOKEN_PARAMETERS[0])


def _overruled(refusal: Refusal, users: tables.FactsTable) -> bool:
    """The user states something else about that parameter."""
    name = "top_p" if refusal.together else refusal.parameter
    return ("token_parameter" if name in TOKEN_PARAMETERS else name) in users


def _taught(found: dict[str, Any], refusals: Iterable[Refusal]) -> dict[str, Any]:
    """What the refusals, the oldest first, make of what was found before."""
    found = dict(found)
    for refusal in refusals:
        name = refusal.parameter
        if refusal.together:
            if found.get("top_p", "unknown") in ("any", "unknown"):
                found["top_p"] = "not_with_temperature"
        elif name in ("temperature", "top_p") and refusal.whole:
            found[name] = _policy(found.get(name, "unknown"), refusal.effort)
        elif name == "n" or (name in ("seed", "logprobs") and refusal.whole):
            found[name] = False  # n=8 may be too many where n=4 is not: without n each sample is sent, and none is lost
        elif other := other_token_parameter(refusal):
            found["token_parameter"] = other
    return found


def _policy(before: ParameterPolicy, effort: str) -> ParameterPolicy:
    """The policy of temperature or top_p after a refusal of a request with that reasoning effort."""
    if before == "only_default" or effort == "none":
        return "only_default"
    return "only_without_reasoning" if effort or before == "only_without_reasoning" else "only_default"
