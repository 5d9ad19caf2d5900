"""A number in any notation is read back, or unread: never another number."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Callable, Mapping
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptgrid.answers import find_numerals, last_numeral, read_answer
from promptgrid.answers.numbers import canonical
from promptgrid.prompt import AnswerRule

NUMBER = AnswerRule("number")
ONES = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
TENS = ["_", "_", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
HAN = "零一二三四五六七八九"


def in_english(n: int) -> str:
    if n < 20:
        return ONES[n]
    if n < 100:
        return TENS[n // 10] + (f"-{ONES[n % 10]}" if n % 10 else "")
    if n < 1000:
        return f"{ONES[n // 100]} hundred" + (f" and {in_english(n % 100)}" if n % 100 else "")
    size, word = (10**6, "million") if n >= 10**6 else (1000, "thousand")
    return f"{in_english(n // size)} {word}" + (f" {in_english(n % size)}" if n % size else "")


def in_chinese(n: int) -> str:
    if n < 10:
        return HAN[n]
    size, sign = next(
        (s, c) for s, c in ((10**8, "亿"), (10**4, "万"), (1000, "千"), (100, "百"), (10, "十")) if n >= s
    )
    rest = n % size
    gap = "零" if rest and rest < size // 10 else ""
    return in_chinese(n // size) + sign + (gap + in_chinese(rest) if rest else "")


def grouped(n: int, mark: str, size: int = 3) -> str:
    digits = str(n)
    first = len(digits) % size or size
    return mark.join([digits[:first], *(digits[i : i + size] for i in range(first, len(digits), size))])


def indian(n: int) -> str:
    head, tail = divmod(n, 1000)
    return f"{grouped(head, ',', 2)},{tail:03d}" if head else str(n)


WHOLE: Mapping[str, Callable[[int], str]] = {
    "bare": str,
    "commas": lambda n: f"{n:,}",
    "thin spaces": lambda n: grouped(n, "\u2009"),
    "blanks": lambda n: grouped(n, " "),
    "no-break spaces": lambda n: grouped(n, "\u00a0"),
    "apostrophes": lambda n: grouped(n, "'"),
    "underscores": lambda n: grouped(n, "_"),
    "Indian": indian,
    "groups of four": lambda n: grouped(n, ",", 4),
    "LaTeX commas": lambda n: f"{n:,}".replace(",", "{,}"),
    "LaTeX thin spaces": lambda n: grouped(n, "\\,"),
    "LaTeX negative spaces": lambda n: f"{n:,}".replace(",", ",\\!"),
    "full width": lambda n: "".join(chr(0xFF10 + int(c)) for c in str(n)),
    "Arabic digits": lambda n: "".join(chr(0x0660 + int(c)) for c in str(n)),
    "English words": in_english,
    "Chinese words": in_chinese,
    "bold": lambda n: f"**{n}**",
    "dollars": lambda n: f"${n:,}",
    "math": lambda n: f"${n}$",
    "in text": lambda n: f"\\text{{{n}}}",
    "with a unit": lambda n: f"{n} m^2",
    "with a unit in LaTeX": lambda n: f"{n}\\text{{ cm}}^{{3}}",
    "in a sum": lambda n: f"{n - 7} + 7 = {n}",
}
DECIMAL: Mapping[str, Callable[[int, str], str]] = {
    "point": lambda n, d: f"{n:,}.{d}",
    "comma": lambda n, d: f"{n},{d}",
    "German": lambda n, d: f"{grouped(n, '.')},{d}",
    "French": lambda n, d: f"{grouped(n, chr(0x202F))},{d}",
    "Swiss": lambda n, d: f"{grouped(n, chr(0x2019))}.{d}",
    "LaTeX": lambda n, d: f"{n}{{,}}{d}",
}
SCALED: Mapping[str, tuple[int | Fraction, str]] = {
    "million": (10**6, "{} million"),
    "billion": (10**9, "{} billion"),
    "thousand": (1000, "{} thousand"),
    "k": (1000, "{}k"),
    "万": (10**4, "{}万"),
    "亿": (10**8, "{}亿元"),
    "power": (10**5, "{} × 10^5"),
    "power in LaTeX": (10**5, r"${} \times 10^{{5}}$"),
    "raised": (10**5, "{}·10⁵"),
    "small power": (Fraction(1, 1000), r"{} \cdot 10^{{-3}}"),
    "e": (10**4, "{}e4"),
    "percent": (Fraction(1, 100), "{} %"),
    "percent in words": (Fraction(1, 100), "{} percent"),
    "percent in LaTeX": (Fraction(1, 100), r"{}\%"),
    "lakh": (10**5, "{} lakh"),
    "money": (10**6, "${}M"),
}
FRACTIONS = ("{}/{}", r"\frac{{{}}}{{{}}}", r"\dfrac{{{}}}{{{}}}", "{}⁄{}", "{} / {}", r"$\frac{{{}}}{{{}}}$")
PLACES = (
    "{}", "The answer is {}.", "Answer: {}", "So 3 - 1 = 2.\n#### {}", "\\boxed{{{}}}", "<answer>{}</answer> (2 steps)",
    "**Final Answer:** {}\n\nI needed 2 steps.", "First 5.\nIt is {} in all", "答案是{}。", "Answer: {} apples (of 60)",
)  # fmt: skip


def check_read(written: str, value: Fraction, place: str, language: str = "en") -> None:
    reply = place.format(written)
    answer = read_answer(NUMBER, reply, language=language)
    if answer.answer is None:
        assert answer.note
        return
    number = canonical(answer.answer)
    assert number is not None, (reply, answer)
    assert number.value == value, (reply, answer)


@settings(deadline=None, max_examples=400)
@given(
    st.sampled_from(sorted(WHOLE)),
    st.integers(8, 10**9 - 1) | st.integers(8, 20_000),
    st.sampled_from(PLACES),
    st.booleans(),
)
def test_a_whole_number_is_read_back_or_unread(notation: str, n: int, place: str, negative: bool) -> None:
    sign = "minus " if notation == "English words" else "负" if notation == "Chinese words" else "-"
    negative = negative and notation not in ("bold", "math", "in text", "in a sum")
    check_read(sign * negative + WHOLE[notation](n), Fraction(-n if negative else n), place)


@settings(deadline=None, max_examples=400)
@given(st.sampled_from(sorted(DECIMAL)), st.integers(0, 10**7), st.text("0123456789", min_size=1, max_size=5),
       st.sampled_from(PLACES), st.sampled_from(["en", "de", ""]))  # fmt: skip
def test_a_decimal_is_read_back_or_unread(notation: str, n: int, decimals: str, place: str, language: str) -> None:
    commas = notation not in ("point", "Swiss")
    if language and commas != (language == "de") and len(decimals) == 3:
        return  # 1,234 is what the prompt's language says
    check_read(DECIMAL[notation](n, decimals), Fraction(f"{n}.{decimals}"), place, language)


@settings(deadline=None, max_examples=300)
@given(
    st.sampled_from(sorted(SCALED)),
    st.integers(1, 999),
    st.sampled_from(["", ".4", ".25", ",7"]),
    st.sampled_from(PLACES),
)
def test_a_scaled_number_is_read_back_or_unread(notation: str, n: int, decimals: str, place: str) -> None:
    size, pattern = SCALED[notation]
    check_read(pattern.format(f"{n}{decimals}"), Fraction(f"{n}{decimals.replace(',', '.')}") * size, place)


@settings(deadline=None, max_examples=200)
@given(st.integers(1, 99), st.integers(2, 99), st.integers(1, 9), st.sampled_from(PLACES), st.sampled_from(FRACTIONS))
def test_a_fraction_is_read_back_or_unread(top: int, bottom: int, whole: int, place: str, pattern: str) -> None:
    check_read(pattern.format(top, bottom), Fraction(top, bottom), place)
    if top < bottom:
        check_read(f"{whole} {pattern.format(top, bottom)}", whole + Fraction(top, bottom), place)


@pytest.mark.parametrize("notation", sorted(WHOLE))
def test_every_notation_of_a_whole_number_is_read(notation: str) -> None:
    n = 123_456_789
    assert read_answer(NUMBER, f"The answer is {WHOLE[notation](n)}.").answer == str(n)


@pytest.mark.parametrize("notation", sorted(SCALED))
def test_every_scale_is_read(notation: str) -> None:
    size, pattern = SCALED[notation]
    number = last_numeral(pattern.format("2.4"))
    assert number is not None
    assert number.value == Fraction("2.4") * size


DIGITS = [chr(c) for c in range(sys.maxunicode + 1) if chr(c).isdigit() or chr(c).isnumeric()] + [chr(0x1CCF2)]
DIGITS.remove("¹")  # 7¹ is 7


def test_every_digit_of_unicode_is_read_by_its_value_or_not_at_all() -> None:
    for digit in DIGITS:
        for text in (digit, f"7{digit}", f"{digit}7", f"Answer: {digit}", f"x {digit} y"):
            for numeral in find_numerals(text):
                if len(text) == 1 and numeral.is_number:
                    assert numeral.value == Fraction(unicodedata.numeric(digit)).limit_denominator(400), digit
                if text == f"7{digit}" and numeral.is_number:
                    assert numeral.value != 7, f"the 7 beside {digit!r} does not stand alone"


@settings(deadline=None, max_examples=300)
@given(
    st.text(st.sampled_from("0123456789.,'/%-+×^()[]{}$ \\fracsqrt€e万亿一二百两点分之:;=<>#\n" + "½²３٤𝟗")),
    st.sampled_from(["en", "de", ""]),
)
def test_no_text_raises(text: str, language: str) -> None:
    for numeral in find_numerals(text, language):
        assert numeral.is_number or numeral.kind != "number"
    read_answer(NUMBER, text, language=language)
