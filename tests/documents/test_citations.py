"""Citations in replies: numbers, lists and ranges in brackets."""

from __future__ import annotations

import pytest

from promptgrid.documents.citations import citations


def read(text: str) -> list[tuple[tuple[int, ...], str]]:
    return [(one.numbers, text[one.start : one.end]) for one in citations(text)]


@pytest.mark.parametrize(
    ("text", "cited"),
    [
        ("at nine [1].", [((1,), "[1]")]),
        ("九点【2】开船［3］", [((2,), "【2】"), ((3,), "［3］")]),
        ("both [1, 12] and [3]", [((1,), "1"), ((12,), "12"), ((3,), "[3]")]),
        ("两处[1、2]，又见【3和５】", [((1,), "1"), ((2,), "2"), ((3,), "3"), ((5,), "５")]),
        ("all of [1–3].", [((1, 2, 3), "[1–3]")]),
        ("all of [1]-[3].", [((1, 2, 3), "[1]-[3]")]),
        ("见【1】～【2】与[4至5]", [((1, 2), "【1】～【2】"), ((4, 5), "[4至5]")]),
        ("see [1-2; 4 & 6]", [((1, 2), "1-2"), ((4,), "4"), ((6,), "6")]),
        ("[1][2] — [3]", [((1,), "[1]"), ((2,), "[2]"), ((3,), "[3]")]),
        ("in [2024] or x[i] or 1 or [] or [9:30] or [12.50 crowns]", []),
    ],
)
def test_citations_are_numbers_lists_and_ranges_in_brackets(
    text: str, cited: list[tuple[tuple[int, ...], str]]
) -> None:
    assert read(text) == cited


@pytest.mark.parametrize("text", ["[3-1]", "[3]–[1]", "[1-900]", "[see 2]", "[^1]", "【资料 3】", "[1 or 2]"])
def test_a_citation_that_is_not_understood_is_unread(text: str) -> None:
    assert read(f"It leaves at nine {text}.") == [((), text)]


def test_a_hostile_reply_is_read_in_time() -> None:
    for part in ("[", "[1", "[1,", "[1-", "[a 1 "):
        assert not [one for one in citations(part * 50_000) if one.numbers]
