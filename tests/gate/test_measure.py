"""What a gate measures: what holds, what is missed and why."""

from __future__ import annotations

from dataclasses import replace

import pytest

from promptgrid import gate
from promptgrid.errors import GateError
from tests.gate.verdicts import BROKEN, RIGHT, SILENT, UNASKED, UNREAD, WRONG, ZERO, result_of


def test_a_score_is_enough_or_it_is_not() -> None:
    assert result_of(0.9, *[RIGHT] * 9, WRONG).held
    missed = result_of(0.95, *[RIGHT] * 9, WRONG)
    assert not missed.held
    assert missed.reason == "0.9 is below 0.95"
    assert [b.case_id for b in missed.broke] == ["9"]
    assert missed.measured.startswith("0.9 (")


def test_thirds_add_up() -> None:
    third = replace(RIGHT, value=1 / 3, at_worst=1 / 3)
    assert result_of(1 / 3, *[third] * 7).held
    assert result_of(0.7, *[replace(RIGHT, value=0.1 + 0.2 + 0.4, at_worst=0.7)] * 3).held


def test_what_is_below_never_reads_as_if_it_were_not() -> None:
    assert result_of(0.9, replace(RIGHT, value=0.89999, at_worst=0.89999)).reason == "0.8999 is below 0.9"


def test_nothing_scored_is_a_miss_with_its_reason() -> None:
    for nothing in (UNREAD, UNASKED, SILENT):
        missed = result_of(0.0, nothing, nothing)
        assert not missed.held
        assert nothing.explanation in missed.reason
        assert missed.measured == "not scored"


def test_a_reply_that_could_not_be_scored_is_no_pass() -> None:
    assert not result_of(0.9, *[RIGHT] * 5, UNREAD).held
    assert "0.8333" in result_of(0.9, *[RIGHT] * 5, UNREAD).reason
    assert result_of(0.8, *[RIGHT] * 5, UNREAD).held  # even if it is wrong
    assert result_of(1.0, RIGHT, UNASKED).held  # nobody said what would be right


def test_a_check_that_itself_failed_is_a_miss() -> None:
    missed = result_of(0.1, *[RIGHT] * 50, BROKEN)
    assert not missed.held
    assert missed.reason == "the check itself failed in 1 case: it took longer than 5 s"


def test_confident_asks_for_the_low_end_of_the_interval() -> None:
    assert result_of(0.8, *[RIGHT] * 9, WRONG).held
    missed = result_of(0.8, *[RIGHT] * 9, WRONG, confident=True)
    assert not missed.held
    assert "more cases would decide" in missed.reason
    assert result_of(0.8, *[RIGHT] * 90, *[WRONG] * 5, confident=True).held


def test_each_variant_must_hold() -> None:
    few = replace(WRONG, variant=replace(ZERO, technique="few-shot"), label="few-shot")
    results = gate.min_score(gate.MinScore("label", 0.5), [RIGHT, few, replace(RIGHT, check="other")])
    assert [(r.variant, r.held) for r in results] == [("t = 0.7", True), ("few-shot", False)]


def test_cells_without_a_reply_are_a_miss_of_their_own() -> None:
    missed = gate.all_answered({"answered": 3, "failed": 1, "pending": 2}, [RIGHT, SILENT])
    assert (missed.held, missed.reason, missed.measured) == (False, "3 cells without a reply", "3 of 6")
    assert [b.explanation for b in missed.broke] == ["timed out"]
    assert gate.all_answered({"answered": 3}, [RIGHT]).held
    assert not gate.all_answered({}, []).held


@pytest.mark.parametrize("text", ["label", "label=", "=0.5", "label=1.5", "label=-1", "label=nan", "label=90", ""])
def test_what_is_no_gate_says_how_one_is_written(text: str) -> None:
    with pytest.raises(GateError, match=r"label=0\.9"):
        gate.parse_min_score(text)
