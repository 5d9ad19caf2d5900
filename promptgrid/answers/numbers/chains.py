"""Joins numerals that belong together: 2 h 30 min · 3:8 · 10-30 · [1,6) · 90 - 16 = 74. Each would be misread alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from promptgrid.answers.numbers.model import Numeral, NumeralKind, number
from promptgrid.answers.numbers.tokens import unclear
from promptgrid.answers.units import Unit, find_unit, unit_at_start
from promptgrid.text import late

_LONGEST_GAP = 30
# (kind of chain, pattern of the text between two numerals)
_JOINS: Sequence[tuple[str, re.Pattern[str]]] = tuple(
    (kind, late(pattern, re.IGNORECASE))
    for kind, pattern in (
        ("equation", r"[^\S\n]*(?:[=≈≅≃⇒→]|=>|->)+[^\S\n]*"),
        ("ratio", r":| : "),
        ("range", r"-|\s*[~～至到]\s*|\s+(?:to|bis|until|through)\s+|\.\.\.?|\s*…\s*"),
        ("margin", r"\s*(?:±|\+/-)\s*"),
        (
            "operation",
            r"\s*[+*×÷·x]\s*|\s+-\s+|\s*-?-\s*|\s*/\s*|\s+(?:plus|minus|times|divided by|mod)\s+|\)?\s*[-+*/×÷]\s*\(?",
        ),
        ("choice", r"\s*(?:\bor\b|\boder\b|\bou\b|或者?|还是)\s*"),
        ("several", r"\s*,?\s*(?:\band\b|\bund\b|\bet\b|\by\b|[和与及跟&、])\s*|\s+|\s*;\s*"),
        ("list", r"\s*,\s*"),
        ("several", r"\s*(?:,|;|,?\s*\band\b|\bor\b)\s*[A-Za-z](?:_?[0-9])?\s*=\s*"),
        ("share", r"\s+(?:out\s+of|of|in|from)\s+(?:the\s+)?"),
        ("several", r"\s?[^\W\d_]{1,14}(?:\s[^\W\d_]{1,14})?,?\s+(?:and|or|und|oder)\s+"),
    )
)  # fmt: skip
_NAMES: dict[str, str] = {
    "margin": "a number with a margin",
    "operation": "an expression without its result", "choice": "two numbers, one of them", "several": "two numbers",
    "list": "a list of numbers", "share": "a share", "measure": "not one measure",
}  # fmt: skip
_ENDS = late(r"\s*(?:$|[.;:!?)\]}|\n])")
_FEET = late(r"\s?['′]\s?")


def chained(tokens: Iterable[Numeral], text: str) -> Iterator[Numeral]:
    """Yields the numerals of a text in plain notation. `tokens` are its single numerals in order; those that belong
    together, such as 3 and 8 in 3:8, are yielded as one."""
    chain: list[Numeral] = []
    joins: list[str] = []
    for token in tokens:
        join = _join(chain[-1], token, text) if chain else ""
        if chain and not join:
            yield _resolved(chain, joins, text)
            chain, joins = [], []
        if join:
            joins.append(join)
        chain.append(token)
    if chain:
        yield _resolved(chain, joins, text)


def _join(first: Numeral, second: Numeral, text: str) -> str:
    """Returns how the text between two successive numerals joins them: a kind of `_JOINS`, such as "ratio" or "list",
    or "measure"; "" if they are separate. `text` is the whole text, in plain notation."""
    gap = text[first.end : second.start]
    if len(gap) > _LONGEST_GAP:
        return ""
    for kind, pattern in _JOINS[:1]:
        if pattern.fullmatch(gap):
            return kind
    if _measured(gap, second):
        return "measure"
    return next((kind for kind, pattern in _JOINS if pattern.fullmatch(gap) and _holds(kind, second, text)), "")


def _holds(kind: str, second: Numeral, text: str) -> bool:
    """Tells whether two numerals are really joined, given the kind of join (see `_JOINS`) that the text between them
    suggests. A "list" holds only if it ends or goes on behind `second`, the later numeral: "In 2020, 15 people came" is
    no list. Every other kind holds. `text` is the whole text, in plain notation."""
    return kind != "list" or bool(_ENDS.match(text, second.end)) or text[second.end : second.end + 1] == ","


def _measured(gap: str, second: Numeral) -> bool:
    """Tells whether `second` continues a measure such as 2 h 30 min, 5'3" or 3小时20分: the `gap`, the text before it,
    begins with a larger unit of the same dimension."""
    if _FEET.fullmatch(gap):
        return True
    unit = unit_at_start(gap)
    if unit is None or not re.fullmatch(r"\.?,?\s*(?:and\s+|und\s+|&\s*|又|零)?", unit[1]):
        return False
    following = _unit_behind(second, unit[0])
    if following is not None:
        return following.dimension == unit[0].dimension and following.factor < unit[0].factor
    return not unit[1].strip(" .") and bool(_ENDS.match(second.behind))


def _unit_behind(numeral: Numeral, larger: Unit) -> Unit | None:
    if larger.dimension == "time" and numeral.behind.startswith("分") and not numeral.behind.startswith("分之"):
        return find_unit("min")
    unit = unit_at_start(numeral.behind)
    return unit[0] if unit else None


def _resolved(chain: list[Numeral], joins: list[str], text: str) -> Numeral:
    """Returns the one numeral that joined numerals (`chain`) stand for; `joins` are the kinds of the joins between
    them. Of an equation only the part behind its last equals sign counts."""
    start, end = chain[0].start, chain[-1].end
    if "equation" in joins:
        at = len(joins) - joins[::-1].index("equation")
        chain, joins = chain[at:], joins[at:]
    if len(chain) == 1:
        return (
            replace(_bracketed(chain[0], text), start=start) if chain[0].start != start else _bracketed(chain[0], text)
        )
    if broken := next((token for token in chain if token.kind == "unclear"), None):
        return replace(broken, text=text[start:end][:40], start=start, end=end)
    kinds = set(joins)
    if kinds <= {"choice", "list", "several"} and len({token.value for token in chain}) == 1 and chain[0].is_number:
        return replace(chain[0], start=start, end=end, behind=chain[-1].behind)  # 3/4 or 0.75
    if kinds == {"measure"}:
        return _measure(chain, text)
    if kinds == {"list"} and (pair := _interval(chain, text)):
        return pair
    marks: dict[str, tuple[NumeralKind, str]] = {"ratio": ("ratio", ":"), "range": ("range", "-")}
    rising = kinds != {"range"} or (len(chain) == 2 and 0 <= (chain[0].value or 0) < (chain[1].value or 0))
    if len(kinds) == 1 and rising and (mark := marks.get(joins[0])) and all(token.is_number for token in chain):
        written = mark[1].join(token.text for token in chain)
        return Numeral(mark[0], written, start=start, end=end, behind=chain[-1].behind)
    worst = next(name for name in _NAMES if name in kinds) if kinds & _NAMES.keys() else ""
    return replace(unclear(text, start, end, _NAMES.get(worst, "not one number")), behind=chain[-1].behind)


def _measure(chain: list[Numeral], text: str) -> Numeral:
    """Returns a measure in several units as one numeral in its smallest unit: 2 h 30 min is 150 min. It is unclear if a
    unit is unknown, or if a later part is negative or as large as the unit before it (2 h 60 min)."""
    first = unit_at_start(text[chain[0].end : chain[1].start])
    if first is None:
        units = [find_unit("ft"), find_unit("in")]
    else:
        units = [first[0], *(_unit_behind(token, first[0]) for token in chain[1:])]
    parts = list(zip(chain, units, strict=False))
    start, end = chain[0].start, chain[-1].end
    if len(units) != len(chain) or any(unit is None or token.value is None for token, unit in parts):
        return unclear(text, start, end, _NAMES["measure"])
    known = [(token.value, unit) for token, unit in parts if unit is not None and token.value is not None]
    for (_, larger), (value, smaller) in pairwise(known):
        if value < 0 or smaller.convert(value, larger) >= 1:
            return unclear(text, start, end, _NAMES["measure"])
    last = known[-1][1]
    sign = -1 if known[0][0] < 0 else 1
    total = sum((unit.convert(abs(value), last) for value, unit in known), start=known[0][0] * 0)
    whole = number(sign * total, start=start, end=end)
    return replace(whole, kind="measure", text=f"{whole.text} {last.name}", behind=f" {last.name}")


def _bracketed(token: Numeral, text: str) -> Numeral:
    """Returns the interval or point that a numeral with a comma forms with the brackets around it, such as [1,6) or
    (3,5): the comma then separates two numbers. Any other numeral is returned unchanged."""
    written = text[token.start : token.end]
    if "," not in written or token.percent:
        return token
    return _interval([token], text) or token


def _interval(chain: list[Numeral], text: str) -> Numeral | None:
    start, end = chain[0].start, chain[-1].end
    opening, closing = text[start - 1 : start], text[end : end + 1]
    if not opening or opening not in "([{" or not closing or closing not in ")]}":
        return None
    inside = re.sub(r"\s", "", text[start:end])
    grouped = re.fullmatch(r"-?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?", inside)
    if (len(chain) == 1 and (grouped and f"{opening}{closing}" in ("()", "[]", "{}"))) or not inside:
        return None
    return Numeral("interval", f"{opening}{inside}{closing}", start=start - 1, end=end + 1)
