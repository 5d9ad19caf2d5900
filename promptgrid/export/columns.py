"""The columns of the results file, in their order. The names must not change: users' existing files contain them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from promptgrid.errors import ExportError
from promptgrid.prompt.parameters import PARAMETER_COLUMNS, SPECS


def _parameters(kind: type) -> list[str]:
    return [column for spec in SPECS if spec.kind is kind for column in spec.columns]


RETRIEVAL_COLUMNS: Final[Mapping[str, str]] = {
    f"retrieval.{name}": name for name in ("hit", "recall", "precision", "reciprocal_rank", "ndcg")
}
"""The columns of the measures of retrieval, with the names of the measures (RetrievalMeasures)."""

# fmt: off
_ASKED = [
    "run_id", "cell_id", "case_id", "part", "prompt", "prompt_version", "technique", "examples_k", "examples",
    "model", "endpoint",
    "model_returned", *PARAMETER_COLUMNS, "sample",
    "prompt_tokens_counted", "prompt_tokens", "completion_tokens", "reasoning_tokens", "cached_tokens",
    "context_limit", "cost_usd", "latency_ms", "first_token_ms", "attempts", "calls", "lost_tokens",
    "lost_cost_usd", "reused", "finish_reason",
    "status", "error",
]
_ANSWERED = ["expected", "checks", "reasoning", "answer", "output"]
_JUDGED = ["human_score", "human_note", "created_utc", "request_json", "steps_json", "beams_json",
    "tool_calls_json", "retrieved_json", *RETRIEVAL_COLUMNS,
]
_WHOLE = frozenset({
    "examples_k", "sample", "prompt_tokens_counted", "prompt_tokens", "completion_tokens",
    "reasoning_tokens", "cached_tokens", "context_limit", "attempts", "calls", "lost_tokens",
    *_parameters(int),
})
_REAL = frozenset({"cost_usd", "lost_cost_usd", "latency_ms", "first_token_ms", "human_score", *RETRIEVAL_COLUMNS,
    *_parameters(float)})
# fmt: on

Record = Mapping[str, Any]
"""One row of a file: its values by header. The value of a missing header is None."""

COLUMNS: Final[tuple[str, ...]] = (*_ASKED, "var.*", *_ANSWERED, "score.*", *_JUDGED)
"""All columns in order; `var.*` and `score.*` stand for one column per variable and one per check."""


def columns_for(variables: Sequence[str], checks: Sequence[str]) -> tuple[str, ...]:
    """Returns the headers of a results file, in order, for these variables and checks. Raises ExportError when a name
    occurs twice."""
    for kind, names in (("variable", variables), ("check", checks)):
        twice = sorted(name for name, count in Counter(names).items() if count > 1)
        if twice:
            raise ExportError(f"Two {kind}s are called {', '.join(map(repr, twice))}.", hint="Give each its own name.")
    var, score = [f"var.{name}" for name in variables], [f"score.{name}" for name in checks]
    return (*_ASKED, *var, *_ANSWERED, *score, *_JUDGED)


def kind_of(column: str) -> Literal["text", "int", "float", "bool"]:
    """Returns the type of the values in the column with this header, for file formats with typed columns."""
    if column in _WHOLE:
        return "int"
    if column in _REAL or column.startswith("score."):
        return "float"
    return "bool" if column == "reused" else "text"
