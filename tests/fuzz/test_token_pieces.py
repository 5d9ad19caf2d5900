"""The pieces of any text are that text, and a window of them is a part of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptgrid import tokens
from tests.fuzz.inputs import FUZZ, odd_texts


@pytest.mark.parametrize("name", ["o200k_base", "cl100k_base"])
@FUZZ
@given(text=odd_texts, first=st.integers(0, 30), most=st.integers(0, 9))
def test_the_pieces_of_any_text_are_the_text(name: str, text: str, first: int, most: int) -> None:
    tokenization = tokens.tokenize(text, name)
    pieces = tokenization.pieces()
    assert b"".join(piece.data for piece in pieces).decode() == tokenization.text
    assert tokenization.text == text or "\ufffd" in tokenization.text  # a lone surrogate cannot be sent
    assert tokenization.pieces(first, most) == pieces[first : first + most]
    assert sum(tokenization.by_line()) == len(pieces)
