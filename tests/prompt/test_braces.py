"""Variables in single braces are found, and nothing else is."""

from __future__ import annotations

import pytest

from promptgrid.prompt import Message
from promptgrid.prompt.braces import braces_sentence, single_braces, with_double_braces


def single(text: str, *known: str) -> list[str]:
    return single_braces([Message("user", text)], known)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("{text} and { topic }", ["text"]),
        ("评论：{文本}", ["文本"]),
        ("{{ text }} and {text}", []),
        ("{{ other }} as {label}", []),
        ("{{ other }} as {text}", ["text"]),
        ('{"text": 1}', []),
        ("${text} \\{text}", []),
        ("{% if text %}a{% endif %}", []),
    ],
)
def test_names_in_single_braces_count_if_a_column_has_them_or_nothing_else_is_a_variable(
    text: str, names: list[str]
) -> None:
    assert single(text, "text", "文本") == names


def test_without_any_variable_every_name_in_braces_counts_until_a_column_is_named() -> None:
    assert single("{a} {b}") == ["a", "b"]
    assert single("{a} {b}", "b") == ["b"]


def test_the_sentence_names_the_correction() -> None:
    assert braces_sentence(["text"]) == "{text} is sent as it stands; write {{ text }}."
    assert braces_sentence(["a", "b"]) == "{a}, {b} are sent as they stand; write {{ a }}, {{ b }}."


def test_only_the_named_braces_are_doubled() -> None:
    assert with_double_braces('{a} { a } {{ a }} {b} {"a": 1}', ["a"]) == '{{ a }} {{ a }} {{ a }} {b} {"a": 1}'
