"""What the examples did to the scores of a run: how much their order moved them, and what each example is worth."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from promptgrid.errors import PlanError
from promptgrid.fewshot import shown_indices
from promptgrid.stats.examples import ExampleWorth, OrderSpread, example_worths, order_spread
from promptgrid.store import Database
from promptgrid.store.results import ResultRow, result_rows
from promptgrid.suggestions import did_you_mean, listed

_DRAWN = ("subset", "random")  # others show some examples only beside others, whose worth they would share
_Scores = defaultdict[str, defaultdict[str, list[float]]]  # by case, then by order


@dataclass(frozen=True, slots=True)
class OrderEffect:
    """The spread of the mean score over the orders of the same examples, in the variant `label`. None: it needs five
    orders and two cases that have a score in all of them."""

    label: str
    orders: int
    spread: OrderSpread | None


@dataclass(frozen=True, slots=True)
class ExamplesReport:
    """What the examples did in one run. `worths` are by prompt (NAME@VERSION, six digits), the best first: an example
    is named by its index in the prompt."""

    orders: Sequence[OrderEffect]
    worths: Mapping[str, Sequence[ExampleWorth]]


def examples_report(database: Database, run_id: str, check: str = "") -> ExamplesReport:
    """Returns what the examples did to the score of the run's `check` ("": the mean of its checks). Raises PlanError
    for a check that the run does not have.

    Orders are compared where all but the order is the same; examples where several sets of them were drawn for a case.
    Cells without examples are left out: that any are shown may move the score, which is the worth of none of them.
    """
    by_label: defaultdict[str, _Scores] = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    cells: defaultdict[str, list[tuple[float, str, Sequence[int]]]] = defaultdict(list)
    checks: set[str] = set()
    for row in result_rows(database, run_id):
        checks |= row.scores.keys()
        score = _score(row, check)
        if score is None or not row.examples:
            continue
        chosen = f"shots {row.parameters['shots']} · {row.parameters['selector']}"
        by_label[f"{_base(row)} · {chosen}"][row.case_id][str(row.parameters["shot_order"])].append(score)
        name = f"{row.prompt}@{row.prompt_version[:6]}"
        if (shown := shown_indices(row.examples)) and str(row.parameters["selector"]).startswith(_DRAWN):
            cells[name].append((score, f"{_base(row)} {row.case_id}", shown))
    if check and check not in checks:
        hint = did_you_mean(check, checks, listed("It has", sorted(checks)))
        raise PlanError(f"The run has no check called {check!r}.", hint=hint)
    effects = [_order_effect(label, by_case) for label, by_case in by_label.items()]
    return ExamplesReport(
        [effect for effect in effects if effect.orders > 1],
        {prompt: found for prompt, rows in cells.items() if (found := _worths(rows))},
    )


def _score(row: ResultRow, check: str) -> float | None:
    values = [score.value for name, score in row.scores.items() if check in ("", name) and score.value is not None]
    return _mean(values) if values else None


def _base(row: ResultRow) -> str:
    """Returns what tells a row's variant apart, but for which examples are shown."""
    temperature = row.parameters["temperature"]
    parts = [row.prompt, row.technique, row.model, *([f"t = {temperature:g}"] if temperature is not None else [])]
    return " · ".join(map(str, parts))


def _order_effect(label: str, by_case: _Scores) -> OrderEffect:
    orders = sorted({order for by_order in by_case.values() for order in by_order})
    table = [[_mean(by_order[order]) for order in orders] for by_order in by_case.values()]
    return OrderEffect(label, len(orders), order_spread(table))


def _worths(rows: Sequence[tuple[float, str, Sequence[int]]]) -> list[ExampleWorth]:
    numbers = {case: at for at, case in enumerate(dict.fromkeys(case for _, case, _ in rows))}
    scores, cases, shown = zip(*rows, strict=True)
    return example_worths(scores, [numbers[case] for case in cases], shown)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan
