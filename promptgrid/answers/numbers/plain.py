"""Converts a text to plain notation: ASCII digits and signs, no LaTeX, no HTML tags; m² is m^2, ⅗ is 3/5."""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction

from promptgrid.answers.numbers.latex import without_latex

_FULL_WIDTH = {chr(0xFF01 + i): chr(0x21 + i) for i in range(94)}
_SIGNS = {
    **dict.fromkeys("\u2212\u2010\u2011\u2012\u2013\ufe63\u207b", "-"),
    "\u2044": "/", "\u2215": "/", "\u2236": ":", "\u3000": " ", "\u2032": "'", "\u2033": '"',
    "\u2715": "×", "\u2716": "×", "\u22c5": "·", "\u2219": "·", "\u2062": "×", "\u00ad": "", "\u200b": "", "\u2060": "",
    "\u066a": "%", "\u066b": ".", "\u066c": ",", "\u02bc": "'", "\u2019": "'", "\ufeff": "",
}  # fmt: skip
_PLAIN = str.maketrans({**_FULL_WIDTH, **_SIGNS})
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_RAISED_RUN = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺]+")
_VULGAR = re.compile("(\\d?)[ \u00a0\u2009]?([¼½¾⅐-⅞↉])")
_TAG = re.compile(r"""</?[a-zA-Z][\w:-]{0,40}(?:\s[a-zA-Z-]{1,20}=["'][^"'<>]{0,80}["']){0,4}\s?/?>""")
_CALCULATED = re.compile(r"<<[^<>\n]{0,200}>>")  # GSM8K's calculator marks: 3*2=<<3*2=6>>6
_EMPHASIS = re.compile(r"\*\*|__(?=\S)|(?<=\S)__|(?<![\w*])\*(?=[\d$€£¥-])|(?<=[\d%])\*(?![\w*\d(])|`")


def plain(text: str) -> str:
    """Returns the text in plain notation: digits and signs in ASCII, without LaTeX, HTML tags and Markdown emphasis. m²
    becomes m^2, ⅗ becomes 3/5. Never raises."""
    if not text.isascii():
        text = _ascii_digits(text)
    if "\\" in text or "{" in text:
        text = without_latex(text)
    if "<" in text:
        text = _CALCULATED.sub("", text) if "<<" in text else text
        text = _TAG.sub(" ", text)
    return _EMPHASIS.sub("", text) if "*" in text or "`" in text or "__" in text else text


def _ascii_digits(text: str) -> str:
    text = _RAISED_RUN.sub(lambda match: "^" + match[0].translate(_RAISED), text)
    text = _VULGAR.sub(_fraction, text).translate(_PLAIN)
    if any(c > "\x7f" and c.isdecimal() for c in text):
        text = "".join(str(unicodedata.decimal(c)) if c > "\x7f" and c.isdecimal() else c for c in text)
    return text


def _fraction(match: re.Match[str]) -> str:
    value = Fraction(unicodedata.numeric(match[2])).limit_denominator(10)
    return f"{match[1]} {value}" if match[1] else str(value)
