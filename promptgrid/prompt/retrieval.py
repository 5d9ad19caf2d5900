"""Reads and writes what a prompt retrieves from documents, under `metadata.retrieval`, and fills in the defaults.

    retrieval: {collection: manuals, chunker: "sentences:size=60", retriever: bm25, k: 3, order: best-first,
                query: rewritten, rerank: model}

The template shows the chunks as `{{ context }}`, one text in which each has its number, or by the list `chunks`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from promptgrid.prompt.front_matter import Field
from promptgrid.prompt.parameters import RETRIEVAL_PARAMETERS, SPECS, Parameters

CONTEXT, CHUNKS = "context", "chunks"
"""The variables that retrieval fills: a text, and a list of mappings with number, title, page, document, text."""

QUESTION, GOLD, QUOTE = "question", "gold", "quote"
"""The columns whose text is searched for (else: the first input), with the gold passages, and with their text."""

EMBEDDING = ("embedding", "hybrid")
"""The kinds of retrievers that need vectors."""

_DEFAULTS: Mapping[str, Any] = MappingProxyType(
    {"chunker": "recursive", "retriever": "bm25", "chunks": 5, "chunk_order": "best-first", "query": "as-asked",
     "rerank": "none"}
)  # fmt: skip
_FIELDS = {"collection": "collection", "chunker": "chunker", "retriever": "retriever", "k": "chunks",
           "order": "chunk_order", "query": "query", "rerank": "rerank"}  # fmt: skip
_WITHOUT_SEARCH = ("all", "oracle")
_ASKING = ("query", "rerank")  # parameters by which a model is asked; their defaults ask none, and are in no id


def read_retrieval(retrieval: Field) -> dict[str, Any]:
    """Returns the values in the field, by the names of Parameters. Raises PromptError with the line for a field that is
    not known, a missing collection, or a value that is out of range."""
    fields, specs = retrieval.fields(), {spec.name: spec for spec in SPECS}
    for name, field in fields.items():
        if name not in _FIELDS:
            raise field.error(f"is not known: a retrieval has {', '.join(_FIELDS)}")
    if "collection" not in fields or not fields["collection"].text().strip():
        raise retrieval.error("names no collection of documents")
    values: dict[str, Any] = {}
    for name, field in fields.items():
        spec = specs[_FIELDS[name]]
        value = field.whole() if spec.kind is int else field.text().strip()
        if isinstance(value, int) and not spec.low <= value <= spec.high:
            raise field.error(f"is {value}, and goes from {spec.low:,} to {spec.high:,}")
        if spec.closed and value not in spec.offered:
            raise field.error(f"is {value!r}, and can be {' or '.join(map(str, spec.offered))}")
        values[spec.name] = value
    return values


def retrieval_fields(parameters: Parameters) -> dict[str, Any]:
    """Returns the prompt's parameters of retrieval as `read_retrieval` reads them; empty without a collection."""
    values = {name: getattr(parameters, ours) for name, ours in _FIELDS.items()}
    return {n: v for n, v in values.items() if v is not None} if parameters.collection else {}


def with_defaults(parameters: Parameters) -> Parameters:
    """Returns the parameters with the defaults of those of retrieval that are not set, if there is a collection."""
    if parameters.collection is None:
        return parameters
    return replace(parameters, **{n: v for n, v in _DEFAULTS.items() if getattr(parameters, n) is None})


def effective(parameters: Parameters) -> Parameters:
    """Returns the parameters without those of retrieval that change nothing: without documents only the retriever
    `none` stays, and `all` and `oracle`, which search nothing, need neither chunker, number of chunks nor query, and
    are not reranked."""
    kind = (parameters.retriever or "").partition(":")[0]
    if kind == "none":
        parameters = replace(parameters, chunk_order=None)
    elif kind not in _WITHOUT_SEARCH:
        return parameters
    return replace(parameters, chunker=None, chunks=None, query=None, rerank=None)


def retrieval_calls(parameters: Parameters) -> int:
    """Returns how many calls of a model retrieval takes at most for one cell: one for another query than the question
    as asked, and one to rerank."""
    if parameters.collection is None:
        return 0
    return (parameters.query not in (None, _DEFAULTS["query"])) + (parameters.rerank not in (None, _DEFAULTS["rerank"]))


def query_embedder(parameters: Parameters) -> str:
    """Returns the model (ENDPOINT/MODEL) that is sent the queries which a model writes; "" if none is: no query is
    written, or it is searched for by words or by the built-in embedder alone."""
    kind, name, embedder = retriever_parts(parameters.retriever or "")
    writes = parameters.collection is not None and parameters.query not in (None, _DEFAULTS["query"])
    return embedder if writes and kind in EMBEDDING and name == "embedder" and "/" in embedder else ""


def retriever_parts(text: str) -> tuple[str, str, str]:
    """Returns (the kind, the name of the option, its value) of a retriever, `KIND[:NAME=VALUE]`; "" for what is not
    there.

    >>> retriever_parts("hybrid:embedder=local/bge-m3")
    ('hybrid', 'embedder', 'local/bge-m3')
    """
    kind, _, option = text.partition(":")
    name, _, value = option.partition("=")
    return kind.strip(), name.strip(), value.strip()


def retrieval_id(parameters: Parameters) -> str:
    """Returns 12 hex digits of a hash of the parameters of retrieval; "" if there is no collection."""
    if parameters.collection is None:
        return ""
    values = [getattr(parameters, name) for name in RETRIEVAL_PARAMETERS if name not in _ASKING]
    values += [[name, value] for name in _ASKING if (value := getattr(parameters, name)) not in (None, _DEFAULTS[name])]
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:12]
