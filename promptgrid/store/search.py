"""Searches the text of a run case-insensitively: the database selects candidates, and Python verifies them.

SQLite's LIKE is fast but folds only ASCII case. The query selects texts that contain the searched text as typed, and
texts that may contain it under Unicode case folding: the pattern has a wildcard where a letter has other forms
("STRASSE" finds "Straße"). Only these texts are read and folded. Text after a NUL is not searched.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import sqlalchemy as sa

from promptgrid.store.database import Database, raw_cursor
from promptgrid.store.dialects.sql import AsciiLike, ByteLength, Position
from promptgrid.store.schema import cases, cells, cells_with_replies, replies

# No character above the first folds to several characters; none above the second has another form.
_LAST_EXPANDING, _LAST_CASED = 0xFB17, 0x1E943
_PATTERN = 200  # characters of the query in the pattern; the rest of a longer query is verified here
_MANY = 10_000  # two threads search a run with more cells than this
_ESCAPE = "\\"


@dataclass(frozen=True, slots=True)
class SearchMatches:
    """Where a run contains a text: the positions of the `cases` whose id, inputs or expected answer contain it, and of
    the `cells` whose answer, output or error does."""

    cases: list[int]
    cells: list[int]


def matching(database: Database, run_id: str, text: str) -> SearchMatches:
    """Returns which cases and cells of the run contain the text, ignoring case (both are folded by str.casefold)."""
    last = sa.select(sa.func.max(cells.c.position)).where(cells.c.run_id == run_id)
    with database.read() as connection:
        of_cases = list(_cases(connection, run_id, text))
        count = (connection.scalar(last) or 0) + 1
    halves = [(0, count // 2), (count // 2, count)] if count > _MANY else [(0, count)]
    with ThreadPoolExecutor(len(halves)) as pool:  # SQLite releases the GIL
        parts = pool.map(lambda half: _cells(database, run_id, text, *half), halves)
        return SearchMatches(of_cases, [position for part in parts for position in part])


def _cases(connection: sa.Connection, run_id: str, text: str) -> Iterator[int]:
    """Yields the positions of the cases that contain the text. Each case is decoded and compared in Python. For a
    printable ASCII text, LIKE first leaves out the cases that cannot contain it. It cannot do so for inputs with other
    characters, which are stored as JSON escapes: these cases are always decoded."""
    wanted = text.casefold()
    query = sa.select(cases.c.position, cases.c.case_id, cases.c.expected, cases.c.inputs)
    query = query.where(cases.c.run_id == run_id)
    if text.isascii() and text.isprintable() and not set(text) & set('"\\'):
        pattern, part = maybe(wanted[:_PATTERN]), text[:_PATTERN]
        may_hold = (
            AsciiLike(cases.c.case_id, pattern),
            AsciiLike(cases.c.expected, pattern),
            AsciiLike(cases.c.inputs, _exactly(part)),
            AsciiLike(cases.c.inputs, _exactly("\\u")),
        )
        query = query.where(sa.or_(*may_hold))
    for position, case_id, expected, inputs in connection.execute(query):
        texts = (case_id, expected or "", *map(str, json.loads(inputs).values()))
        if any(wanted in text_of_case.casefold() for text_of_case in texts):
            yield position


def _cells(database: Database, run_id: str, text: str, start: int, end: int) -> list[int]:
    """Returns the positions of the cells that contain the text, among those from position `start` to before `end`."""
    columns = (
        (replies.c.text, replies.c.chars),
        (cells.c.answer, sa.func.length(cells.c.answer)),
        (cells.c.error, sa.func.length(cells.c.error)),
    )
    wanted, candidates = text.casefold(), Candidates.of(text, columns)
    query = (
        sa.select(cells.c.position, *candidates.texts)
        .select_from(cells_with_replies)
        .where(cells.c.run_id == run_id, cells.c.position >= start, cells.c.position < end, candidates.condition)
    )
    with database.read() as connection:
        rows = raw_cursor(connection, query).fetchall()
    return [position for position, *texts in rows if contains(texts, wanted)]


class Candidates(NamedTuple):
    """The rows that may contain a text in one of some columns: the `condition` that selects them, and the `texts` to
    verify (see `contains`), one for each column: NULL if the row is certain to contain the text."""

    condition: sa.ColumnElement[bool]
    texts: Sequence[sa.ColumnElement[str | None]]

    @classmethod
    def of(cls, text: str, columns: Sequence[tuple[sa.ColumnElement[str], sa.ColumnElement[int]]]) -> Candidates:
        """Returns the candidates for `text`; each of the `columns` comes with its length in characters."""
        part = text[:_PATTERN]
        exact, pattern = _exactly(part), maybe(part.casefold())
        if part.lower() == part.upper() and pattern == exact:  # no letter has two forms: over 50% faster than LIKE
            as_typed = sa.or_(*(Position(column, part) > 0 for column, _ in columns))
            may_hold: sa.ColumnElement[bool] = sa.false()
        else:
            as_typed = sa.or_(*(AsciiLike(column, exact) for column, _ in columns))
            may_hold = sa.or_(
                *(AsciiLike(column, pattern) & (_beyond_ascii(column, chars) if text.isascii() else sa.true())
                  for column, chars in columns)
            )  # fmt: skip
        sure = as_typed if part == text else sa.false()
        return cls(as_typed | may_hold, [sa.case((sure, None), else_=column) for column, _ in columns])


def contains(texts: Sequence[str | None], wanted: str) -> bool:
    """Tells whether a candidate contains the folded text `wanted`, by its values of `Candidates.texts`."""
    return not any(texts) or any(wanted in text.casefold() for text in texts if text)


def _beyond_ascii(column: sa.ColumnElement[str], chars: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
    """Returns an SQL condition that is true if the text in `column` has characters outside ASCII, in which LIKE may
    miss matches: then its length in bytes differs from its length in characters, which the column `chars` holds."""
    return chars != ByteLength(column)


def maybe(wanted: str) -> str:
    """Returns an SQL LIKE pattern that matches every text which may contain the folded text `wanted`; some of these
    texts do not contain it. LIKE ignores case only within ASCII. So the pattern has `_` in place of a character to
    which a non-ASCII character is folded, and `%` in place of each of several characters to which a single one is
    folded ("ss" of "ß")."""
    free = [False] * len(wanted)
    for several in _expansions():
        for at in range(1 - len(several), len(wanted)):  # `several` may begin before the text, or end after it
            meets = wanted[max(at, 0) : at + len(several)]
            if several[max(-at, 0) :].startswith(meets):
                free[max(at, 0) : at + len(several)] = [True] * len(meets)
    forms = _with_other_forms()
    pieces = ("%" if anything else "_" if char in forms else _literal(char)
              for char, anything in zip(wanted, free, strict=True))  # fmt: skip
    return f"%{''.join(pieces)}%"


def _exactly(text: str) -> str:
    return f"%{''.join(map(_literal, text))}%"


def _literal(char: str) -> str:
    return _ESCAPE + char if char in ("%", "_", _ESCAPE) else char


@cache
def _expansions() -> frozenset[str]:
    """Returns every text of several characters that is the case folding of a single character: "ss" for "ß"."""
    folded = (chr(code).casefold() for code in range(_LAST_EXPANDING + 1))
    return frozenset(several for several in folded if len(several) > 1)


@cache
def _with_other_forms() -> frozenset[str]:
    """Returns the characters to which a non-ASCII character is folded: "ä" (from "Ä"), "k" (from the kelvin sign)."""
    folded = ((chr(code), chr(code).casefold()) for code in range(0x80, _LAST_CASED + 1))
    return frozenset(one for char, one in folded if one != char and len(one) == 1)
