"""The facts about a model, merged from four sources.

Each source overrides the previous ones: genai-prices (prices, context limits); promptgrid's models.toml; the endpoint's
refusals (`promptgrid.models.learned`); models.toml in the user's config folder. For a model that no source knows,
`known` is False; no error is raised.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from promptgrid.models import learned, prices, tables
from promptgrid.models.addresses import is_loopback
from promptgrid.models.known import TOKEN_PARAMETERS, ModelFacts, ParameterPolicy, other_token_parameter
from promptgrid.models.learned import Refusal


def facts(model: str, base_url: str = "", *, free: bool | None = None) -> ModelFacts:
    """The facts about `model` at the endpoint `base_url`; with "" there are no prices and no refusals.

    `free` is the endpoint's own setting (None: free on loopback). Raises PromptgridError for a broken models.toml.
    """
    free = is_loopback(base_url) if free is None else free
    priced = {} if free or not base_url else prices.priced(model, base_url)
    own, users = tables.shipped(model), tables.users(model)
    fields: dict[str, Any] = {**priced, **own, **users}
    known = bool(fields)
    if known:
        fields["source"] = "; ".join(dict.fromkeys(row["source"] for row in (priced, own, users) if row))
    if "input_price" in users or "output_price" in users:
        free, fields["long_prices"] = False, ()
    refusals = tuple(r for r in learned.refusals(base_url, model) if not _overruled(r, users)) if base_url else ()
    return ModelFacts(model, **_after_refusals(fields, refusals), free=free, known=known, learned=refusals)


def token_parameter(model: str, base_url: str = "") -> str:
    """The model's name for max_tokens, from the tables and, if `base_url` is given, from the endpoint's refusals."""
    users = tables.users(model)
    fields = {**tables.shipped(model), **users}
    if base_url and "token_parameter" not in users:
        fields = _after_refusals(fields, learned.refusals(base_url, model))
    return str(fields.get("token_parameter") or TOKEN_PARAMETERS[0])


def _overruled(refusal: Refusal, users: tables.FactsTable) -> bool:
    """Whether the user's models.toml overrides the refusal, because it states the policy of that parameter."""
    name = "top_p" if refusal.together else refusal.parameter
    return ("token_parameter" if name in TOKEN_PARAMETERS else name) in users


def _after_refusals(fields: dict[str, Any], refusals: Iterable[Refusal]) -> dict[str, Any]:
    """Applies the refusals, which are in order of time, to the facts."""
    fields = dict(fields)
    for refusal in refusals:
        name = refusal.parameter
        if refusal.together:
            if fields.get("top_p", "unknown") in ("any", "unknown"):
                fields["top_p"] = "not_with_temperature"
        elif name in ("temperature", "top_p") and refusal.whole:
            fields[name] = _policy(fields.get(name, "unknown"), refusal.effort)
        elif name == "n" or (name in ("seed", "logprobs") and refusal.whole):
            fields[name] = False  # n=8 may be refused but not n=4; without n each sample is a call
        elif other := other_token_parameter(refusal):
            fields["token_parameter"] = other
    return fields


def _policy(before: ParameterPolicy, effort: str) -> ParameterPolicy:
    """The new policy of temperature or top_p after a request with that reasoning effort was refused."""
    if before == "only_default" or effort == "none":
        return "only_default"
    return "only_without_reasoning" if effort or before == "only_without_reasoning" else "only_default"
