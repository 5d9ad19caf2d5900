"""Summarises how the replies of each column use the passages in their prompts: what they cite, and what they state that
stands in none of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from promptgrid import stats
from promptgrid.compare.aggregate import mean_by
from promptgrid.compare.axes import Head
from promptgrid.compare.facts import Facts
from promptgrid.compare.layouts import layout
from promptgrid.compare.views import View
from promptgrid.documents.answers.groundings import groundings
from promptgrid.documents.answers.measured import measured_run
from promptgrid.stats import Interval
from promptgrid.store import Database

USES_NOTE = (
    "[1] in a reply cites the first passage of its prompt, [1-3] the first three. Not read: a citation that is not"
    " understood. Not found: the number, or the quotation, stands neither in a"
    " passage nor in the case. Numbers are compared as digits; a number worded or computed by the reply is not found"
    " either, so look before you call it invented."
)


@dataclass(frozen=True, slots=True)
class UseSummary:
    """How the replies of one column use the passages in their prompts.

    replies         number of replies whose prompts show passages, or would if any had been found
    citing          how many of them cite a passage that is there
    cited_gold      mean over the cases of the share of cited passages that hold gold; None where none is known
    interval        the 95 % interval of `cited_gold`
    gold_uncited    how many show gold that they do not cite
    wrong_citations how many cite a number that no passage has
    unread          how many have a citation that is not understood, such as [3-1]
    numbers, quotes how many state a number, or quote a text, that is not found
    """

    head: Head
    replies: int
    citing: int
    cited_gold: float | None
    interval: Interval | None
    gold_uncited: int
    wrong_citations: int
    unread: int
    numbers: int
    quotes: int


def use_summary(database: Database, facts: Facts, view: View) -> list[UseSummary]:
    """Returns the summary of each column of the view that retrieves, its baseline first; empty if none does."""
    run = facts.cached("retrieval", lambda: measured_run(database, facts.run_id))
    if run is None:
        return []
    uses = facts.cached("groundings", lambda: groundings(database, facts.run_id, run))
    arranged = layout(facts, view)
    summaries = []
    for at in arranged.column_indices(view):
        cells = [cell for cell in arranged.cells_in(at).tolist() if int(facts.position[cell]) in uses]
        mine = [uses[int(facts.position[cell])] for cell in cells]
        if not mine:
            continue
        shares = np.array([np.nan if one.cited_gold is None else one.cited_gold for one in mine])
        by_case = mean_by(shares, facts.case[cells].astype(np.int64), len(facts.case_ids))
        known = by_case[~np.isnan(by_case)]
        summaries.append(
            UseSummary(
                head=arranged.columns[at],
                replies=len(mine),
                citing=sum(bool(one.cited) for one in mine),
                cited_gold=float(known.mean()) if len(known) else None,
                interval=stats.mean_interval(known),
                gold_uncited=sum(bool(one.uncited_gold) for one in mine),
                wrong_citations=sum(bool(one.unknown) for one in mine),
                unread=sum(bool(one.unread) for one in mine),
                numbers=sum(bool(one.missing_numbers) for one in mine),
                quotes=sum(bool(one.missing_quotes) for one in mine),
            )
        )
    return summaries


def use_words(summaries: Sequence[UseSummary]) -> tuple[list[str], list[list[str]]]:
    """Returns a table of words with a row for each column of the view: (headings, rows)."""
    rows = [
        [one.head.label, f"{one.replies:,}", f"{one.citing:,}", _share(one), f"{one.gold_uncited:,}",
         f"{one.wrong_citations:,}", f"{one.unread:,}", f"{one.numbers:,}", f"{one.quotes:,}"]
        for one in summaries
    ]  # fmt: skip
    headings = [
        "Variant",
        "Replies",
        "Cite",
        "Cited gold",
        "Gold not cited",
        "Cite what is not there",
        "Citation not read",
    ]
    return [*headings, "Number not found", "Quotation not found"], rows


def _share(one: UseSummary) -> str:
    if one.cited_gold is None:
        return ""
    band = f" ({one.interval.low:.0%}–{one.interval.high:.0%})" if one.interval else ""
    return f"{one.cited_gold:.1%}{band}"
