"""The figures of the bar."""

from __future__ import annotations

from promptgrid.ui.widgets.token_bar import bar_data


def test_bar_shares_add_up_to_the_limit() -> None:
    data = bar_data([("system", 14), ("examples", 54), ("question", 28)], 512, 256, True, "")
    assert data["headline"] == "96 of 512 tokens"
    assert [segment["share"] for segment in data["segments"]] == [14 / 512, 54 / 512, 28 / 512, 0.5]
    assert (data["alarm"], data["mark"], data["note"]) == ("", None, "")


def test_bar_says_in_words_what_is_over_the_limit() -> None:
    data = bar_data([("question", 9000)], 8192, 256, True, "")
    assert data["alarm"].startswith("1,064 over the limit")
    assert data["mark"] == 8192 / 9256
    assert sum(segment["share"] for segment in data["segments"]) == 1


def test_bar_marks_an_estimate_with_its_reason() -> None:
    data = bar_data([("question", 9)], None, 0, False, "no tokenizer")
    assert data["headline"] == "≈ 9 tokens"
    assert data["note"] == "no tokenizer · limit unknown"


def test_bar_of_nothing_is_empty() -> None:
    assert bar_data([], 0, 0, True, "")["segments"] == []


def test_bar_exactly_at_the_limit_fits() -> None:
    assert bar_data([("question", 7936)], 8192, 256, True, "")["alarm"] == ""
