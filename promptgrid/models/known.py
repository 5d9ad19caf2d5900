"""What is known about a model, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Literal, get_args

from promptgrid.models.learned import ParameterValue, Refusal

ParameterPolicy = Literal["any", "only_default", "only_without_reasoning", "not_with_temperature", "unknown"]
POLICIES: tuple[ParameterPolicy, ...] = get_args(ParameterPolicy)
TOKEN_PARAMETERS = ("max_tokens", "max_completion_tokens")
DEFAULT = 1.0
"""The default of temperature and of top_p, with every server that takes no other."""


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
    that the model takes when none is sent. `logprobs`, `seed` and `n` say whether the model takes that parameter.
    `price_date` says when the price was last checked; `source` is all sources of the tables, which are hearsay;
    `learned` is what the endpoint itself refused, and is in the other fields already.
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
        """The latest refusal of this parameter, whatever its value, or of just this value."""
        about = [r for r in self.learned if r.parameter == parameter and not r.together]
        return next((r for r in reversed(about) if r.whole or r.value == value), None)

    @property
    def refused(self) -> Mapping[str, str]:
        """Parameters that the model refused and that no other field speaks of, each with the sentence that says so."""
        fields = ("temperature", "top_p", "logprobs", "seed", "n")
        found = [r for r in self.learned if r.whole and r.parameter not in fields and not other_token_parameter(r)]
        return MappingProxyType({r.parameter: r.sentence for r in found})

    @property
    def notes(self) -> tuple[str, ...]:
        """A sentence for each thing that was learned from the endpoint, with its date and the server's words."""
        return tuple(refusal.sentence for refusal in self.learned)


def other_token_parameter(refusal: Refusal) -> str:
    """The name that the server wants instead of the one it refused; "" where it does not say so."""
    if refusal.parameter not in TOKEN_PARAMETERS:
        return ""
    (other,) = (name for name in TOKEN_PARAMETERS if name != refusal.parameter)
    return other if other in refusal.said else ""
