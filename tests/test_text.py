"""Foreign text in one line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptgrid.text import cut, one_line, printable


@given(st.text())
def test_a_printable_text_holds_nothing_that_a_terminal_or_xml_obeys(text: str) -> None:
    clean = printable(text)
    assert len(clean) == len(text)
    assert all(letter.isprintable() or letter in "\u200c\u200d" for letter in clean)


def test_words_and_emoji_that_need_a_joiner_stay_whole() -> None:
    assert printable("نمی\u200cخواهم 👩\u200d🔬") == "نمی\u200cخواهم 👩\u200d🔬"
    assert printable("a\x1b[31m\u202eb\ud800") == "a [31m b "


@pytest.mark.parametrize(("text", "limit", "whole"), [("abc", 3, "abc"), ("abcd", 3, "ab…"), ("ab", 1, "…")])
def test_a_cut_text_is_no_longer_than_its_limit_and_says_that_more_follows(text: str, limit: int, whole: str) -> None:
    assert cut(text, limit) == whole


def test_one_line_has_single_spaces_and_no_ends() -> None:
    assert one_line("\n a\t\r\n b \u3000c\x00 ", 20) == "a b c"


def test_what_stands_behind_a_long_gap_is_left_out_with_a_sign() -> None:
    assert one_line("a" + " " * 1000 + "b", 20) == "a…"


@given(st.text(), st.integers(1, 30))
def test_one_line_is_short_and_stays_as_it_is_when_read_again(text: str, limit: int) -> None:
    line = one_line(text, limit)
    assert len(line) <= limit
    assert one_line(line, limit) == line
