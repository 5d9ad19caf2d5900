"""Number words in Chinese: 十二 · 三百零五 · 两万三千 · 1万2千 · 十二点五 · 百分之三十 · 二分之一."""

from __future__ import annotations

from fractions import Fraction

DIGITS = {
    **dict(zip("零一二三四五六七八九", range(10), strict=True)),
    **dict(zip("〇壹贰叁肆伍陆柒捌玖", range(10), strict=True)),
    "两": 2,
    "兩": 2,
    "貳": 2,
    "參": 3,
    "陸": 6,
    "○": 0,
}
"""The characters of digits, and their values."""
_TENS = {"十": 10, "百": 100, "千": 1000, "拾": 10, "佰": 100, "仟": 1000}
_SCALES = {"万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8, "兆": 10**12}

_LONGEST = 60  # characters; a longer number is a loop of the model
_CHARS = "".join((*DIGITS, *_TENS, *_SCALES))
PATTERN = (
    rf"(?:百分之|千分之)?[{_CHARS}]+(?:[点點][{''.join(DIGITS)}]+)?(?:分之[{_CHARS}]+|成(?=[多左右的，。,.\s]|$))?"
)
"""What may be a number in Chinese characters; `read_characters` says whether it is."""

MAGNITUDES = {**_TENS, **_SCALES}
"""Characters that multiply the digits before them: 2.4万."""


def read_characters(written: str) -> tuple[Fraction, bool] | None:
    """Returns (value, whether it is a percentage) of a number in Chinese characters: 百分之三十 is (30, True). None if
    the characters are not exactly one number."""
    if len(written) > _LONGEST:
        return None
    if written.startswith("百分之"):
        value = _plain(written[3:])
        return None if value is None else (value, True)
    if written.startswith("千分之"):
        value = _plain(written[3:])
        return None if value is None else (value / 1000, False)
    bottom, divided, top = written.partition("分之")
    if divided:
        below, above = _plain(bottom), _plain(top)
        return None if not below or above is None else (above / below, False)
    if written.endswith("成"):
        value = _plain(written[:-1])
        return None if value is None or value > 10 else (value * 10, True)
    value = _plain(written)
    return None if value is None else (value, False)


def _plain(written: str) -> Fraction | None:
    whole, _, decimals = written.replace("點", "点").partition("点")
    value = _whole(whole)
    if value is None or not decimals:
        return None if value is None else Fraction(value)
    return value + Fraction(int("".join(str(DIGITS[c]) for c in decimals)), 10 ** len(decimals))


def _whole(written: str) -> int | None:
    if len(written) > 1 and all(c in DIGITS for c in written):
        digits = [DIGITS[c] for c in written]  # 三五个 means three to five
        return int("".join(map(str, digits))) if "两" not in written and (len(written) > 2 or 0 in digits) else None
    total, section, digit, last, scale = 0, 0, -1, 10_000, 10**16
    for c in written:
        if c in DIGITS:
            if digit > 0 or (digit == 0 and DIGITS[c] == 0):
                return None
            digit = DIGITS[c]
        elif c in _TENS:
            if _TENS[c] >= last or digit == 0 or (digit < 0 and (_TENS[c] > 10 or section)):
                return None
            section, last, digit = section + abs(digit) * _TENS[c], _TENS[c], -1
        else:
            section += max(digit, 0)
            if not section or _SCALES[c] >= scale:
                return None
            total, section, digit, last, scale = total + section * _SCALES[c], 0, -1, 10_000, _SCALES[c]
    return _with_rest(written, total + section, digit)


def _with_rest(written: str, total: int, digit: int) -> int | None:
    """Returns the value of the Chinese number `written`. `total` is the value of all of it but a `digit` in last place
    (-1: its last character is no digit, so `total` is the value). None if a longer number ends in 0.

    The character before the digit decides what the digit adds: 5 in 三百五 adds 50, in 三百零五 it adds 5.
    """
    if digit <= 0:
        return total if digit < 0 or len(written) == 1 else None
    before = written[-2:-1]
    if before in _TENS and _TENS[before] > 10:
        return total + digit * _TENS[before] // 10
    if before in _SCALES:
        return total + digit * _SCALES[before] // 10
    return total + digit
