"""Any prompt is saved and read back as the same prompt, by us and by prompty's own reader."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import prompty
from hypothesis import given
from hypothesis import strategies as st

from promptgrid.errors import PromptError
from promptgrid.prompt import AnswerRule, Example, Input, Message, Parameters, Prompt, dumps, loads
from promptgrid.prompt.sections import marker_role, normalised
from promptgrid.prompt.values import holds_text
from tests.fuzz.inputs import FUZZ
from tests.prompt.prompty_files import ours, prepared

PIECES = ["---", "+++", "----", "...", "user", "user:", "#", ":", " ", "\n", "\r\n", "\t", "\u2028", "\x85", "\ufeff"]


PIECES += [
    "'",
    '"',
    "\\",
    "{",
    "}",
    "{{",
    "%}",
    "- ",
    "? ",
    "& ",
    "*a",
    "!t",
    "|",
    ">",
    "no",
    "007",
    "1.0",
    "12:30",
    "~",
]


PIECES += ["é", "日本", "😀", "\x00", "\x1b", "\x7f", "\\x2d", "${x", "@", "`", "<<", "=", "[", "]", ", ", "e\u0301"]


TEXT = st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=8).map("".join)


NAME = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True) | st.sampled_from(["answer", "reasoning", "inputs"])


JSON = st.recursive(
    TEXT | st.integers(-(10**6), 10**6) | st.booleans() | st.none() | st.floats(-1e6, 1e6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


def storable(text: str) -> bool:
    return not any(marker_role(line) for line in text.splitlines())


KINDS = st.sampled_from(["string", "text", "integer", "float", "boolean", "array", "list", "object", "thread", "any"])


@st.composite
def declared(draw: st.DrawFn) -> Input:
    """An input whose values fit its kind: a kind of text has texts, any other any JSON."""
    kind = draw(KINDS)
    values = TEXT if holds_text(kind) else JSON.filter(lambda value: value is not None)
    example, default = draw(st.just("") | values), draw(st.none() | values)
    return Input(
        draw(NAME), kind, example, default, draw(TEXT), draw(st.just(()) | st.lists(values, max_size=2).map(tuple))
    )


MESSAGE = st.builds(Message, st.sampled_from(["system", "user", "assistant"]), TEXT.filter(storable).map(normalised))


PROMPT = st.builds(
    Prompt,
    name=NAME,
    messages=st.lists(MESSAGE, min_size=1, max_size=3).map(tuple),
    description=TEXT,
    tags=st.lists(TEXT, max_size=2).map(tuple),
    inputs=st.lists(declared(), max_size=2, unique_by=lambda i: i.name).map(tuple),
    examples=st.lists(st.builds(Example, st.dictionaries(NAME, TEXT, max_size=2), TEXT, TEXT), max_size=2).map(tuple),
    answer=st.builds(
        AnswerRule,
        st.just("json"),
        st.lists(TEXT, max_size=2).map(tuple),
        st.dictionaries(TEXT, JSON, max_size=2),
        TEXT,
    ),
    parameters=st.builds(
        Parameters,
        temperature=st.none() | st.floats(0, 2),
        stop=st.none() | st.lists(TEXT, min_size=1, max_size=2).map(tuple),
        extra_body=st.none() | st.dictionaries(NAME, st.integers(0, 9), min_size=1, max_size=2),
    ),
    wording=st.dictionaries(NAME, TEXT, max_size=2),
)


@FUZZ
@given(PROMPT)
def test_any_prompt_survives_saving(prompt: Prompt) -> None:
    text = dumps(prompt)
    assert loads(text) == prompt
    assert dumps(prompt, text) == text


@FUZZ
@given(PROMPT, PROMPT)
def test_any_prompt_may_replace_any_other(old: Prompt, new: Prompt) -> None:
    assert loads(dumps(new, dumps(old))) == new


@FUZZ
@given(PROMPT)
def test_prompty_reads_any_prompt_as_we_do(tmp_path: Path, prompt: Prompt) -> None:
    inputs = tuple(item for item in prompt.inputs if item.kind != "thread" and item.name != "x")  # x is the test's own
    messages = tuple(Message(m.role, literally(m.text)) for m in prompt.messages)
    escaped = replace(prompt, messages=messages, inputs=inputs)
    assert prepared(dumps(escaped), tmp_path, {"x": "1"}) == ours(escaped, {"x": "1"})
    agent = prompty.load(tmp_path / "x.prompty")
    assert (agent.name, agent.description or "") == (prompt.name, prompt.description)
    examples = (agent.metadata or {}).get("examples", [])
    assert [example["answer"] for example in examples] == [e.answer for e in prompt.examples]
    assert [(i.name, "" if i.example is None else i.example, i.default) for i in agent.inputs or []] == [
        (i.name, i.example, i.default) for i in inputs
    ]


def literally(text: str) -> str:
    """Braces as Jinja prints them, and one variable."""
    return text.replace("{", "{{ '{' }}") + " {{ x }}"


ODD_TEXT = st.lists(
    st.sampled_from([*PIECES, "user:\n", "\u3000", "\xa0", "\x1c"]) | st.text(max_size=3), max_size=6
).map("".join)


@FUZZ
@given(ODD_TEXT, TEXT)
def test_any_text_that_is_read_says_the_same_after_saving(text: str, description: str) -> None:
    try:
        prompt = replace(loads(text, "x"), description=description)
        saved = dumps(prompt, text)
    except PromptError:
        return  # refused with a reason
    assert loads(saved) == prompt
