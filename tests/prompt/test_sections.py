"""Role markers: which lines begin a message, and which are text."""

from __future__ import annotations

import pytest

from promptgrid.errors import PromptError
from promptgrid.prompt import (
    Message,
    Prompt,
    check_messages,
    dumps,
    loads,
)


@pytest.mark.parametrize(
    "line",
    [
        "user:",
        "  # User :",
        "SYSTEM:",
        'assistant[name="a", n=1]:',
        "developer:",
        "\t#\tuser\t:\t",
        "uſer:",
        "user:\u3000",
    ],
)
def test_a_line_that_reads_as_a_marker_is_refused_with_its_line(line: str) -> None:
    messages = [Message("system", "one\ntwo"), Message("user", f"Quote:\n{line}\nend")]
    with pytest.raises(PromptError, match="Line 2 of the user message") as caught:
        check_messages(messages)
    assert caught.value.line == 4
    with pytest.raises(PromptError):
        dumps(Prompt("x", tuple(messages)))


@pytest.mark.parametrize(
    "line", ["user: hi", "my user:", "user", "users:", "## user:", "user[]:", "{{ user }}:", "tool:"]
)
def test_a_line_that_only_looks_like_a_marker_is_text(line: str) -> None:
    prompt = Prompt("x", (Message("user", f"a\n{line}"),))
    assert loads(dumps(prompt)) == prompt
