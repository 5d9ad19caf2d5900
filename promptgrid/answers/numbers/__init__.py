"""Numbers in text, in the notations of people, spreadsheets, LaTeX and models; what is not understood is unclear.

A text is first put into plain notation (`plain`), then read from left to right (`tokens`); numerals that stand together
are one (`chains`); of those of a sentence the last one is meant, where none is doubted (`last`).
"""

from __future__ import annotations

from promptgrid.answers.numbers.chains import chained
from promptgrid.answers.numbers.last import LONGEST, aside, last_numeral, settled
from promptgrid.answers.numbers.model import Numeral, NumeralKind, canonical
from promptgrid.answers.numbers.plain import plain
from promptgrid.answers.numbers.tokens import tokens

__all__ = [
    "LONGEST",
    "Numeral",
    "NumeralKind",
    "aside",
    "canonical",
    "find_numerals",
    "last_numeral",
    "numerals_of_plain",
    "plain",
    "settled",
]


def find_numerals(text: str, language: str = "en") -> list[Numeral]:
    """Every numeral in the text, in order. `language` is the prompt's: it says what 1.234 is where it may be two."""
    return numerals_of_plain(plain(text[-LONGEST:]), language)


def numerals_of_plain(text: str, language: str) -> list[Numeral]:
    """The same of a text that is in plain notation already."""
    return list(chained(tokens(text, language), text))
