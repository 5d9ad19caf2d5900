"""Texts that have broken files of results, and the names of such a file's own columns."""

from __future__ import annotations

from typing import Any

NAMES: dict[str, Any] = {"variables": ["text", 'a "b",\n='], "checks": ["label", "number:unit=kg"]}
FRAGMENTS = [
    "", "=", "+", "-", "@", "\t", "\r", "\n", "\r\n", "'", '"', '""', ",", ";", "|", "\\", "\\\\", "'\\", "\\ud800",
    "\\u0041", "\0", "\x1a", "\x1b[31m", "\x7f", "\x85", "\xa0", "\u2028", "\u2029", "\ufeff", "\ufffe", "\uffff",
    "\ufffd", "\u202e", "\u200d", "\u0301", "😀", "👨‍👩‍👧", "\ud800", "\udfff", "\ud83d", "\U0010ffff", "今天", "ß",
    "İ", "＝", "＠", "=1+1", '=HYPERLINK("http://x","y")', "=cmd|' /C calc'!A0", "@SUM(1)", "-5", "+.5e3", "1e309",
    "007", "1,5", "٥", "#", "#N/A", "NA", "NaN", "nan", "inf", "null", "NULL", "None", "\\N", "true", "FALSE",
    "2020-01-01", "12:30", "<b>", "&amp;", "</script>", "_x0041_", "_x000D_", "http://x", "mailto:a@b",
    "internal:Sheet1!A1", "{=1}", "\u200b", " ", "  lead", "trail  ", "x" * 300,
]  # fmt: skip
