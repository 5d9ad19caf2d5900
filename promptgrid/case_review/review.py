"""What is known of a table of cases before it decides between prompts, in one object for the page and the terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from promptgrid.case_review.kinds import CaseKind, case_kinds
from promptgrid.case_review.labels import suspect_labels
from promptgrid.cases.duplicates import content
from promptgrid.cases.parts import SHARES, Part, part_notes
from promptgrid.cases.table import Case
from promptgrid.compare.facts import Facts, facts
from promptgrid.prompt import Prompt
from promptgrid.stats.power import DISAGREE, Reach, reach
from promptgrid.store import Database
from promptgrid.store.across.parts import cases_of_part, opening_sentences, openings_of
from promptgrid.store.cell_columns import case_texts, cell_texts

FEWEST = 40
"""With fewer cases in all, the part *prove* has about a dozen: nothing but huge differences can be proved."""
_SEALED: Part = "prove"
_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class SuspectRow:
    """A case of the table whose expected answer may be wrong: `agree` of the `variants` of the run answered `answer`,
    one of them the variant with the id `variant`. The case has the id `case_id` in the table and `run_case_id` in the
    run. The `weight` ranks such rows (see `SuspectLabel`)."""

    run_id: str
    run_case_id: str
    variant: str
    case_id: str
    expected: str
    answer: str
    agree: int
    variants: int
    weight: float


@dataclass(frozen=True, slots=True)
class CasesReview:
    """The review of a table.

    cases     the cases with their parts
    kinds     the cases by expected answer and part (see `CaseKind`)
    reach     which difference the part *prove* can show, by how often variants of the runs differ (if there are runs)
    notes     sentences: copies, near duplicates, cases that are examples of a prompt, answers that a part lacks
    openings  sentences on how often *prove* was used for each prompt
    suspects  expected answers that may be wrong, the likeliest first
    runs      number of runs whose replies were read
    """

    cases: Sequence[Case]
    kinds: Sequence[CaseKind]
    reach: Reach
    notes: Sequence[str]
    openings: Sequence[str]
    suspects: Sequence[SuspectRow]
    runs: int

    @property
    def sealed(self) -> int:
        """The number of cases in the part *prove*."""
        return sum(kind.parts[_SEALED] for kind in self.kinds)

    @property
    def advice(self) -> list[str]:
        """Sentences on what a proof needs: whether the cases suffice, how many more do, and of which kind."""
        sentences = [self.reach.sentence.replace("With ", "In the part prove: with ", 1)]
        if len(self.cases) < FEWEST:
            few = f"Under {FEWEST} cases nothing can be proved, and these are {len(self.cases):,}"
            sentences = [f"{few}, of which {self.sealed:,} stand in the part prove.", *sentences]
        if self.reach.needed > self.sealed:
            in_all = math.ceil(self.reach.needed / SHARES[_SEALED])
            sentences.append(f"That is about {in_all:,} in all, of which prove gets {100 * SHARES[_SEALED]:.0f} %.")
        return [*sentences, *self._kinds_to_add()]

    @property
    def no_suspects(self) -> str:
        """A sentence that no expected answer is suspect, and why; "" if one is, or if no run was read."""
        why = "nowhere do two variants that do more than guess agree on another"
        return f"No expected answer looks wrong: {why}." if self.runs and not self.suspects else ""

    def _kinds_to_add(self) -> Iterator[str]:
        known = [(kind.apart, kind) for kind in self.kinds if kind.apart is not None and kind.expected is not None]
        if len(known) < 2:
            return
        most, least = max(known, key=lambda pair: pair[0]), min(known, key=lambda pair: pair[0])
        if most[0] > 2 * least[0]:
            yield (
                f"Add cases whose answer is {most[1].expected}: {100 * most[0]:.0f} % of the pairs of variants differ"
                f" there, and {100 * least[0]:.0f} % where it is {least[1].expected}, which decides nothing."
            )


def review(
    database: Database,
    cases: Sequence[Case],
    prompts: Sequence[Prompt] = (),
    run_ids: Sequence[str] = (),
    *,
    group: str = "",
) -> CasesReview:
    """Reviews the cases of a table. `run_ids` name runs over the same table: their replies show suspect labels and
    which kinds of cases tell variants apart, and their prompts join `prompts` for the openings. `group` is the column
    of cases that stay together. Nothing counts as an opening of *prove*. Raises CasesError or StoreError."""
    whole, notes = cases_of_part(database, cases, prompts, group=group)
    runs = [facts(database, run_id) for run_id in run_ids]
    kinds = case_kinds(whole, runs)
    names = [*(prompt.name for prompt in prompts), *(variant.prompt for run in runs for variant in run.variants)]
    shares = [(kind.apart, kind.scored) for kind in kinds if kind.apart is not None]
    scored = sum(count for _, count in shares)
    disagree = sum(share * count for share, count in shares) / scored if scored else DISAGREE
    sealed = sum(kind.parts[_SEALED] for kind in kinds)
    return CasesReview(
        cases=whole,
        kinds=kinds,
        reach=reach(sealed, disagree=disagree),
        notes=[*notes, *part_notes(whole)],
        openings=opening_sentences(openings_of(database, names)),
        suspects=sorted((row for one in runs for row in _suspects(database, one, whole)), key=lambda row: -row.weight),
        runs=len(runs),
    )


def _suspects(database: Database, run: Facts, cases: Sequence[Case]) -> Iterator[SuspectRow]:
    """Yields the suspect labels of the run that still stand in the table: cases that are not in it, and those whose
    expected answer has changed since, are left out."""
    by_content = {content(case): case for case in cases}
    suspects = suspect_labels(run)
    texts = case_texts(database, run.run_id, [one.case for one in suspects])
    answers = cell_texts(database, run.run_id, [one.cell for one in suspects], _CHARACTERS)
    for one in suspects:
        text = texts[one.case]
        now = by_content.get(content(Case("", dict(text.inputs))))
        if now is not None and now.expected is not None and now.expected == text.expected:
            yield SuspectRow(
                run_id=run.run_id, run_case_id=text.case_id, variant=run.variants[one.variant].id, case_id=now.id,
                expected=now.expected, answer=answers[one.cell].answer or "", agree=one.agree, variants=one.variants,
                weight=one.weight,
            )  # fmt: skip
