"""Expected answers that may be wrong are found by what the variants agree on."""

from __future__ import annotations

import random
from collections.abc import Sequence

from promptgrid.case_review.labels import SuspectLabel, suspect_labels
from promptgrid.compare import facts
from promptgrid.store import Database
from tests.stored import Cell, store_run

LABELS = ("positive", "negative", "mixed")


def suspects_of(database: Database, cells: Sequence[Cell], expected: Sequence[str], run_id: str) -> list[SuspectLabel]:
    rows = [(str(n), {"text": f"review {n}"}, label) for n, label in enumerate(expected)]
    return suspect_labels(facts(database, store_run(database, cells, run_id=run_id, case_rows=rows)))


def answers(true: Sequence[str], expected: Sequence[str], rates: Sequence[float], dice: random.Random) -> list[Cell]:
    """Cells of variants that are right at these rates. In a tenth of the cases all but the best are wrong alike."""
    cells = []
    for n, label in enumerate(true):
        hard, wrong = dice.random() < 0.1, dice.choice([one for one in LABELS if one != label])
        for at, rate in enumerate(rates):
            slips = (hard and at) or dice.random() > rate
            answer = (wrong if hard else dice.choice([one for one in LABELS if one != label])) if slips else label
            cells.append(Cell(str(n), technique=f"t{at}", answer=answer, score=float(answer == expected[n])))
    return cells


def test_four_of_five_planted_labels_stand_among_the_first_tenth(database: Database) -> None:
    found = planted = 0
    for seed in range(10):
        dice = random.Random(seed)
        true = [dice.choice(LABELS) for _ in range(200)]
        wrong = set(dice.sample(range(200), 10))
        expected = [
            dice.choice([one for one in LABELS if one != label]) if n in wrong else label
            for n, label in enumerate(true)
        ]
        cells = answers(true, expected, (0.9, 0.8, 0.7, 0.6), dice)
        first = suspects_of(database, cells, expected, f"run{seed:05}")[:20]
        found += len(wrong & {one.case for one in first})
        planted += len(wrong)
    assert found >= 0.8 * planted, f"{found} of {planted}"


def test_variants_that_guess_say_nothing(database: Database) -> None:
    dice = random.Random(1)
    true = [dice.choice(LABELS) for _ in range(60)]
    assert suspects_of(database, answers(true, true, (0.34, 0.33, 0.3), dice), true, "guess") == []


def test_a_single_variant_raises_no_doubt(database: Database) -> None:
    dice = random.Random(2)
    true = [dice.choice(LABELS) for _ in range(60)]
    assert suspects_of(database, answers(true, true, (0.9,), dice), true, "alone") == []


def test_the_suspect_says_how_many_variants_agree(database: Database) -> None:
    labels = ["a", "b"] * 10
    cells = [
        Cell(str(n), technique=f"t{at}", answer="b" if n == 0 and at < 2 else label, score=float(n != 0 or at == 2))
        for n, label in enumerate(labels)
        for at in range(3)
    ]
    (suspect,) = suspects_of(database, cells, labels, "agree")
    assert (suspect.case, suspect.cell, suspect.agree, suspect.variants) == (0, 0, 2, 3)
    assert suspect.weight > 0


def test_a_check_that_compares_nothing_leaves_labels_alone(database: Database) -> None:
    cells = [
        Cell(str(n), technique=f"t{at}", answer="b", score=None, scores={"length": 0.0})
        for n in range(10)
        for at in range(3)
    ]
    assert suspects_of(database, cells, ["a", "b"] * 5, "length") == []
