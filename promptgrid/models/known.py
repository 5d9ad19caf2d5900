"""The facts about a model as data classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Literal, get_args

from promptgrid.models.learned import ParameterValue, Refusal

ParameterPolicy = Literal["any", "only_default", "only_without_reasoning", "not_with_temperature", "unknown"]
POLICIES: tuple[ParameterPolicy, ...] = get_args(ParameterPolicy)
TOKEN_PARAMETERS = ("max_tokens", "max_completion_tokens")
OLD_PRICE = timedelta(days=365)
DEFAULT = 1.0
"""The default of temperature and top_p at every server that accepts no other value."""


@dataclass(frozen=True, slots=True)
class LongPrice:
    """Prices in USD per million tokens for a call whose prompt is longer than `above` tokens. They apply to all tokens
    of the call. `cached` None: cached tokens cost as much as input."""

    above: int
    input: Decimal
    output: Decimal
    cached: Decimal | None = None


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """The facts about a model. None, "" and "unknown" mean unknown; an unknown price is not 0.

    `context` and `max_output` are in tokens, prices in USD per million tokens. `encoding` is the OpenAI encoding of its
    tokens. `temperature` and `top_p` say when the model takes the parameter: `any` (with any value), `only_default`
    (only with its default value), `only_without_reasoning`, or for top_p `not_with_temperature`. `default_effort` is
    the reasoning effort that applies if none is sent. `logprobs`, `seed` and `n` say whether the model accepts the
    parameter. `token_parameter` is the parameter by which the model takes the limit on tokens. `price_date` is the day
    on which the price was last checked. `free` is True if calls cost nothing, `known` if a source lists the model.
    `source` names the tables used, which may be wrong. `learned` has the endpoint's own refusals; the other fields
    already reflect them.
    """

    model: str
    context: int | None = None
    max_output: int | None = None
    encoding: str = ""
    temperature: ParameterPolicy = "unknown"
    top_p: ParameterPolicy = "unknown"
    logprobs: bool | None = None
    seed: bool | None = None
    n: bool | None = None
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
    learned: tuple[Refusal, ...] = ()

    def refusal(self, parameter: str, value: ParameterValue = None) -> Refusal | None:
        """The endpoint's latest refusal of this parameter with this value: a refusal of all its values, or of exactly
        this one. Without a `value`, only a refusal of all values counts. None if there is none."""
        matches = [r for r in self.learned if r.parameter == parameter and not r.together]
        return next((r for r in reversed(matches) if r.whole or r.value == value), None)

    @property
    def has_price(self) -> bool:
        """Whether calls have a price that is known and not 0."""
        return self.input_price is not None and not self.free

    @property
    def price_is_old(self) -> bool:
        """Whether the price was last checked more than a year ago, so that it cannot pass as exact."""
        return bool(self.price_date) and date.fromisoformat(self.price_date) < date.today() - OLD_PRICE

    @property
    def refused(self) -> Mapping[str, str]:
        """The parameters that the endpoint refuses with every value and that no field of ModelFacts describes, by name,
        each with a sentence on its refusal."""
        fields = ("temperature", "top_p", "logprobs", "seed", "n")
        others = [r for r in self.learned if r.whole and r.parameter not in fields and not other_token_parameter(r)]
        return MappingProxyType({r.parameter: r.sentence for r in others})

    @property
    def notes(self) -> tuple[str, ...]:
        """A sentence for each parameter that the endpoint has refused, with the date and the server's words."""
        return tuple(refusal.sentence for refusal in self.learned)


def other_token_parameter(refusal: Refusal) -> str:
    """The other of `max_completion_tokens` and `max_tokens`, if the server refused one of them and its sentence names
    the other; else ""."""
    if refusal.parameter not in TOKEN_PARAMETERS:
        return ""
    (other,) = (name for name in TOKEN_PARAMETERS if name != refusal.parameter)
    return other if other in refusal.reason else ""
