"""Steps that stand before a technique and decide, by asking the model, what its prompt shows of documents.

Sources: Ma et al. 2023, "Query Rewriting for Retrieval-Augmented Large Language Models" (a rewritten query); Rackauckas
2024, "RAG-Fusion: a New Take on Retrieval-Augmented Generation" (several queries, whose rankings are fused); Sun et al.
2023, "Is ChatGPT Good at DocumentSearch?" (a permutation of numbered passages).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from promptgrid.answers.reasoning import split_thought
from promptgrid.prompt import Message, Parameters, Prompt
from promptgrid.techniques.lists import LONGEST_ITEM, items
from promptgrid.techniques.passages import Context, Passages, RetrievedPassage, context_id, context_text
from promptgrid.techniques.steps import (
    PROPOSING,
    Ask,
    DocumentSearch,
    Progress,
    RetrievingSteps,
    StepCall,
    StepReply,
    Steps,
    one,
)
from promptgrid.techniques.turns import Turn
from promptgrid.techniques.wording import phrase, wording

QUERIES = 4
"""The most queries that are searched for beside the question."""

RERANKED = 20
"""The most passages that a model is given to put in order."""

WORDS = {"rewrite_query": "query rewritten", "query_marker": "query rewritten", "several_queries": "query several",
         "rerank": "rerank model"}  # fmt: skip
"""The texts of `WORDING` that retrieval sends, each with the setting that uses it."""

_ECHO = 25  # bytes from which a text that stands in the request is its echo, not a query
_STEPS = ("query", "queries", "rerank")
_RANKING = re.compile(r"(?:[^\d:：]{0,40}[:：])?[\s\d\[\](){}<>,、;=→*_`【】（）]*[.。]?\s*")


@dataclass(frozen=True, slots=True)
class Retrieval:
    """What a cell retrieves with the help of a model: the `question` that is searched for, the `parameters` of
    retrieval, and what the question finds as it was asked (`context`), the best passage first."""

    question: str
    parameters: Parameters
    context: Context


Asking = Generator[Sequence[Ask] | DocumentSearch, Any, tuple[Any, str]]
"""Yields asks and searches; returns what they led to, and a sentence on a reply that was not understood ("": none)."""


def candidates(parameters: Parameters) -> int:
    """Returns how many passages are found: k, or if a model puts them in order, up to four times as many."""
    k = parameters.chunks or 1
    return max(k, min(4 * k, RERANKED)) if parameters.rerank == "model" else k


def retrieving(prompt: Prompt, retrieval: Retrieval, steps: Callable[[Mapping[str, Any]], Steps]) -> RetrievingSteps:
    """Decides what the prompt shows of documents, then goes on with the `steps` of a technique, which are given the
    values that show it."""
    context, note = yield from _decided(prompt, retrieval)
    done = yield from steps(context.values)
    return replace(done, note="; ".join(filter(None, (note, done.note))), context=context)


def _decided(prompt: Prompt, retrieval: Retrieval) -> Asking:
    """Asks for queries and searches for them, then asks for the order of what was found, as the parameters say; returns
    the Context. A reply that is not understood leaves the query as it was asked, or the order as it was found."""
    parameters, passages = retrieval.parameters, retrieval.context.passages
    notes = []
    if parameters.query in ("rewritten", "several"):
        queries, note = yield from _queries(prompt, retrieval.question, parameters.query == "several")
        notes.append(note)
        if queries:
            passages = yield DocumentSearch(queries)
    if parameters.rerank == "model" and len(passages) > 1:
        passages, note = yield from _reranked(prompt, retrieval.question, passages, parameters.chunks or 1)
        notes.append(note)
    best = [replace(passage, rank=rank) for rank, passage in enumerate(passages[: parameters.chunks], 1)]
    return shown(retrieval.context.id, parameters, best), "; ".join(filter(None, notes))


def shown(retrieval: str, parameters: Parameters, best: Sequence[RetrievedPassage]) -> Context:
    """Returns the passages, which are given the best first, as a prompt by these parameters shows them; `retrieval` is
    the `retrieval_id` of the parameters."""
    passages = tuple(best if parameters.chunk_order != "best-last" else reversed(best))
    places = [[one.digest, one.document, one.start, one.end] for one in passages]
    return Context(context_id(retrieval, places), passages)


def _queries(prompt: Prompt, question: str, several: bool) -> Asking:
    """Asks for one or several queries. Returns the queries to search for: several are added to the question itself;
    none if the reply has none."""
    if not several:
        text = phrase(prompt, "rewrite_query", query_marker=wording(prompt, "query_marker"), question=question)
        reply = yield from one("query", _turns(text), **PROPOSING)
        query = read_query(reply, wording(prompt, "query_marker"))
        is_long = len(query.encode("utf-8", "replace")) >= _ECHO
        query = "" if is_long and query.casefold() in text.replace(question, "").casefold() else query
        return ((query,), "") if query else ((), "step query gave no query, so the question was searched for as asked")
    text = phrase(prompt, "several_queries", number=QUERIES, question=question)
    reply = yield from one("queries", _turns(text), **PROPOSING)
    queries = items(reply)
    if not queries:
        return (), "step queries gave no list, so the question was searched for as asked"
    over = f"step queries gave {len(queries):,} queries; the first {QUERIES} were searched for"
    return tuple(dict.fromkeys([question, *queries[:QUERIES]])), over if len(queries) > QUERIES else ""


def read_query(reply: StepReply, marker: str) -> str:
    """Returns the query in a reply: what follows the marker on the last line that has it, or else the whole of a reply
    of one line. "" if there is none, or if it is longer than a list's item may be."""
    lines = [line.strip(" \t*_`#>") for line in split_thought(reply.text).text.splitlines() if line.strip()]
    after = [parts[2] for line in lines if len(parts := re.split(f"({re.escape(marker)})", line, flags=re.I)) > 2]
    query = (after[-1] if after else lines[0] if len(lines) == 1 else "").strip(" \t*_`\"'“”「」")
    return query if len(query) <= LONGEST_ITEM else ""


def _reranked(prompt: Prompt, question: str, passages: Passages, k: int) -> Asking:
    """Asks for the order of the first `RERANKED` passages; returns all passages, those that the reply names first."""
    first = passages[:RERANKED]
    text = phrase(prompt, "rerank", passages=context_text(first), question=question)
    reply = yield from one("rerank", _turns(text), **PROPOSING)
    numbers = read_order(reply, len(first))
    if not numbers:
        return passages, "step rerank gave no order, so the passages stay as they were found"
    few = f"step rerank named {len(numbers)} of {len(first)} passages; the others follow as they were found"
    rest = (number for number in range(1, len(passages) + 1) if number not in numbers)
    ordered = tuple(passages[number - 1] for number in (*numbers, *rest))
    return ordered, few if len(numbers) < min(k, len(first)) else ""


def read_order(reply: StepReply, most: int) -> list[int]:
    """Returns the numbers from 1 to `most` that a reply lists, each once, in its order: those of its only line of
    numbers, or those of lines with one number each. Empty for any other reply."""
    lines = [line for line in split_thought(reply.text).text.splitlines() if _RANKING.fullmatch(line)]
    rows = [row for line in lines if (row := [int(digits) for digits in re.findall(r"\d{1,6}", line)])]
    if len(rows) > 1 and any(len(row) > 1 for row in rows):
        return []
    return list(dict.fromkeys(number for row in rows for number in row if 1 <= number <= most))


def expected_calls(progress: Progress) -> list[StepCall]:
    """Returns the calls that a cell makes before the first one of its technique, and that one, as if no reply were
    understood: then the prompts show what the question finds as it was asked."""
    calls = [progress.calls[0]]
    while calls[-1].ask.step in _STEPS:
        progress.answer([StepReply(calls[-1], "")])
        calls.append(progress.calls[0])
    return calls


def _turns(text: str) -> tuple[Turn, ...]:
    return (Turn(Message("user", text), "question"),)
