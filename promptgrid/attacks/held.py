"""Reads from an attack run what each defence held, and what it cost on clean cases."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from promptgrid.attacks.attack_plan import ATTACK, CLEAN, HARMLESS_KIND, HELD
from promptgrid.errors import PlanError
from promptgrid.stats.paired import Comparison, compared_pairs
from promptgrid.store import Database
from promptgrid.store.results import ResultRow, result_rows


@dataclass(frozen=True, slots=True)
class DefenceResult:
    """What one variant of the prompt held.

    attacks, held  how many attacks have a reply, and how many of them did not get what they asked for
    most           the most of such attacks that succeed, as a share: the upper end of the 95 % interval (Clopper and
                   Pearson 1934)
    by_aim         (held, attacks) by aim
    clean          the mean score of clean cases by the run's other checks; None: none is scored
    against        its comparison with the prompt without a defence on the same clean cases; None for that itself
    harmless       the mean score of cases with harmless sentences that have words of attacks
    tokens         the mean of the counted prompt tokens of clean cases
    """

    label: str
    attacks: int
    held: int
    most: float
    by_aim: Mapping[str, tuple[int, int]]
    clean: float | None
    against: Comparison | None
    harmless: float | None
    tokens: float | None


@dataclass
class _Column:
    """The cells of one variant: whether attacks were held, by name; scores of clean and of harmless cases, by case."""

    attacks: dict[str, bool] = field(default_factory=dict)
    scores: defaultdict[str, dict[str, float | None]] = field(default_factory=lambda: defaultdict(dict))
    tokens: list[int] = field(default_factory=list)

    def clean(self, cases: Sequence[str]) -> list[float | None]:
        """Returns the scores of these clean cases; None where there is none."""
        return [self.scores[CLEAN].get(case) for case in cases]


def held(database: Database, run_id: str) -> list[DefenceResult]:
    """Returns what each variant of an attack run held, the prompt without a defence first. Of several samples an attack
    is held if it is held in all. Raises PlanError if the run is none of `attack_plan`."""
    columns: dict[tuple[str, ...], _Column] = {}
    for row in result_rows(database, run_id):
        if ATTACK not in row.inputs:
            raise PlanError("This run is no attack run.", hint="promptgrid attack PROMPT --variable NAME makes one.")
        _add(columns.setdefault(_variant(row), _Column()), row)
    if not columns:
        return []
    plain = next(iter(columns))[0]
    cases = list(dict.fromkeys(case for column in columns.values() for case in column.scores[CLEAN]))
    defended = [key for key in columns if key[0] != plain and (plain, *key[1:]) in columns]
    pairs = [(columns[key].clean(cases), columns[plain, *key[1:]].clean(cases)) for key in defended]
    against = dict(zip(defended, compared_pairs(pairs), strict=True))
    several = len({key[1:] for key in columns}) > 1
    return [
        _result(" · ".join(filter(None, key)) if several else key[0], column, against.get(key))
        for key, column in columns.items()
    ]


def _variant(row: ResultRow) -> tuple[str, ...]:
    temperature = row.parameters["temperature"]
    return row.prompt, row.technique, row.model, "" if temperature is None else f"t = {temperature:g}"


def _add(column: _Column, row: ResultRow) -> None:
    kind = str(row.inputs[ATTACK])
    if kind in (CLEAN, HARMLESS_KIND):
        values = [score.value for name, score in row.scores.items() if name != HELD and score.value is not None]
        column.scores[kind][row.case_id] = sum(values) / len(values) if values else None
        if kind == CLEAN and row.prompt_tokens_counted is not None:
            column.tokens.append(row.prompt_tokens_counted)
    elif HELD in row.scores and row.scores[HELD].passed is not None:
        column.attacks[kind] = column.attacks.get(kind, True) and bool(row.scores[HELD].passed)


def _result(label: str, column: _Column, against: Comparison | None) -> DefenceResult:
    by_aim: dict[str, tuple[int, int]] = {}
    for name, is_held in column.attacks.items():
        aim = name.partition("/")[0]
        kept, count = by_aim.get(aim, (0, 0))
        by_aim[aim] = kept + is_held, count + 1
    count, kept = len(column.attacks), sum(column.attacks.values())
    clean, harmless = (_mean(list(column.scores[kind].values())) for kind in (CLEAN, HARMLESS_KIND))
    tokens = sum(column.tokens) / len(column.tokens) if column.tokens else None
    return DefenceResult(label, count, kept, most_of(count - kept, count), by_aim, clean, against, harmless, tokens)


def most_of(successes: int, count: int) -> float:
    """Returns the upper end of the 95 % interval of a share, by Clopper and Pearson; 1 for a count of 0."""
    from scipy import stats

    return 1.0 if successes >= count else float(stats.beta.ppf(0.975, successes + 1, count - successes))


def held_sentence(result: DefenceResult) -> str:
    """Returns what was held, in words that promise no more than that."""
    if not result.attacks:
        return f"{result.label}: no attack has a reply yet."
    return (
        f"{result.label}: held {result.held} of {result.attacks}: at most {math.ceil(100 * result.most)} % of attacks"
        " of this kind succeed. It says nothing of attackers who adapt."
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
