"""Writes tables in GitHub's Markdown. Cells are escaped: no text becomes a link, an image, HTML or a new cell."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from promptgrid.export.tables import matrix_words, summary_words

if TYPE_CHECKING:
    from promptgrid.export.report import Report

_SIGNS = re.compile(r"[\\`*_\[\]<>|~&$]")  # characters that Markdown interprets within a cell
# Text that GitHub turns into a link or an image without markup: addresses, mentions, issue numbers, emoji codes. A
# backslash does not prevent this. A code span does, and unlike an invisible character it can be copied.
_LATE = re.compile(r"\w+://[^\s|`<>\\]*|www\.[^\s|`<>\\]*|[\w.+-]*@\w[\w.-]*|\#\d+|:[a-z][\w+-]*:", re.IGNORECASE)
_NOT_SHOWN = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_LINE_ENDS = re.compile("\r\n|[\n\r\x0b\x0c\x85\u2028\u2029]")


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    r"""Returns a table with these headers; None becomes an empty cell. Columns of numbers only are right-aligned.

    >>> print(table(["a|b", "n"], [["x\ny", 1]]), end="")
    | a\|b | n |
    | --- | ---: |
    | x<br>y | 1 |
    """
    body = list(rows)
    numbers = [all(isinstance(row[at], int | float) for row in body) and bool(body) for at in range(len(columns))]
    head, *lines = [[cell(value) for value in line] for line in (columns, *body)]
    rule = ["---:" if number else "---" for number in numbers]
    return "".join(f"| {' | '.join(line)} |\n" for line in (head, rule, *lines))


def cell(value: Any) -> str:
    """Returns a value as a cell of a Markdown table, in which all its characters are shown literally: line ends as
    <br>, undisplayable ones as U+FFFD. What GitHub would turn into a link stands in a code span."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    text = _NOT_SHOWN.sub("\ufffd", _LINE_ENDS.sub("\n", str(value))).strip()
    pieces, at = [], 0
    for match in _LATE.finditer(text):
        pieces += [_SIGNS.sub(r"\\\g<0>", text[at : match.start()]), f"`{match[0]}`"]
        at = match.end()
    return "".join([*pieces, _SIGNS.sub(r"\\\g<0>", text[at:])]).replace("\n", "<br>")


def of_report(report: Report) -> str:
    """Returns the report as Markdown: the run's name, summary and notes, and a table of the answers to its cases."""
    summary, answers = summary_words(report.summaries), matrix_words(report.heads, report.rows)
    parts = [f"## {cell(report.run.name)}", table(summary.columns, summary.rows)]
    parts += [cell(summary.sentence) for summary in report.summaries if summary.sentence]
    parts += [cell(note) for note in report.notes]
    parts += [table(answers.columns, answers.rows)]
    if len(report.rows) < report.matching:
        parts += [f"The first {len(report.rows):,} of {report.matching:,} cases."]
    return "\n\n".join(part.rstrip() for part in parts) + "\n"
