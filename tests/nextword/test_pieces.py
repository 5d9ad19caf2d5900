"""Tokens as a person can read them."""

from __future__ import annotations

import pytest

from promptgrid import nextword
from promptgrid.endpoint.base import TokenStep
from promptgrid.errors import PlanError
from promptgrid.nextword import Continuation


@pytest.mark.parametrize(
    ("data", "label"),
    [
        (b" with", "·with"),
        ("我".encode(), "我"),
        (b"\xe6\x97", "‹E6 97›"),
        (b"a\n", "a↵"),
        (b"", "(end or control)"),
        ("\u202e\x1b".encode(), "‹U+202E›‹U+001B›"),
    ],
)
def test_every_token_can_be_read(data: bytes, label: str) -> None:
    assert nextword.token_label(data) == label


@pytest.mark.parametrize(
    ("before", "data", "makes"),
    [
        (b"\xe6\x97", b"\xa5", "日"),
        (b"a\xf0\x9f", b"\x98\x98!", "😘"),
        (b"\xf0", b"\x9f", ""),
        ("日".encode(), b"\xa5", ""),
        (b"a", b"b", ""),
        (b"\xe6\x97", b"a", ""),
        (b"", b"", ""),
    ],
)
def test_what_completes_a_character_says_which(before: bytes, data: bytes, makes: str) -> None:
    assert nextword.completed_character(before, data) == makes


def test_a_place_inside_a_character_is_no_text() -> None:
    inside = Continuation("我", (TokenStep(b"\xe6\x97", -1.0, 5),))
    with pytest.raises(PlanError, match="inside a character"):
        inside.whole_text()
    assert inside.after([TokenStep(b"\xa5", -1.0, 6)]).whole_text() == "我日"
    assert inside.back() == Continuation("我") == Continuation("我").back()
