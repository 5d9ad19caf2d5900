"""Two runs against each other: matched by what their cases say and what their variants are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from promptgrid.compare import KINDS, ChangeKind, Changes, against
from promptgrid.errors import StoreError
from promptgrid.store import Database, runs
from promptgrid.store.across import baselines
from tests.stored import Case, Cell, store_run


def compared(
    database: Database, a: Sequence[Cell], b: Sequence[Cell], cases_a: Sequence[Case] = (), cases_b: Sequence[Case] = ()
) -> Changes:
    store_run(database, a, run_id="aaaa0001", case_rows=cases_a)
    store_run(database, b, run_id="bbbb0001", case_rows=cases_b)
    return against(database, "aaaa0001", "bbbb0001")


def kinds(database: Database, changes: Changes) -> dict[str, ChangeKind]:
    return {change.case_id: change.kind for change in changes.listed(database)}


def test_each_case_improved_broke_stayed_came_or_went(database: Database) -> None:
    a = [Cell("1", score=0.0), Cell("2", score=1.0), Cell("3", score=1.0), Cell("4", score=1.0), Cell("5", score=1.0)]
    b = [Cell("1", score=1.0), Cell("2", score=0.0), Cell("3", score=1.0), Cell("6", score=1.0),
         Cell("5", status="failed", error="broken pipe")]  # fmt: skip
    comparison = compared(database, a, b)
    assert kinds(database, comparison) == {
        "1": "improved", "2": "broke", "3": "same", "6": "new", "5": "gone", "4": "gone"
    }  # fmt: skip
    assert comparison.counts == {"improved": 1, "broke": 1, "same": 1, "changed": 0, "new": 1, "gone": 2}
    (variant,) = comparison.variants
    assert variant.counts == comparison.counts
    assert variant.label == "zero-shot · t = 0"
    assert variant.versus is not None
    assert (variant.versus.n, variant.versus.better, variant.versus.worse, variant.versus.tied) == (3, 1, 1, 1)
    assert comparison.versus is not None
    assert comparison.versus.n == 3
    assert "bbbb0001" in comparison.sentence


def test_a_change_says_what_both_runs_answered(database: Database) -> None:
    a = [Cell(answer="a", score=1.0), Cell(answer="a", score=1.0), Cell(answer="b", score=0.0)]
    b = [Cell(answer="b", score=0.0), Cell(answer="b", score=0.0), Cell(answer="a", score=1.0)]
    (change,) = compared(database, a, b).listed(database)
    assert (change.kind, change.answer_a, change.answer_b) == ("broke", "a", "b")
    assert (change.score_a, change.score_b) == pytest.approx((2 / 3, 1 / 3))
    assert (change.status_a, change.status_b, change.position_a, change.position_b) == ("answered", "answered", 0, 0)
    assert (change.case_id, dict(change.inputs), change.expected) == ("1", {"text": "case 1"}, "a")


def test_without_a_reply_now_a_case_is_gone_and_its_status_tells_why(database: Database) -> None:
    (change,) = compared(database, [Cell(score=1.0)], [Cell(status="too_long", error="Too long.")]).listed(database)
    assert (change.kind, change.status_a, change.status_b) == ("gone", "answered", "too_long")
    assert (change.score_b, change.answer_b, change.position_b) == (None, None, 0)


def test_cases_are_matched_by_what_they_say_whatever_their_place_and_id(database: Database) -> None:
    cases: list[Case] = [("1", {"x": "one", "y": "1"}, "a"), ("2", {"x": "two"}, None)]
    moved: list[Case] = [
        ("9", {"x": "two"}, None),
        ("8", {"y": "1", "x": "one"}, "a"),
        ("7", {"x": "one", "y": "1"}, "b"),
    ]
    a = [Cell("1", score=1.0), Cell("2", answer="b")]
    b = [Cell("9", answer="b"), Cell("8", score=0.0), Cell("7", score=0.0)]
    comparison = compared(database, a, b, cases, moved)
    assert kinds(database, comparison) == {"9": "same", "8": "broke", "7": "new"}


def test_duplicates_are_matched_one_by_one(database: Database) -> None:
    twice: list[Case] = [("1", {"x": "one"}, None), ("2", {"x": "one"}, None)]
    three: list[Case] = [*twice, ("3", {"x": "one"}, None)]
    a, b = [Cell("1", score=1.0), Cell("2", score=0.0)], [Cell(i, score=1.0) for i in "123"]
    assert kinds(database, compared(database, a, b, twice, three)) == {"1": "same", "2": "improved", "3": "new"}


def test_without_scores_it_is_the_answers_that_are_compared_and_nothing_is_better(database: Database) -> None:
    a = [Cell("1", answer="x"), Cell("2", answer="x"), Cell("3", answer=None), Cell("4", answer="x", score=1.0)]
    b = [Cell("1", answer="x"), Cell("2", answer="y"), Cell("3", answer=None), Cell("4", answer="y")]
    comparison = compared(database, a, b)
    assert kinds(database, comparison) == {"1": "same", "2": "changed", "3": "same", "4": "changed"}
    assert (comparison.versus, comparison.sentence, comparison.variants[0].versus) == (None, "", None)


def test_a_new_version_of_the_prompt_is_compared_with_the_old(database: Database) -> None:
    comparison = compared(database, [Cell(score=0.0, version="old")], [Cell(score=1.0, version="new")])
    (variant,) = comparison.variants
    assert variant.a is not None
    assert variant.b is not None
    assert (variant.a.version, variant.b.version) == ("old", "new")
    assert comparison.counts["improved"] == 1


def test_of_several_versions_each_is_compared_with_itself_first(database: Database) -> None:
    a = [Cell(score=0.0, version="v1"), Cell(score=1.0, version="v2")]
    b = [Cell(score=1.0, version="v2"), Cell(score=1.0, version="v3")]
    comparison = compared(database, a, b)
    pairs = [(v.a and v.a.version, v.b and v.b.version, v.label) for v in comparison.variants]
    assert pairs == [("v2", "v2", "p@v2"), ("v1", "v3", "p@v3")]


def test_variants_that_only_one_run_has_are_new_or_gone(database: Database) -> None:
    a = [Cell(technique="zero-shot", score=1.0), Cell(technique="few-shot", score=1.0), Cell(model="n", score=1.0)]
    b = [Cell(technique="zero-shot", score=1.0), Cell(temperature=0.7, score=1.0), Cell(temperature=None)]
    comparison = compared(database, a, b)
    assert comparison.counts == {"improved": 0, "broke": 0, "same": 1, "changed": 0, "new": 2, "gone": 2}
    sides = {v.label: (v.a is not None, v.b is not None) for v in comparison.variants}
    assert sides == {
        "zero-shot · t = 0 · e/m": (True, True),
        "zero-shot · t = 0.7 · e/m": (False, True),
        "zero-shot · t = default · e/m": (False, True),
        "few-shot · t = 0 · e/m": (True, False),
        "zero-shot · t = 0 · e/n": (True, False),
    }


def test_half_finished_runs_have_nothing_to_tell_of_what_waits(database: Database) -> None:
    a = [Cell("1", status="pending"), Cell("2", score=1.0)]
    comparison = compared(database, a, [replace(a[0], status="cancelled"), Cell("2", status="pending")])
    assert kinds(database, comparison) == {"2": "gone"}
    assert comparison.counts == {"improved": 0, "broke": 0, "same": 0, "changed": 0, "new": 0, "gone": 1}


def test_a_run_against_itself_is_the_same_in_all(database: Database) -> None:
    run_id = store_run(
        database, [Cell(str(i), score=float(i % 2), temperature=t) for i in range(8) for t in (0.0, 1.0)]
    )
    changes = against(database, run_id, run_id)
    assert changes.counts == dict.fromkeys(KINDS, 0) | {"same": 16}
    assert changes.versus is not None
    assert changes.versus.verdict in ("not distinguishable", "needs more")


def test_what_is_better_beyond_luck_is_said(database: Database) -> None:
    comparison = compared(
        database, [Cell(str(i), score=0.0) for i in range(12)], [Cell(str(i), score=1.0) for i in range(12)]
    )
    assert comparison.versus is not None
    assert comparison.versus.verdict == "better"
    assert "better" in comparison.variants[0].sentence


def test_a_part_of_the_changes_is_listed_kind_by_kind(database: Database) -> None:
    a = [Cell(str(i), score=1.0) for i in range(9)]
    comparison = compared(database, a, [replace(cell, score=float(i < 5)) for i, cell in enumerate(a)])
    assert [c.case_id for c in comparison.listed(database, ["broke"])] == ["5", "6", "7", "8"]
    assert [c.case_id for c in comparison.listed(database, ["broke"], start=1, count=2)] == ["6", "7"]
    assert [c.case_id for c in comparison.listed(database, ["broke", "same"], start=7)] == ["7", "8"]
    assert comparison.listed(database, ["new"]) == []


def test_runs_without_cells_can_be_compared(database: Database) -> None:
    comparison = compared(database, [], [Cell()])
    assert comparison.counts["new"] == 1
    assert against(database, "aaaa0001", "aaaa0001").listed(database) == []


@pytest.mark.parametrize("gone", ["aaaa0001", "bbbb0001"])
def test_a_run_that_is_deleted_or_gone_is_said(database: Database, gone: str) -> None:
    compared(database, [Cell()], [Cell()])
    runs.delete(database, gone)
    with pytest.raises(StoreError, match="was deleted"):
        against(database, "aaaa0001", "bbbb0001")
    runs.purge(database)
    with pytest.raises(StoreError, match="no run"):
        against(database, "aaaa0001", "bbbb0001")


def test_a_run_is_pinned_as_the_baseline_of_its_prompts(database: Database) -> None:
    store_run(database, [Cell(prompt="p"), Cell(prompt="q")], run_id="aaaa0001")
    store_run(database, [Cell(prompt="q")], run_id="bbbb0001")
    assert "p" not in baselines.pinned(database)
    assert baselines.pin(database, "aaaa0001") == ["p", "q"]
    assert baselines.pin(database, "bbbb0001") == ["q"]
    assert baselines.pinned(database) == {"p": "aaaa0001", "q": "bbbb0001"}
    assert baselines.unpin(database, "q")
    assert not baselines.unpin(database, "q")
    assert baselines.pinned(database) == {"p": "aaaa0001"}


def test_a_deleted_run_is_no_baseline_until_it_is_back(database: Database) -> None:
    store_run(database, [Cell()], run_id="aaaa0001")
    baselines.pin(database, "aaaa0001")
    runs.delete(database, "aaaa0001")
    assert "p" not in baselines.pinned(database)
    with pytest.raises(StoreError, match="no run aaaa0001"):
        baselines.pin(database, "aaaa0001")
    runs.restore(database, "aaaa0001")
    assert baselines.pinned(database) == {"p": "aaaa0001"}
    runs.delete(database, "aaaa0001")
    runs.purge(database)
    assert baselines.pinned(database) == {}
