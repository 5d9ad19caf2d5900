"""Tells which number words in running text are numbers, and which are not ("the one that", "一起")."""

from __future__ import annotations

import re

from promptgrid.answers.numbers import chinese
from promptgrid.text import late

_REFERENCE = late(
    r"\b(?:the|these|those|this|that|all|both|his|her|its|their|my|our|your|every|each|any|other|first|last|next|no|"
    r"another|which|either|neither)[ ]+$",
    re.IGNORECASE,
)
_THE_ONE = late(r"\b(?:the|this|that|which|every|each|any|another|no)[ ]+\w+[ ]+$", re.IGNORECASE)
_PRONOUN_BEHIND = late(
    r"[ ]+(?:of|another|by[ ]one|can|could|must|should|would|may|might|has[ ]to|needs|day|who|that|which|or[ ]more)\b"
    r"|-(?:way|time|sided|dimensional|step|by)",
    re.IGNORECASE,
)
_THE_ANSWER_IS = late(r"(?:^|\banswer[ ]+(?:is|as|must[ ]be)[ ]+)$", re.IGNORECASE)  # or a text cut off behind it
_FORM_BEHIND = late(r"[ ]+(?:single[ ]+|whole[ ]+)?(?:number|integer)\s*(?:$|[.,;:\n])", re.IGNORECASE)
_SAYS_ONE = late(
    r"(?:^|[:=(\"'*$]|\b(?:is|are|was|be|equals|leaves|leaving|only|exactly|just|get|gets|has|have|had|about|answer|"
    r"gives|remains|total|of|by|and|or|minus|negative|to|than|makes))[ ]*$",
    re.IGNORECASE,
)
_ENDS = late(r"\s*(?:$|[.,;:!?)\]}*\"'\n。，；：！？）])")

_CHARACTERS = frozenset("零〇一二三四五六七八九十两兩")
_STANDS_BEHIND = late(r"(?:^|[\s:：=＝(（“\"*，。、,.是为為共剩得负負有需用花买卖了到下少多])$")
_MEASURES = (
    "个個只人天元块岁张本条件次名小时分公斤克米厘辆台棵支枝杯瓶页年月周倍种道题步颗朵头匹座间层栋套双对打箱盒袋包"
)
_IDIOMS = ("十分", "千万", "万一", "百分之百")


def counts_in_english(text: str, start: int, end: int) -> bool:
    """Tells whether the number words from `start` to `end` state a quantity; "one" in "the one that" states none, nor
    does the form of the answer: "The answer is one number"."""
    word, left, right = text[start:end].lower(), text[max(0, start - 16) : start], text[end : end + 16]
    if _REFERENCE.search(left):
        return False
    if word == "one":
        return (
            not _THE_ONE.search(left)
            and not _PRONOUN_BEHIND.match(right)
            and not (_THE_ANSWER_IS.search(left) and _FORM_BEHIND.match(right))
            and (not _ENDS.match(right) or bool(_SAYS_ONE.search(left)))
        )
    if word.startswith(("a ", "an ")) or word == "half":
        return word != "half" or not left.strip()
    return True


def counts_in_chinese(text: str, start: int, end: int) -> bool:
    """Tells whether the number characters from `start` to `end` state a quantity; 一 in 一起 and the ordinal 第三 state
    none."""
    written, left, right = text[start:end], text[max(0, start - 4) : start], text[end : end + 1]
    if (
        left.endswith(("第", "星期", "周", "初"))
        or (written + right).startswith(_IDIOMS[:2])
        or written in _IDIOMS[2:3]
    ):
        return False
    if written[0] in chinese.MAGNITUDES and written[0] not in _CHARACTERS and "分之" not in written:  # 千米
        return False
    if any(c not in _CHARACTERS for c in written):
        return True
    alone = not right or not ("\u4e00" <= right <= "\u9fff")
    if written == "一":
        return alone and (not left or not ("\u4e00" <= left[-1] <= "\u9fff") or left[-1] in "是为剩得")
    return bool(_STANDS_BEHIND.search(left)) and (alone or right in _MEASURES)
