"""Reads numbers in the notations of people, spreadsheets, LaTeX and models; a number that cannot be understood is
"unclear".

A text is converted to plain notation (`plain`) and read from left to right (`tokens`). Numerals that belong together
become one (`chains`). The answer is the last numeral of a sentence, unless there is doubt about it (`last`).
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
    """Returns every numeral in the text, in order. `language` is the prompt's; it decides whether 1.234 has a decimal
    point or a thousands separator."""
    return numerals_of_plain(plain(text[-LONGEST:]), language)


def numerals_of_plain(text: str, language: str) -> list[Numeral]:
    """Returns every numeral, as `find_numerals` does, of a text that is already in plain notation."""
    return list(chained(tokens(text, language), text))
