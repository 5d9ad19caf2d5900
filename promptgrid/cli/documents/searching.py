"""`promptgrid documents search` and `measure`."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from promptgrid.cli.output import echo, echo_json, print_table, showing_progress
from promptgrid.cli.run import Listed
from promptgrid.text import one_line

if TYPE_CHECKING:
    from promptgrid.documents.retrievers import ChunkIndex, Hit, Retriever
    from promptgrid.store import Database

Wrapped = TypeVar("Wrapped", bound=Callable[..., Any])
_CHUNK_SHOWN = 300  # characters

chunker_option = click.option(
    "--chunker", default="recursive", show_default=True,
    help="tokens, sentences, headings or recursive, as KIND:size=200,overlap=0,tokenizer=o200k_base.",
)  # fmt: skip
budget_option = click.option("--budget", default="", help="For vectors by an endpoint: such as 0.10usd or 500calls.")


@click.command()
@click.argument("collection")
@click.argument("query")
@chunker_option
@click.option(
    "--retriever", default="bm25", show_default=True, help="bm25, embedding, hybrid or all, as KIND:embedder=NAME."
)
@click.option("--k", type=click.IntRange(min=1), default=5, show_default=True, help="The most chunks.")
@budget_option
@click.option("--json", "as_json", is_flag=True)
def search(collection: str, query: str, chunker: str, retriever: str, k: int, budget: str, as_json: bool) -> None:
    """Search a collection, and print the chunks that are found, the best first.

    promptgrid documents search brackwater-en "When does the ferry leave?" --retriever hybrid
    """
    from promptgrid.documents.adding import outdated
    from promptgrid.documents.retrievers import parse_retriever, retrieve
    from promptgrid.store import Database
    from promptgrid.store.documents import collections

    database, kind = Database(), parse_retriever(retriever)
    index = prepared_index(database, collection, chunker, [kind], budget)
    hits = retrieve(database, index, kind, query, k)
    if as_json:
        echo_json(json.dumps([_row(hit) for hit in hits], ensure_ascii=False))
        return
    if not hits:
        echo("Nothing was found.")
    for hit in hits:
        echo(f"{hit.rank}. {hit.chunk.place} ({hit.score:.3f}, {hit.chunk.tokens:,} tokens)")
        echo(f"   {one_line(hit.chunk.text, _CHUNK_SHOWN)}")
    info = collections.find(database, collection)
    for words in outdated(database, info.id, {hit.chunk.document.name for hit in hits}):
        echo(f"{words}. To read it again: promptgrid documents add {shlex.quote(info.name)} FILE", err=True)


@click.command()
@click.argument("collection")
@click.argument("cases", type=click.Path(path_type=Path), required=False)
@chunker_option
@click.option(
    "--retriever", "retrievers", type=Listed(), default=("bm25",), help="Several with commas.", show_default="bm25"
)
@click.option("--k", "counts", type=Listed(), default=("5",), help="The most chunks; several with commas.")
@budget_option
@click.option("--json", "as_json", is_flag=True)
def measure(
    collection: str, cases: Path | None, chunker: str, retrievers: tuple[str, ...], counts: tuple[str, ...],
    budget: str, as_json: bool,
) -> None:  # fmt: skip
    """Measure retrievers over a table of questions with gold passages (column `gold`), without any model's answers.

    Without CASES, the questions are used that are marked in the collection, or else those that come with it.

    promptgrid documents measure brackwater-en --retriever bm25,embedding,hybrid --k 1,5
    """
    from promptgrid.cases.table import read_cases
    from promptgrid.documents.evaluation import evaluate, questions_of
    from promptgrid.documents.marking import marked_questions
    from promptgrid.documents.retrievers import parse_retriever
    from promptgrid.documents.samples import sample_cases
    from promptgrid.export.gold import marked_csv
    from promptgrid.store import Database
    from promptgrid.store.documents import collections

    database = Database()
    kinds = list(map(parse_retriever, retrievers))
    index = prepared_index(database, collection, chunker, kinds, budget)
    marked = () if cases else marked_questions(database, collections.find(database, collection).id)
    table = (
        read_cases(marked_csv(marked, index.by_name), name="gold.csv")
        if marked
        else read_cases(cases or sample_cases(collection))
    )
    questions = questions_of(table.cases, index)
    rows: list[dict[str, Any]] = []
    for kind in kinds:
        for k in map(_count, counts):
            results = evaluate(database, index, kind, questions, k)
            rows.append({"retriever": str(kind), "k": k, **_figures(results)})
    if as_json:
        echo_json(json.dumps(rows))
        return
    gold = sum(bool(question.gold) for question in questions)
    echo(f"{gold:,} of {len(questions):,} questions have gold; {len(index.chunks):,} chunks by {index.chunker}.")
    print_table(
        [name.replace("_", " ") for name in rows[0]], [[_shown(value) for value in row.values()] for row in rows]
    )


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise click.BadParameter(f"{text!r} is not a number of chunks.", param_hint="--k")
    return int(text)


def _figures(results: Any) -> dict[str, Any]:
    """Returns the mean of each measure, and of recall its interval."""
    from promptgrid.documents.evaluation import means
    from promptgrid.documents.measures import MEASURES
    from promptgrid.stats.intervals import mean_interval

    values = {name: means(results, name) for name in MEASURES}
    interval = mean_interval(values["recall"])
    figures: dict[str, Any] = {name: sum(some) / len(some) if some else None for name, some in values.items()}
    return figures | {"recall_95": None if interval is None else [interval.low, interval.high]}


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return f"{value[0]:.2f} to {value[1]:.2f}"
    return "" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)


def prepared_index(
    database: Database, collection: str, chunker: str, retrievers: Sequence[Retriever], budget: str
) -> ChunkIndex:
    """Returns the index of the collection with what the retrievers need, and shows the progress where that is missing.
    Ctrl+C ends the work; the vectors made so far are stored."""
    from promptgrid.documents.chunkers import parse_chunker
    from promptgrid.documents.retrievers import load_index
    from promptgrid.store.documents import collections

    collection_id = collections.find(database, collection).id
    with showing_progress() as show:
        index = load_index(database, collection_id, parse_chunker(chunker), show)
        for retriever in retrievers:
            index.prepare(database, retriever, budget=budget, on_progress=show)
    return index


def _row(hit: Hit) -> dict[str, Any]:
    chunk = hit.chunk
    place = {"document": chunk.document.name, "title": chunk.title, "page": chunk.page, "start": chunk.start}
    return {"rank": hit.rank, "score": hit.score, **place, "end": chunk.end, "tokens": chunk.tokens, "text": chunk.text}
