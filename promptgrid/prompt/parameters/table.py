"""The table that describes all parameters."""

from __future__ import annotations

from promptgrid.prompt.parameters.spec import ParameterSpec

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
    ParameterSpec(
        "shots", "Shots", int, 0, 10_000, "--shots", "The most examples that a few-shot prompt shows.",
        column="shots", plural="shots", local=True, sign="shots ", offered=(0, 1, 2, 4, 8),
    ),
    ParameterSpec(
        "selector", "Selector", option="--selector",
        help="How examples are chosen: first, random:seed=1, subset:seed=1, balanced, bm25, diverse, embedding.",
        column="selector", plural="selectors", local=True, listed=True,
        offered=("first", "random:seed=1", "balanced", "bm25", "diverse", "embedding"),
    ),
    ParameterSpec(
        "shot_order", "Order of examples", option="--shot-order",
        help="as-written, reversed, nearest-last, or shuffled:seed=1.",
        column="shot_order", plural="shot_orders", local=True, listed=True,
        offered=("as-written", "reversed", "nearest-last", "shuffled:seed=1"),
    ),
)  # fmt: skip

TOOL_PARAMETERS = ("tool_choice", "parallel_tool_calls")
"""The parameters that only a request with tools can have."""

EXAMPLE_PARAMETERS = ("shots", "selector", "shot_order")
"""The parameters of the examples that are shown, which are never sent."""

RETRIEVAL_PARAMETERS = tuple(spec.name for spec in SPECS if spec.local and spec.name not in EXAMPLE_PARAMETERS)
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
