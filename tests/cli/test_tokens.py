"""The command tokens: counts for a model, and the costliest lines of a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command import promptgrid


def test_tokens_line_by_line_the_costliest_first() -> None:
    Path("text.txt").write_bytes("hi\n我喜欢香蕉\n\x1b[31m\n".encode())
    command = ["tokens", "text.txt", "--model", "cl100k_base", "--by-line"]
    report = json.loads(promptgrid(*command, "--json").stdout)
    assert [(line["line"], line["tokens"]) for line in report["lines"]] == [(1, 2), (2, 11), (3, 4)]
    assert report["tokens"] == sum(line["tokens"] for line in report["lines"])
    assert report["lines"][1]["text"] == "我喜欢香蕉"
    lines = promptgrid(*command).stdout.splitlines()
    assert [line.split()[1] for line in lines[2:]] == ["2", "3", "1"]
    assert "\x1b" not in "".join(lines)


def test_a_file_that_is_not_utf8_is_not_counted() -> None:
    Path("text.txt").write_bytes(b"ab\n\xff")
    result = promptgrid("tokens", "text.txt")
    assert result.exit_code == 2
    assert "byte 4 (line 2) is 0xFF" in result.stderr


@pytest.mark.usefixtures("work")
def test_the_tokens_of_a_file_are_counted_for_a_model() -> None:
    Path("text.txt").write_text("hello world", "utf-8")
    count = json.loads(promptgrid("tokens", "text.txt", "--model", "openai/gpt-4o", "--json").stdout)
    assert (count["characters"], count["tokens"]) == (11, 2)
