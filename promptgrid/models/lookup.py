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
    """The facts about `model` at the endpoint `base_url`. With "" for `base_url`, they do not include the prices from
    genai-prices, nor refusals.

    `free` says whether calls cost nothing (None: yes if the endpoint is on this machine); a price in the user's
    models.toml overrides it. Raises PromptgridError for a broken models.toml.
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
    """The name under which the model takes the limit on tokens, `max_tokens` or `max_completion_tokens`: from the
    tables and, with a `base_url`, from that endpoint's refusals."""
    users = tables.users(model)
    fields = {**tables.shipped(model), **users}
    if base_url and "token_parameter" not in users:
        fields = _after_refusals(fields, learned.refusals(base_url, model))
    return str(fields.get("token_parameter") or TOKEN_PARAMETERS[0])


def _overruled(refusal: Refusal, users: tables.FactsTable) -> bool:
    """Whether the refusal does not count, because the user's models.toml has a fact about the refused parameter.
    `users` are the facts about the model in that file."""
    name = "top_p" if refusal.together else refusal.parameter
    return ("token_parameter" if name in TOKEN_PARAMETERS else name) in users


def _after_refusals(fields: dict[str, Any], refusals: Iterable[Refusal]) -> dict[str, Any]:
    """Returns the facts (`fields`: values by field name of ModelFacts) as changed by the refusals, which must be in
    order of time, oldest first."""
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
    """Returns when the model takes temperature or top_p, after it has refused every value at the reasoning effort
    `effort` ("": none was sent). `before` is what was known until then."""
    if before == "only_default" or effort == "none":
        return "only_default"
    return "only_without_reasoning" if effort or before == "only_without_reasoning" else "only_default"
