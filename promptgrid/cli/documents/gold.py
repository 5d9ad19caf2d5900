"""`promptgrid documents propose`, `review` and `gold`: gold that a model proposes and a person accepts."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from promptgrid.cli.documents.searching import budget_option, chunker_option, prepared_index
from promptgrid.cli.output import OutputFile, echo, print_table
from promptgrid.text import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from promptgrid.documents.answers.proposals import GoldProposal
    from promptgrid.documents.chunks import Passage
    from promptgrid.store.documents.collections import StoredText

_AROUND = 160  # characters before and behind a passage


@click.command()
@click.argument("collection")
@click.argument("cases", type=click.Path(path_type=Path))
@click.option(
    "--model", default="", metavar="ENDPOINT/MODEL", help="The model that proposes; without it, the built-in one."
)
@chunker_option
@click.option(
    "--retriever", default="bm25", show_default=True, help="Finds the chunks that the model is shown: bm25, hybrid, …"
)
@click.option("--k", type=click.IntRange(min=1), default=5, show_default=True, help="The most chunks for a question.")
@budget_option
def propose(collection: str, cases: Path, model: str, chunker: str, retriever: str, k: int, budget: str) -> None:
    """Let a model quote the passage that answers each question of a table; `review` accepts or refuses each.

    CASES has a column `question`, and perhaps `expected`. Questions that are marked in the collection are not asked.
    Nothing is gold before it is accepted.

    promptgrid documents propose manuals questions.csv --model openai/gpt-5-mini --budget 0.10usd
    """
    from promptgrid.budget import BudgetReached
    from promptgrid.cases.table import read_cases
    from promptgrid.cli import live, sheet
    from promptgrid.cli.verdicts.check import bar
    from promptgrid.connections import DEFAULT_MODEL
    from promptgrid.documents.evaluation import question_texts
    from promptgrid.documents.marking import marked_questions
    from promptgrid.documents.retrievers import parse_retriever
    from promptgrid.errors import PlanError
    from promptgrid.humanize import many
    from promptgrid.judging import gold
    from promptgrid.store import Database
    from promptgrid.store.documents import collections

    database, kind, ref = Database(), parse_retriever(retriever), model or DEFAULT_MODEL
    info = collections.find(database, collection)
    marked = {one.question for one in marked_questions(database, info.id)}
    questions = [one for one in question_texts(read_cases(cases).cases) if one[0] not in marked]
    index = prepared_index(database, collection, chunker, [kind], budget)
    live.prepare([ref])
    asks = gold.gold_asks(database, index, kind, k, questions)
    echo(sheet.judge_line(gold.gold_preflight(database, asks, ref)), err=True)
    try:
        with bar("Asking") as tell:
            proposed = gold.propose(database, info.id, asks, ref, budget=budget, on_progress=tell)
    except BudgetReached as reached:
        hint = f"What was proposed before is kept: promptgrid documents review {info.name}"
        raise PlanError(str(reached), hint=hint) from None
    quoted, none = sum(bool(one.quote) for one in proposed), sum(one.none for one in proposed)
    refused = len(proposed) - quoted - none
    echo(f"{many(len(proposed), 'question')}: {quoted:,} quoted, {none:,} without an answer, {refused:,} refused.")
    echo(f"To accept or refuse each: promptgrid documents review {info.name}")


@click.command()
@click.argument("collection")
def review(collection: str) -> None:
    """Accept or refuse the proposed gold of a collection, one by one: y accepts, n refuses, l leaves it for later.

    What was refused because no document has its words is listed and removed.
    """
    from promptgrid.documents.answers.proposals import accept, drop, proposals
    from promptgrid.humanize import many
    from promptgrid.store import Database
    from promptgrid.store.documents import collections

    database = Database()
    info = collections.find(database, collection)
    documents = {one.name: one for one in collections.texts(database, info.id)}
    waiting = proposals(database, info.id)
    accepted = 0
    for number, one in enumerate(waiting, 1):
        places = one.places(documents)
        echo(f"\n{number} of {len(waiting)} · {one_line(one.question, 300)}")
        echo(f"  {one_line(one.place_words(documents), 400)}")
        if not places and not one.none:
            drop(database, info.id, one)
            continue
        place = _shown_place(places, documents, one) if places else None
        decision = click.prompt("Accept?", type=click.Choice(["y", "n", "l"]), default="l")
        if decision == "y":
            accept(database, info.id, one, place)
            accepted += 1
        elif decision == "n":
            drop(database, info.id, one)
    if not waiting:
        echo(f"No proposals wait. A model makes them: promptgrid documents propose {info.name} CASES.csv")
        return
    left = len(proposals(database, info.id))
    echo(f"{many(accepted, 'question')} marked, {many(left, 'proposal')} left.")


def _shown_place(places: list[Passage], documents: Mapping[str, StoredText], one: GoldProposal) -> Passage:
    """Prints each place of the quotation with its surroundings, and returns the place, of several the selected one."""
    text = documents[one.document].text
    for number, place in enumerate(places, 1):
        before, behind = text[max(0, place.start - _AROUND) : place.start], text[place.end : place.end + _AROUND]
        head = f"{number}. " if len(places) > 1 else ""
        quoted = one_line(text[place.start : place.end], 2_000)
        echo(f"  {head}… {one_line(before, _AROUND)} ⟦{quoted}⟧ {one_line(behind, _AROUND)} …")
    at = click.prompt("Which one?", type=click.IntRange(1, len(places)), default=1) if len(places) > 1 else 1
    return places[at - 1]


@click.command()
@click.argument("collection")
@click.option("--csv", "out", type=OutputFile(), metavar="OUT.csv", help="Write a table of cases for runs.")
def gold(collection: str, out: Path | None) -> None:
    """List the questions whose gold is marked in a collection, or write them as a table of cases."""
    from promptgrid.documents.marking import marked_questions
    from promptgrid.export.gold import marked_csv
    from promptgrid.files import write
    from promptgrid.humanize import many
    from promptgrid.store import Database
    from promptgrid.store.documents import collections

    database = Database()
    info = collections.find(database, collection)
    marked = marked_questions(database, info.id)
    if out is not None:
        write(out, marked_csv(marked, {one.name: one for one in collections.texts(database, info.id)}))
        echo(f"{many(len(marked), 'question')} in {out}", err=sys.stdout.isatty())
    elif marked:
        rows = [[one_line(one.question, 80), one_line(one.expected, 40), one.gold or "none"] for one in marked]
        print_table(["question", "expected", "gold"], rows)
    else:
        echo("No gold is marked: on the page Documents, under Gold, or by `propose` and `review`.")
