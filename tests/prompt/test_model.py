"""The nouns: what makes a version, and that importing them is light."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from promptgrid.prompt import AnswerRule, Example, Input, Message, Parameters, Prompt

PROMPT = Prompt(
    "a",
    (Message("system", "s"), Message("user", "{{ x }}")),
    inputs=(Input("x", example="1"),),
    examples=(Example({"x": "1"}, "2", "since"),),
    answer=AnswerRule("json", schema={"type": "object", "required": ["a"]}),
    parameters=Parameters(temperature=0.5, stop=("a", "b")),
)


@pytest.mark.parametrize(
    "change",
    [
        {"messages": PROMPT.messages[::-1]},
        {"examples": ()},
        {"examples": (Example({"x": "1"}, "2"),)},
        {"inputs": (Input("x", default=""),)},
        {"answer": AnswerRule("label", ("a",))},
        {"answer": replace(PROMPT.answer, schema={"type": "array"})},
        {"parameters": Parameters(temperature=0.6)},
        {"language": "zh"},
        {"wording": {"a": "b"}},
        {"api": "completion"},
    ],
)
def test_what_is_sent_or_how_it_is_read_makes_another_version(change: dict[str, Any]) -> None:
    assert replace(PROMPT, **change).version != PROMPT.version


@pytest.mark.parametrize(
    "change",
    [
        {"name": "b"},
        {"description": "d"},
        {"tags": ("t",)},
        {"cases": "c.csv"},
        {"inputs": (Input("x", example="2", description="d"),)},
    ],
)
def test_what_changes_nothing_for_the_model_keeps_the_version(change: dict[str, Any]) -> None:
    assert replace(PROMPT, **change).version == PROMPT.version


def test_a_version_is_twelve_hex_digits() -> None:
    assert len(PROMPT.version) == 12
    assert int(PROMPT.version, 16) > 0


def test_importing_the_nouns_loads_no_slow_library() -> None:
    code = (
        "import promptgrid.library.folder, sys; print([name for name in ('jinja2', 'ruamel') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
