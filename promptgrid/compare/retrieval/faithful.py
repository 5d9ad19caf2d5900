"""Summarises what a judge says of the faithfulness of each column's replies: with the spread over its repeats and its
agreement with people, without which the share means little."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from promptgrid import stats
from promptgrid.compare.aggregate import mean_by
from promptgrid.compare.axes import Head
from promptgrid.compare.facts import Facts
from promptgrid.compare.layouts import layout
from promptgrid.compare.views import View
from promptgrid.judging.faithfulness import Faithfulness, stored_faithfulness
from promptgrid.stats import Interval
from promptgrid.store import Database, ratings

_FEW = 20  # rated replies: below, the agreement with people may be luck


@dataclass(frozen=True, slots=True)
class FaithfulSummary:
    """What a judge says of one column.

    judged    number of replies with a verdict that could be read
    unread    number of verdicts that could not
    share     mean over the cases of the share of verdicts "faithful"; None without one
    interval  the 95 % interval of `share` over the cases
    repeats   the share of faithful replies in each repeat; None for a repeat without a verdict
    alike     share of the replies of which all repeats say the same
    rated     number of replies that people have rated good or bad; `agreed`: how often the judge says the same
    """

    head: Head
    judged: int
    unread: int
    share: float | None
    interval: Interval | None
    repeats: Sequence[float | None]
    alike: float | None
    rated: int
    agreed: int


def faithful_summary(database: Database, facts: Facts, view: View) -> list[FaithfulSummary]:
    """Returns the summary of each column of the view that was judged, its baseline first; empty if none was."""
    judged = stored_faithfulness(database, facts.run_id)
    if judged is None:
        return []
    people, arranged = _people(database, facts.run_id), layout(facts, view)
    return [
        _summary(facts, arranged.columns[at], cells, judged, people)
        for at in arranged.column_indices(view)
        if (cells := [c for c in arranged.cells_in(at).tolist() if int(facts.position[c]) in judged.verdicts])
    ]


def _people(database: Database, run_id: str) -> Mapping[int, bool]:
    """Returns whether people rate a reply good, by the position of its cell; those between good and bad are left
    out."""
    values: dict[int, list[float]] = defaultdict(list)
    for one in ratings.listed(database, run_id):
        if one.value is not None:
            values[one.position].append(one.value)
    means = {position: fmean(some) for position, some in values.items()}
    return {position: mean > 0.5 for position, mean in means.items() if mean != 0.5}


def _summary(
    facts: Facts, head: Head, cells: Sequence[int], judged: Faithfulness, people: Mapping[int, bool]
) -> FaithfulSummary:
    positions = [int(facts.position[cell]) for cell in cells]
    verdicts = [judged.verdicts[position] for position in positions]
    read = [[one for one in repeats if one is not None] for repeats in verdicts]
    shares = np.array([fmean(some) if some else np.nan for some in read])
    by_case = mean_by(shares, facts.case[cells].astype(np.int64), len(facts.case_ids))
    known = by_case[~np.isnan(by_case)]
    several = [some for some in read if len(some) > 1]
    both = [
        (share > 0.5, people[position])
        for position, share in zip(positions, shares.tolist(), strict=True)
        if position in people and not np.isnan(share) and share != 0.5
    ]
    by_repeat = [[repeats[at] for repeats in verdicts if repeats[at] is not None] for at in range(judged.repeats)]
    return FaithfulSummary(
        head=head,
        judged=sum(map(bool, read)),
        unread=sum(repeats.count(None) for repeats in verdicts),
        share=float(known.mean()) if len(known) else None,
        interval=stats.mean_interval(known),
        repeats=[sum(map(bool, some)) / len(some) if some else None for some in by_repeat],
        alike=fmean(len({*some}) == 1 for some in several) if several else None,
        rated=len(both),
        agreed=sum(judge == person for judge, person in both),
    )


def faithful_words(summaries: Sequence[FaithfulSummary]) -> tuple[list[str], list[list[str]]]:
    """Returns a table of words with a row for each column of the view: (headings, rows)."""
    rows = [
        [one.head.label, f"{one.judged:,}", _share(one), _spread(one.repeats),
         "" if one.alike is None else f"{one.alike:.0%}", f"{one.unread:,}",
         f"{one.agreed:,} of {one.rated:,}" if one.rated else "not rated"]
        for one in summaries
    ]  # fmt: skip
    headings = ["Variant", "Replies judged", "Faithful", "By repeat", "Repeats agree", "Verdicts not read"]
    return [*headings, "Agrees with people"], rows


def faithful_note(database: Database, run_id: str, summaries: Sequence[FaithfulSummary]) -> str:
    """Returns by whom the replies were judged, and how far that can be trusted, in a few sentences."""
    judged = stored_faithfulness(database, run_id)
    who = f"Judged by {judged.model}, each reply {judged.repeats} times. " if judged else ""
    rated, agreed = sum(one.rated for one in summaries), sum(one.agreed for one in summaries)
    what = "Faithful: the judge finds all that the reply states in its passages; whether it is right is another matter."
    if not rated:
        return f"{who}{what} No person has rated these replies: whether the judge can be trusted is not known."
    few = f" Fewer than {_FEW} say little." if rated < _FEW else ""
    replies = "reply" if rated == 1 else "replies"
    people = f"It agrees with people on {agreed:,} of {rated:,} rated {replies}"
    return f"{who}{what} {people}; their ratings are of the reply as a whole.{few}"


def _share(one: FaithfulSummary) -> str:
    if one.share is None:
        return ""
    band = f" ({one.interval.low:.0%}–{one.interval.high:.0%})" if one.interval else ""
    return f"{one.share:.1%}{band}"


def _spread(repeats: Sequence[float | None]) -> str:
    return ", ".join("–" if share is None else f"{share:.0%}" for share in repeats)
