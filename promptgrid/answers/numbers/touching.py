"""Reads what touches digits: a sign, a currency, a unit, or something unknown that makes the number unclear."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from promptgrid.answers.numbers import chinese
from promptgrid.answers.units import find_unit
from promptgrid.text import late

_BEFORE = late(
    r"""(?x)
    (?:(?P<word>(?<![^\W_])(?:minus|negative|moins|menos|минус)[ ]+ | [负負][ ]? | 零下[ ]?) | (?P<sign>[-+±]))?
    (?P<money>(?:(?<![A-Za-z])(?:US|HK|CA|AU|NZ|A|C|R))?[$€£¥₹₽₩₺฿][ ]?
        | (?<![A-Za-z])(?:USD|EUR|GBP|CNY|RMB|INR|JPY|Rs\.?)[ ]?)?
    (?P<late>-)?$
    """
)
_LEAD = late(r"([<>≤≥≠±√])=?[ ]?$")
_COMPARED = late(r"[ ]?[<>≤≥≠]")
_LOOK_BACK = 16  # characters before digits that are searched for a sign
_NOT_ALONE = {
    **dict.fromkeys("<>≤≥≠", "an inequality"), "±": "a margin", "√": "a root", "/": "part of a fraction",
    "^": "a power", ")": "part of an expression", "]": "part of an expression", "}": "part of an expression",
    "\\": "LaTeX that is not understood", "|": "part of an expression",
}  # fmt: skip
_AFTER = {
    "^": "a power", "_": "a subscript", "{": "part of an expression", "\\": "LaTeX that is not understood",
    "√": "a root", "±": "a margin", "…": "",
}  # fmt: skip
_ATTACHED = frozenset(
    [
        "st",
        "nd",
        "rd",
        "th",
        "yrs",
        "yr",
        "mins",
        "hrs",
        "secs",
        "pcs",
        "ppl",
        "eur",
        "usd",
        "gbp",
        "cny",
        "rmb",
        "kr",
        "zł",
        "ft",
        "sq",
        "cents",
        "ct",
        "p",
        "c",
        "er",
        "ème",
        "º",
        "ª",
    ]
)
_UNIT_LETTERS = frozenset("mgshdtlLJWVN")  # 5K and 7B may be thousands, billions, kelvins or bytes
_SUBSCRIPTS = frozenset("₀₁₂₃₄₅₆₇₈₉")
_LETTERS = late(r"[^\W\d_]+")


class Before(NamedTuple):
    """The text directly before digits.

    start      the index where it begins
    negative   it makes the number negative
    money      it is a currency
    name       the digits belong to a name (CO2, GPT-4, m^2)
    why        why the number is not understood; "" if it is
    """

    start: int
    negative: bool
    money: bool
    name: bool
    why: str


def before(text: str, at: int) -> Before:
    """Describes the text that touches the digits at the index `at` from the left: sign, currency or name."""
    if at == 0:
        return Before(0, False, False, False, "")
    low = max(0, at - _LOOK_BACK)
    match = _BEFORE.search(text[low:at])
    start, sign, negative, money = at, "", False, False
    if match is not None and match.group():
        start, sign = low + match.start(), match["sign"] or ""
        negative = bool(match["word"]) or sign == "-" or bool(match["late"])
        money = bool(match["money"])
    if sign and not _is_sign(text, start):
        start, negative = start + 1, bool(match and match["late"])
        if sign == "-" and start >= 2 and glued(text[start - 2]) and not text[start - 2].isdigit():
            return Before(start, False, money, True, "")
    return _touched(text, start, negative, money)


def _is_sign(text: str, at: int) -> bool:
    """Tells whether the - or + at the index `at` is a sign: no operand stands directly before it, as in "3-5"."""
    return at == 0 or not (glued(text[at - 1]) or text[at - 1] in ")]}%°-+")


def _touched(text: str, start: int, negative: bool, money: bool) -> Before:
    last = text[start - 1] if start else " "
    if glued(last):
        return Before(start, negative, money, True, "")
    if last == "^":
        base = text[start - 2 : start - 1]
        return Before(start, negative, money, not (base.isdigit() or base == ")"), "a power")
    why = _NOT_ALONE.get(last, "")
    lead = _LEAD.search(text[max(0, start - 3) : start])
    if lead is not None:
        quoted = lead[1] == ">" and not text[:start].rpartition("\n")[2].strip(" >")
        why = "" if quoted else _NOT_ALONE.get(lead[1], "an inequality")
    if last == "{" and re.match(r"[\w}\]^]", text[start - 2 : start - 1]):
        why = "LaTeX that is not understood"
    return Before(start, negative, money, False, why)


def after(text: str, at: int) -> str:
    """Returns why the digits that end at the index `at` are unclear because of the text behind them ("an inequality");
    "" if that text is harmless."""
    following = text[at : at + 1]
    if _COMPARED.match(text, at):
        return "an inequality"
    if not following or following in " .,;:!?\n":
        return ""
    if following in _SUBSCRIPTS:
        return "a subscript"
    if following in _AFTER:
        return _AFTER[following]
    if following == "(":
        return "part of an expression" if text[at + 1 : at + 2].isdigit() else ""
    if following in chinese.DIGITS and following not in "两兩":
        return "digits and characters"
    if not glued(following):
        unknown = following > "\x7f" and (following.isnumeric() or unicodedata.category(following) == "Cn")
        return "not understood: a sign unknown here touches it" if unknown else ""
    letters = _LETTERS.match(text, at)
    word = letters.group() if letters else following
    if word.lower() in _ATTACHED or word in _UNIT_LETTERS or (len(word) > 1 and find_unit(word) is not None):
        return "a decade" if word == "s" and re.search(r"[0-9]{4}$", text[:at]) else ""
    return f"not understood: {word} touches it"


def glued(c: str) -> bool:
    """Tells whether a character beside digits makes one word with them: a letter, a digit or _. A letter of a script
    that sets no blanks between words, such as Chinese, does not."""
    return (c.isalnum() or c == "_") and not (
        "\u2e80" <= c <= "\u9fff" or "\uac00" <= c <= "\ud7af" or "\u0e00" <= c <= "\u0e7f" or c >= "\U00020000"
    )
