"""The sampling parameters: one class that prompts, plans and requests share, and one table that describes them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from promptgrid.errors import PlanError


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


DEFAULT = "default"
"""The text for the value of a parameter that is not set: the model uses its own default."""

Value = float | int | str | None


@dataclass(frozen=True, slots=True)
class ParameterSpec:
    """One row of the table of parameters, which describes a field of Parameters.

    label       name on a page
    low, high   range of a number
    option      command-line option; "": none
    column      column of the value in cells and in the results file; "": none
    plural      the keyword that passes the values of an axis to a plan; "": no axis, a plan has one value
    sign        text before the value in the name of a variant
    offered     values on the Run page; texts are sorted in this order
    first       offered values that are selected on the first visit
    closed      whether the offered values are the only ones
    local       whether it is never sent to a model, as those of retrieval
    listed      whether a value may hold a list of options with commas: `recursive:size=60,overlap=10`
    """

    name: str
    label: str
    kind: type = str
    low: float = -math.inf
    high: float = math.inf
    option: str = ""
    help: str = ""
    column: str = ""
    plural: str = ""
    sign: str = ""
    offered: tuple[Value, ...] = ()
    first: tuple[Value, ...] = ()
    closed: bool = False
    local: bool = False
    listed: bool = False

    @property
    def axis(self) -> str:
        """Returns the name of the axis as it is displayed: `temperatures`, `tool choices`."""
        return self.plural.replace("_", " ")

    @property
    def sent_column(self) -> str:
        """Returns the name of the CSV column of the value that was sent; that of the planned value is `column`, also
        of a parameter that is `local`."""
        return self.column if self.local else f"{self.column}_sent"

    @property
    def columns(self) -> tuple[str, ...]:
        """Returns the names of the parameter's CSV columns: those of the planned and of the sent value if a plan can
        vary a parameter that is sent, else the one that there is; empty if it has no column."""
        both = self.plural and not self.local
        return (self.column, self.sent_column) if both else (self.column,) if self.column else ()

    def values(self, values: Iterable[Any]) -> tuple[Value, ...]:
        """Returns the values of an axis, each once. An integer 0 becomes 0.0: the two spellings would make two cells of
        one temperature."""
        return tuple(dict.fromkeys(float(value) if self.kind is float else value for value in values))

    def check(self, value: Any) -> None:
        """Raises PlanError if the value is a number outside the parameter's range, or a word that it cannot be."""
        if value is not None and self.kind in (int, float) and not self.low <= value <= self.high:
            hint = f"It goes from {self.low:,} to {self.high:,}."
            raise PlanError(f"{self.label} {value:g} is out of range.", hint=hint)
        if value is not None and self.closed and value not in self.offered:
            raise PlanError(f"{value!r} is no value of {self.label.lower()}.", hint=f"{self.rule.capitalize()}.")

    def parse(self, text: str) -> Value:
        """Converts a typed text to a value; the decimal mark may be a comma. Raises PlanError if the text is not a
        valid value."""
        text = text.strip()
        if self.kind is str and text:
            self.check(text)
            return text
        try:
            value: Value = round(float(text.replace(",", ".")), 4) if self.kind is float else int(text)
        except ValueError:
            raise PlanError(f"{text!r} is no {self.label.lower()}.", hint=f"{self.rule.capitalize()}.") from None
        self.check(value)
        return value

    @property
    def rule(self) -> str:
        """Returns in words which values the parameter takes."""
        number = f"number from {self.low:,} to {self.high:,}"
        word = " or ".join(map(str, self.offered)) if self.closed else "a word"
        return f"a {self.label.lower()} is {f'a {number}' if self.kind in (int, float) else word}"

    def text(self, value: Value) -> str:
        """Returns the value as it is displayed and as it is written in a URL: `0.7`, `default`."""
        return DEFAULT if value is None else value if isinstance(value, str) else f"{value:g}"

    def named(self, value: Value) -> str:
        """Returns the value as it is written in the name of a variant: `t = 0.7`."""
        return f"{self.sign}{self.text(value)}"

    def order(self, value: Value) -> tuple[float, str]:
        """Returns the key that sorts values: None (the model's default) first, then numbers by size, texts in the order
        of `offered`."""
        if isinstance(value, str):
            return (self.offered.index(value) if value in self.offered else len(self.offered), value)
        return (-math.inf if value is None else value, "")


SPECS = (
    ParameterSpec(
        "temperature", "Temperature", float, 0, 2, "--temperature", "From 0 to 2.",
        column="temperature", plural="temperatures", sign="t = ", offered=(0, 0.2, 0.5, 0.7, 1, 1.2, 1.5, 2),
        first=(0, 0.7),
    ),
    ParameterSpec("top_p", "top_p", float, 0, 1, "--top-p", column="top_p"),
    ParameterSpec("max_tokens", "Max tokens", int, 1, 10_000_000, "--max-tokens", "Room for a reply.", "max_tokens"),
    ParameterSpec("seed", "Seed", int, -(2**53), 2**53, "--seed", "Sample i is sent with seed + i.", "seed"),
    ParameterSpec("stop", "Stop", tuple, option="--stop", help="A text that ends a reply; may be repeated."),
    ParameterSpec(
        "reasoning_effort", "Reasoning effort", option="--effort", help="As the model takes it: none, low, high …",
        column="effort", plural="efforts", sign="effort ",
        offered=("none", "minimal", "low", "medium", "high", "xhigh"),
    ),
    ParameterSpec("response_format", "Response format", dict),
    ParameterSpec("extra_body", "Extra body", dict),
    ParameterSpec(
        "tool_choice", "Tool choice", option="--tool-choice", help="auto, none, required, or the name of a tool.",
        column="tool_choice", plural="tool_choices", sign="tool ", offered=("auto", "none", "required"),
    ),
    ParameterSpec(
        "parallel_tool_calls", "Parallel calls", option="--parallel-calls",
        help="Whether one reply may call several tools: yes or no.",
        column="parallel_calls", plural="parallel_calls", sign="parallel calls ", offered=("yes", "no"), closed=True,
    ),
    ParameterSpec(
        "beams", "Beams", int, 1, 64, "--beams", "Width of a beam search; 1: none. Built-in model, llama.cpp, vLLM.",
        column="beams", plural="beams", sign="beams ", offered=(1, 2, 4, 8),
    ),
    ParameterSpec(
        "length_penalty", "Length penalty", float, -10, 10, "--length-penalty",
        "Of a beam search: above 0 favours long texts.", "length_penalty",
    ),
    ParameterSpec(
        "early_stop", "Early stop", bool, option="--early-stop", help="A beam search ends with as many texts as beams."
    ),
    ParameterSpec(
        "collection", "Collection", option="--collection", help="A collection of documents, for {{ context }}.",
        column="collection", plural="collections", local=True,
    ),
    ParameterSpec(
        "chunker", "Chunker", option="--chunker", help="How documents are cut, such as sentences:size=60.",
        column="chunker", plural="chunkers", local=True, listed=True,
        offered=("recursive", "sentences", "headings", "recursive:size=60", "recursive:size=120"),
    ),
    ParameterSpec(
        "retriever", "Retriever", option="--retriever",
        help="none, bm25, embedding, hybrid, all, oracle; embedding:embedder=ENDPOINT/MODEL.",
        column="retriever", plural="retrievers", local=True,
        offered=("none", "bm25", "embedding", "hybrid", "all", "oracle"),
    ),
    ParameterSpec(
        "chunks", "Chunks", int, 1, 1000, "--chunks", "The most chunks that are found.",
        column="chunks", plural="chunks", local=True, sign="k = ", offered=(1, 2, 3, 5, 10),
    ),
    ParameterSpec(
        "chunk_order", "Order of chunks", option="--chunk-order", help="Whether the best chunk is first or last.",
        column="chunk_order", plural="chunk_orders", local=True, offered=("best-first", "best-last"), closed=True,
    ),
    ParameterSpec(
        "query", "Query", option="--query",
        help="The question as-asked, rewritten by the model (a call), or several queries of it (a call), fused.",
        column="query", plural="queries", local=True, sign="query ", offered=("as-asked", "rewritten", "several"),
        closed=True,
    ),
    ParameterSpec(
        "rerank", "Rerank", option="--rerank", help="Whether the model puts the chunks found in order (a call).",
        column="rerank", plural="reranks", local=True, sign="rerank ", offered=("none", "model"), closed=True,
    ),
)  # fmt: skip

TOOL_PARAMETERS = ("tool_choice", "parallel_tool_calls")
"""The parameters that only a request with tools can have."""

RETRIEVAL_PARAMETERS = tuple(spec.name for spec in SPECS if spec.local)
"""The parameters of retrieval, which are never sent."""

AXIS_SPECS = tuple(spec for spec in SPECS if spec.plural)
"""The parameters that a plan can vary."""

AXIS_COLUMNS = tuple(column for spec in AXIS_SPECS for column in spec.columns)
"""For each axis the column of the planned value and, if it is sent, the column of the sent value."""

PARAMETER_COLUMNS = (
    *AXIS_COLUMNS,
    "parameter_note",
    *(spec.column for spec in SPECS if spec.column and not spec.plural),
)
"""What a cell and a row of the results file say of parameters, in this order."""
