"""Measures how a reply uses the passages that its prompt shows: what it cites, and what it states that stands in none.

Numbers are compared as they are written, in digits: `1,200` equals `1200` and `12.50` equals `12.5`; `twelve` and 十二
are no numbers, nor are a list's own numbering and citations.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from promptgrid.cases.duplicates import plain_text
from promptgrid.documents.chunks import Passage
from promptgrid.documents.citations import citations
from promptgrid.documents.measures import Ranges, merged

_SHORTEST_QUOTE = 12  # characters; Chinese says in six what English says in twelve
_SHORTEST_CHINESE = 6
_NUMBER = re.compile(r"\d+(?:[.,:'’]\d+)*")
_THOUSANDS = re.compile(r"(?<=\d)[,'’](?=\d{3}(?!\d))")
_NUMBERING = re.compile(r"^\s*\(?\d{1,3}[.)、]\s", re.MULTILINE)
_QUOTE = re.compile(r"“([^”\n]+)”|\"([^\"\n]+)\"|「([^」\n]+)」|『([^』\n]+)』|«([^»\n]+)»|„([^“\n]+)“")
_CHINESE = re.compile(r"[\u3400-\u9fff]")


@dataclass(frozen=True, slots=True)
class Shown:
    """A passage that a prompt shows: its place in a document, and its text."""

    passage: Passage
    text: str


@dataclass(frozen=True, slots=True)
class Grounding:
    """What a reply makes of the passages [1], [2], … of its prompt.

    cited            numbers of the passages that it cites, ascending
    unknown          cited numbers that no passage has
    unread           citations that are not understood, as they are written
    cited_gold       share of the cited passages that hold gold; None without gold or without a cited passage
    uncited_gold     numbers of the passages that hold gold and are not cited
    missing_numbers  numbers in the reply that stand neither in a passage nor in the question
    missing_quotes   quotations in the reply that stand in no passage
    """

    cited: tuple[int, ...]
    unknown: tuple[int, ...]
    unread: tuple[str, ...]
    cited_gold: float | None
    uncited_gold: tuple[int, ...]
    missing_numbers: tuple[str, ...]
    missing_quotes: tuple[str, ...]


def grounding(reply: str, shown: Sequence[Shown], gold: Iterable[Passage], question: str = "") -> Grounding:
    """Measures a reply by the passages that its prompt shows, in their order, and the gold of its question."""
    marks = list(citations(reply))
    numbers = sorted({number for mark in marks for number in mark.numbers})
    cited = tuple(number for number in numbers if 1 <= number <= len(shown))
    ranges = merged(gold)
    golden = {number for number, one in enumerate(shown, 1) if _holds(one.passage, ranges)}
    text = _without([(mark.start, mark.end) for mark in marks], reply)
    return Grounding(
        cited=cited,
        unknown=tuple(number for number in numbers if number not in cited),
        unread=tuple(reply[mark.start : mark.end] for mark in marks if not mark.numbers),
        cited_gold=len(golden & {*cited}) / len(cited) if ranges and cited else None,
        uncited_gold=tuple(sorted(golden - {*cited})),
        missing_numbers=_missing_numbers(text, [*(one.text for one in shown), question]),
        missing_quotes=_missing_quotes(text, [one.text for one in shown]),
    )


def _holds(passage: Passage, gold: Ranges) -> bool:
    ranges = gold.get(passage.document, ())
    return any(start < passage.end and passage.start < end for start, end in ranges)


def _without(spans: Sequence[tuple[int, int]], text: str) -> str:
    """Returns the text with a blank in place of each of these spans of characters."""
    for start, end in reversed(spans):
        text = f"{text[:start]} {text[end:]}"
    return text


def _missing_numbers(text: str, sources: Iterable[str]) -> tuple[str, ...]:
    known = {number for source in sources for number in _numbers(source)}
    return tuple(dict.fromkeys(number for number in _numbers(_NUMBERING.sub("", text)) if number not in known))


def _numbers(text: str) -> Iterable[str]:
    for match in _NUMBER.finditer(_THOUSANDS.sub("", unicodedata.normalize("NFKC", text))):
        number = match[0]
        whole, point, decimals = number.partition(".")
        yield (f"{whole}.{decimals.rstrip('0')}".rstrip(".") if point and decimals.isdigit() else number)


def quotations(text: str) -> list[str]:
    """Returns what stands in quotation marks in the text, in order."""
    return [next(filter(None, match.groups())).strip() for match in _QUOTE.finditer(text)]


def long_enough(quote: str) -> bool:
    """Whether the text is so long that it stands in a document as a quotation, and not by chance as a word."""
    return len(quote) >= (_SHORTEST_CHINESE if _CHINESE.search(quote) else _SHORTEST_QUOTE)


def _missing_quotes(text: str, sources: Iterable[str]) -> tuple[str, ...]:
    known = [_bare(source) for source in sources]
    quotes = dict.fromkeys(filter(long_enough, quotations(text)))
    return tuple(one for one in quotes if not any(_bare(one) in source for source in known))


def _bare(text: str) -> str:
    """Returns the text without what differs between equal quotations: capitals, width, blanks, the last full stop."""
    return plain_text(text).rstrip(".。,，!！…")
