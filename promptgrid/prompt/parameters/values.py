"""The parameters of a request, a prompt or a plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from promptgrid.prompt.parameters.table import SPECS


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of a request to a model. None means not set: the model uses its own default.

    max_tokens      limit of the reply, in tokens
    seed            of the first sample; sample i is sent with seed + i
    stop            texts that end the reply
    extra_body      more fields of the JSON body, for endpoints that accept them
    tool_choice     whether the model calls a tool: auto, none, required, or the name of the tool to call
    parallel_tool_calls  whether one reply may call several tools: yes or no
    beams           width of a beam search; 1: no search
    length_penalty  exponent of a beam's length: its score is its log probability / length ** length_penalty
    early_stop      whether a beam search ends as soon as it has as many ended texts as beams

    Those of retrieval are not sent: they decide what `{{ context }}` holds.
    collection      the collection of documents that is searched; None: there is no retrieval
    chunker         how its documents are cut, such as `sentences:size=60`
    retriever       how chunks are found, such as `bm25`
    chunks          the most chunks that are found
    chunk_order     whether the best chunk comes first or last: best-first or best-last
    query           what is searched for: the question as-asked, rewritten by the model, or as several queries of it
    rerank          whether a model puts the chunks that are found in order: none or model

    Those of examples are not sent: they decide which examples a few-shot prompt shows (see the room `fewshot`).
    shots           the most examples that are shown; None: all
    selector        how they are chosen, such as `first`, `random:seed=1` or `bm25`
    shot_order      in which order they stand, such as `as-written` or `shuffled:seed=1`
    """

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    stop: tuple[str, ...] | None = None
    reasoning_effort: str | None = None
    response_format: Mapping[str, Any] | None = None
    extra_body: Mapping[str, Any] | None = None
    tool_choice: str | None = None
    parallel_tool_calls: str | None = None
    beams: int | None = None
    length_penalty: float | None = None
    early_stop: bool | None = None
    collection: str | None = None
    chunker: str | None = None
    retriever: str | None = None
    chunks: int | None = None
    chunk_order: str | None = None
    query: str | None = None
    rerank: str | None = None
    shots: int | None = None
    selector: str | None = None
    shot_order: str | None = None

    @property
    def searches(self) -> bool:
        """Whether the reply is found by a beam search."""
        return (self.beams or 1) > 1

    @property
    def written(self) -> int:
        """The number of texts of at most `max_tokens` tokens that the model writes for one reply."""
        return self.beams or 1

    @property
    def given(self) -> dict[str, Any]:
        """Returns the parameters that are set, by name."""
        return {name: value for name in NAMES if (value := getattr(self, name)) is not None}

    def as_json(self) -> dict[str, Any]:
        """Returns the parameters that are set, by name, as values that JSON can hold."""
        return {name: dict(value) if isinstance(value, Mapping) else list(value) if isinstance(value, tuple) else value
                for name, value in self.given.items()}  # fmt: skip

    def check(self) -> None:
        """Raises PlanError for a number that is outside the range of its parameter."""
        for spec in SPECS:
            spec.check(getattr(self, spec.name))

    def over(self, others: Parameters) -> Parameters:
        """Returns the parameters of both, where a value of this object takes precedence over one of `others`.

        >>> Parameters(seed=1).over(Parameters(seed=2, top_p=0.9)).given
        {'top_p': 0.9, 'seed': 1}
        """
        return replace(others, **self.given)


NAMES = tuple(item.name for item in fields(Parameters))


def parameters_from(values: Mapping[str, Any]) -> Parameters:
    """Returns the parameters with these values, by name; a list for `stop` becomes a tuple. None and empty values count
    as not set."""
    values = {name: value for name, value in values.items() if value is not None and value not in ((), [], {})}
    if "stop" in values:
        values["stop"] = tuple(values["stop"])
    return Parameters(**values)
