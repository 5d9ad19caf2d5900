"""Each case has its part for good: learn, choose or prove."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptgrid.cases.duplicates import content, duplicates
from promptgrid.cases.parts import PARTS, SHARES, digests, of_part, part_notes, parted, table_notes
from promptgrid.cases.table import Case
from promptgrid.errors import CasesError
from promptgrid.prompt import Example, Message, Prompt

WORDS = [
    "late",
    "box",
    "red",
    "sun",
    "dog",
    "tea",
    "cup",
    "old",
    "new",
    "map",
    "car",
    "sea",
    "ink",
    "owl",
    "gem",
    "fig",
]
texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=12).map(" ".join)
rows = st.fixed_dictionaries({"text": texts, "group": st.sampled_from(["", "", "a", "b"])})
tables = st.lists(st.builds(Case, st.just(""), rows, st.sampled_from(["yes", "no", None])), max_size=25)


def table(count: int, seed: int = 0) -> list[Case]:
    """Cases of 12 random words each, of three answers that are unequally frequent."""
    draw = random.Random(seed)
    answers = ["common"] * 6 + ["rarer"] * 3 + ["rare"]
    return [
        Case(str(i), {"text": " ".join(f"w{draw.randrange(10_000)}x" for _ in range(12))}, answers[i % 10])
        for i in range(count)
    ]


@settings(deadline=None)
@given(tables, tables)
def test_rows_that_are_added_change_no_part(before: list[Case], more: list[Case]) -> None:
    assert parted([*before, *more])[: len(before)] == parted(before)


@settings(deadline=None)
@given(st.permutations(table(40)), st.integers(0, 39))
def test_sorting_and_deleting_rows_changes_no_part_that_is_known(shuffled: list[Case], left: int) -> None:
    cases = parted(table(40))
    known = dict(zip(digests(cases), [case.part for case in cases], strict=True))
    usual = {case.id: case.part for case in cases}
    assert {case.id: case.part for case in parted(shuffled[:left], known=known)}.items() <= usual.items()


@settings(deadline=None)
@given(tables)
def test_a_group_stays_together(cases: list[Case]) -> None:
    parts: dict[str, set[str]] = {case.inputs["group"]: set() for case in cases}
    for case in parted(cases):
        parts[case.inputs["group"]].add(case.part)
    parts.pop("", None)
    assert all(len(of_group) == 1 for of_group in parts.values())


@settings(deadline=None)
@given(tables)
def test_a_near_duplicate_has_the_part_of_the_earliest_case_that_it_resembles(cases: list[Case]) -> None:
    cases = [replace(case, inputs={"text": case.inputs["text"]}) for case in cases]
    parts = [case.part for case in parted(cases)]
    assert all(parts[place] == parts[one.of] for place, one in duplicates(cases).items())


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 300))
def test_each_answer_and_the_table_have_their_shares_within_a_few_cases(seed: int, count: int) -> None:
    cases = parted(table(count, seed))
    for answer in (None, "common", "rarer", "rare"):
        mine = [case.part for case in cases if answer in (None, case.expected)]
        for part in PARTS:
            assert abs(mine.count(part) - SHARES[part] * len(mine)) <= (8 if answer is None else 2)


def test_the_draw_is_by_the_shares() -> None:
    """First rows of tables: there is room in every part."""
    first = [parted([case])[0].part for case in table(3_000)]
    for part in PARTS:
        assert first.count(part) / len(first) == pytest.approx(SHARES[part], abs=0.03)


def test_a_part_does_not_depend_on_id_answer_capitals_or_spaces() -> None:
    one, other = (
        Case("1", {"id": "1", "text": "Arrived broken"}, "bad"),
        Case("x", {"id": "x", "text": " arrived  BROKEN"}),
    )
    assert parted([one])[0].part == parted([other])[0].part


def test_parts_are_the_same_in_every_version() -> None:
    """A changed hash would move cases that were sealed."""
    assert "".join(case.part[0] for case in parted(table(30))) == "plcpcllclpllppcccplclllppcpcll"


def test_a_later_row_between_two_parts_moves_neither() -> None:
    cases = table(40)
    bridge = Case("b", {"text": " ".join(cases[0].inputs["text"].split()[:6] + cases[1].inputs["text"].split()[6:])})
    assert parted([*cases, bridge])[:40] == parted(cases)


def test_a_part_is_selected_by_its_name() -> None:
    cases = parted(table(30))
    assert of_part(cases, "") == cases
    assert {case.part for case in of_part(cases, "prove")} == {"prove"}


def test_an_unknown_part_and_an_unknown_column_are_refused_with_what_was_meant() -> None:
    with pytest.raises(CasesError, match="proove") as unknown:
        of_part(parted(table(3)), "proove")
    assert "prove" in unknown.value.hint
    with pytest.raises(CasesError, match="no column 'txt'") as no_column:
        parted(table(3), "txt")
    assert "text" in no_column.value.hint


def test_an_empty_part_is_an_error_not_an_empty_plan() -> None:
    one = parted(table(1))
    other = next(part for part in PARTS if part != one[0].part)
    with pytest.raises(CasesError, match="None of the 1 case"):
        of_part(one, other)


def test_the_answers_that_a_part_lacks_are_said() -> None:
    cases = [
        replace(case, part="learn" if case.expected == "rare" else PARTS[i % 3]) for i, case in enumerate(table(30))
    ]
    assert part_notes(cases) == [
        "choose has no case with 'rare'",
        "prove has no case with 'rare'",
    ]


SENTENCE = "The parcel arrived two weeks late and the box was crushed on one side."


@pytest.mark.parametrize(
    ("other", "copy"),
    [
        (SENTENCE, True),
        (SENTENCE.upper(), True),
        (SENTENCE.replace(".", "!!"), False),
        (SENTENCE.replace("crushed", "broken"), False),
        (f"Hi, {SENTENCE}", False),
    ],
)
def test_copies_and_near_duplicates_are_found(other: str, copy: bool) -> None:
    copies = duplicates([*table(3), Case("1", {"id": "1", "text": SENTENCE}), Case("2", {"id": "2", "text": other})])
    assert {place: (one.of, one.copy) for place, one in copies.items()} == {4: (3, copy)}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("A train goes 60 km in 2 hours. How far in one?", "A train goes 60 km in 3 hours. How far in one?"),
        ("What is the capital of France?", "What is the capital of Spain?"),
        ("2+3", "3+2"),
        ("Good", "Bad"),
        ("这家餐厅的服务态度非常好", "那部电影的音乐实在太吵了"),
    ],
)
def test_other_questions_are_no_duplicates(one: str, other: str) -> None:
    assert duplicates([Case("1", {"q": one}), Case("2", {"q": other})]) == {}


def test_the_near_duplicates_are_those_that_comparing_all_pairs_finds() -> None:
    draw = random.Random(1)
    cases = [Case(str(i), {"t": " ".join(draw.choices(WORDS[:6], k=6))}) for i in range(150)]
    earliest = {}
    for place, case in enumerate(cases):
        alone = [other for other in range(place) if duplicates([cases[other], case])]
        if alone:
            earliest[place] = alone[0]
    assert {place: one.of for place, one in duplicates(cases).items() if not one.copy} == {
        place: of for place, of in earliest.items() if not duplicates(cases)[place].copy
    }


def test_copies_near_duplicates_and_examples_among_the_cases_are_told() -> None:
    prompt = Prompt("mood", (Message("user", "{{ text }}"),), examples=(Example({"text": SENTENCE}, "bad"),))
    cases = [
        *table(2),
        *(Case(str(i), {"text": text}) for i, text in enumerate([SENTENCE, SENTENCE, f"Oh, {SENTENCE}"], 2)),
    ]
    assert table_notes(cases, [prompt]) == [
        "1 case is a copy of an earlier one: 3 of 2",
        "1 case is a near duplicate of an earlier one: 4 of 2",
        "3 cases are examples of mood, and few-shot prompts show the answer: 2, 3, 4",
    ]


def test_twenty_equal_rows_are_told_as_nineteen_copies() -> None:
    cases = [Case(str(i), {"text": "Great day!"}) for i in range(1, 21)]
    assert table_notes(cases) == ["19 cases are each a copy of an earlier one: 2 of 1, 3 of 1, 4 of 1 and 16 more"]


def test_cases_of_their_own_have_nothing_told() -> None:
    assert table_notes(table(200)) == []


def test_near_duplicates_are_found_in_a_large_table_too() -> None:
    cases = table(6000)
    notes = table_notes([*cases, Case("last", {"text": f"Oh, {SENTENCE}"}), Case("more", {"text": SENTENCE})])
    assert "1 case is a near duplicate of an earlier one: more of last" in notes


words = st.lists(st.sampled_from(["a", "b", "c", "d", "e", "f", "g", "1", "2"]), min_size=2, max_size=12).map(" ".join)


def set_of(text: str) -> set[tuple[str, ...]]:
    single = text.split()
    return {*((word,) for word in single), *pairwise(single)}


def alike(a: Case, b: Case) -> bool:
    """The definition, in every column where a text has four words or more."""
    texts = [{name: text for name, text in case.inputs.items() if len(text.split()) >= 4} for case in (a, b)]
    if not texts[0] or texts[0].keys() != texts[1].keys():
        return False
    for name, text in texts[0].items():
        one, other = set_of(text), set_of(texts[1][name])
        if len(one & other) < 0.7 * len(one | other) or (one ^ other) & {("1",), ("2",)}:
            return False
    return True


@settings(deadline=None, max_examples=200)
@given(st.lists(st.fixed_dictionaries({"x": words, "y": words}), max_size=12), st.integers(0, 4))
def test_near_duplicates_are_those_of_the_definition(rows: list[dict[str, str]], examples: int) -> None:
    cases = [Case(str(i), row) for i, row in enumerate(rows)]
    for first in (None, examples):
        known = duplicates(cases, first)
        seen: dict[str, int] = {}
        for at, case in enumerate(cases):
            copy_of = seen.setdefault(content(case), at)
            distinct = [other for other in seen.values() if other < at and (first is None or other < first)]
            near = next((other for other in sorted(distinct) if alike(cases[other], case)), None)
            expected = (copy_of, True) if copy_of < at else None if near is None else (near, False)
            assert (known[at].of, known[at].copy) == expected if at in known else expected is None
