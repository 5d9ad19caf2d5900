"""A training file is checked as its trainer does, and for what the trainer does not say."""

from __future__ import annotations

import io
import json
import tracemalloc
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from promptgrid.cli.tune import _DIALECTS
from promptgrid.errors import ExportError
from promptgrid.tuning import DIALECTS, FileReport, TrainingExample, check_file, row_of
from promptgrid.tuning.dialects import dialect_of
from tests.command import promptgrid


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def assistant(text: Any, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": text, **more}


USER, ASSISTANT, SYSTEM = user("Colour?"), assistant("red"), {"role": "system", "content": "Be brief."}
CALL = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"at": "sky"}'}}
RESULT = {"role": "tool", "content": "1", "tool_call_id": "c9"}
CALLS = {"role": "assistant", "tool_calls": [CALL]}
BROKEN_CALL = {"role": "assistant", "tool_calls": [{**CALL, "function": {"name": "look", "arguments": "{"}}]}
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}


def chat(*messages: Any, **more: Any) -> dict[str, Any]:
    return {"messages": list(messages), **more}


def good(number: int) -> dict[str, Any]:
    return chat(user(f"Colour of thing {number}?"), assistant("red or so" if number % 2 else "blue"))


def pair(preferred: Any = (ASSISTANT,), rejected: Any = None, before: Any = (USER,)) -> dict[str, Any]:
    other = [assistant("blue")] if rejected is None else rejected
    return {"input": {"messages": list(before)}, "preferred_output": list(preferred), "non_preferred_output": other}


def checked(rows: Sequence[Any], dialect: str = "openai", **options: Any) -> FileReport:
    lines = b"".join(row if isinstance(row, bytes) else json.dumps(row).encode() + b"\n" for row in rows)
    return check_file(io.BytesIO(lines), DIALECTS[dialect], **options)


def rules(report: FileReport, *, grave: bool = True) -> set[str]:
    return {finding.rule for finding in report.findings if finding.grave or not grave}


FAULTS: list[tuple[str, Any, str]] = [
    ("openai", {}, "no form of example"),
    ("openai", {"text": "red"}, "no form of example"),
    ("together", {**chat(USER, ASSISTANT), "prompt": "a", "completion": "b"}, "two forms in one row"),
    ("openai", {"prompt": "Colour?", "completion": "red"}, "not a form of openai"),
    ("trl", pair(), "not a form of trl"),
    ("openai", {"messages": []}, "no list of messages"),
    ("openai", {"messages": "Colour?"}, "no list of messages"),
    ("openai", chat("Colour?", ASSISTANT), "a message is no object"),
    ("openai", chat(USER, {"role": "bot", "content": "red"}), "an unknown role"),
    ("fireworks", chat({"role": "developer", "content": "Be brief."}, USER, ASSISTANT), "an unknown role"),
    ("openai", chat(ASSISTANT), "no message of the user"),
    ("openai", chat(USER), "the last message is not the assistant's"),
    ("openai", chat(USER, SYSTEM, ASSISTANT), "a system message that is not the first"),
    ("openai", chat(USER, {"role": "assistant"}), "a message without content"),
    ("openai", chat(USER, assistant(7)), "content that is no text"),
    ("openai", chat(USER, assistant(" \n")), "an empty message"),
    ("openai", chat(USER, {**ASSISTANT, "mood": "good"}), "an unknown field in a message"),
    ("openai", chat(USER, {**ASSISTANT, "weight": 0.5}), "a weight that is neither 0 nor 1"),
    ("openai", chat({**USER, "weight": 1}, ASSISTANT), "a weight on a message that is not the assistant's"),
    ("openai", chat(USER, {**ASSISTANT, "weight": 0}), "nothing to learn: every assistant message has the weight 0"),
    ("together", chat(ASSISTANT, USER, ASSISTANT), "the assistant speaks first"),
    ("together", chat(USER, USER, ASSISTANT), "user and assistant do not take turns"),
    ("together", chat(USER, {"role": "tool", "content": "1"}, ASSISTANT), "together takes no messages of tools"),
    ("together", chat(USER, ASSISTANT, tools=[TOOL]), "together takes no tools"),
    ("openai", chat(USER, ASSISTANT, tools="look"), "tools that are no list"),
    ("openai", chat(USER, ASSISTANT, tools=[{"type": "function"}]), "a tool without name or parameters"),
    ("openai", chat(USER, CALLS), "a call of a tool that the row does not define"),
    (
        "openai",
        chat(USER, BROKEN_CALL, tools=[TOOL]),
        "arguments of a call that are no JSON object",
    ),
    ("openai", chat(USER, {**CALLS, "tool_calls": [{}]}, tools=[TOOL]), "a call of a tool without id or function"),
    ("openai", chat(USER, RESULT, ASSISTANT), "a tool's result without its call"),
    (
        "openai",
        chat(USER, CALLS, USER, tools=[TOOL]),
        "a call of a tool without its result",
    ),
    ("openai", pair(before=[USER, ASSISTANT]), "the prompt ends with a message of the assistant"),
    ("openai", pair(preferred=[ASSISTANT, ASSISTANT]), "more than one turn in a reply"),
    ("openai", pair(preferred=[USER]), "a reply that is not the assistant's"),
    ("openai", pair(rejected=[ASSISTANT]), "the preferred reply is the rejected one"),
    ("openai", {**pair(), "input": "Colour?"}, "no list of messages"),
    ("trl", {"prompt": "Colour?", "chosen": " ", "rejected": "blue"}, "an empty reply"),
    ("trl", {"prompt": "Colour?", "completion": "red", "label": "yes"}, "the label is neither true nor false"),
    ("openai", b"not json\n", "a line that is not JSON"),
    ("openai", b'{"messages": NaN}\n', "a line that is not JSON"),
    ("openai", b"[" * 100_000 + b"\n", "a line that is not JSON"),
    ("openai", b"[1]\n", "a line that is no JSON object"),
    ("openai", b'{"a": "\xff"}\n', "a line that is not UTF-8"),
    ("openai", chat(USER, assistant("use sk-abcdefghijklmnopqrstuvwx")), "what looks like a key or password"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("dialect", "row", "rule"), FAULTS, ids=[f"{fault[2]}-{at}" for at, fault in enumerate(FAULTS)]
)
def test_a_planted_fault_is_named_with_its_line(dialect: str, row: Any, rule: str) -> None:
    rejected = "blue" if isinstance(row, dict) and "input" in row else None
    examples = [TrainingExample((user(f"Colour of {n}?"),), f"red or {n}", rejected) for n in range(60)]
    clean = [row_of(example, DIALECTS[dialect]) for example in examples]
    report = checked([*clean[:30], row, *clean[30:]], dialect)
    (finding,) = [finding for finding in report.findings if finding.rule == rule]
    assert (finding.grave, finding.count, finding.lines) == (True, 1, [31])
    assert rules(checked(clean, dialect)) == set()


@pytest.mark.parametrize(("dialect", "method"), [(name, m) for name, d in DIALECTS.items() for m in d.methods])
def test_what_we_write_in_a_dialect_has_no_fault_in_it(dialect: str, method: str) -> None:
    examples = [
        TrainingExample(
            ({"role": "system", "content": "Be brief."}, user(f"Colour of {n}?")),
            f"It is {n} or so.",
            "blue" if method == "dpo" else None,
            n % 2 == 0 if method == "kto" else None,
        )
        for n in range(60)
    ]
    report = checked([row_of(example, DIALECTS[dialect]) for example in examples], dialect)
    assert (report.method, report.examples, report.findings) == (method, 60, [])


def test_a_dialect_without_the_method_is_refused_with_those_that_have_it() -> None:
    with pytest.raises(ExportError, match=r"openai takes no data for kto.*trl"):
        dialect_of("openai", "kto")
    with pytest.raises(ExportError, match="There is no dialect"):
        dialect_of("opnai", "sft")


def test_the_command_names_every_dialect() -> None:
    assert tuple(DIALECTS) == _DIALECTS  # written out there, so that --help starts without the slow libraries


def test_what_spoils_a_training_is_noted() -> None:
    rows = [good(n) for n in range(60)]
    refusal = chat(USER, assistant("I'm sorry, but I can't help with that."))
    chinese = chat(user("颜色？"), assistant("很抱歉，我无法回答这个问题。"))
    long = chat(USER, assistant("red " * 300))
    noted = rules(checked([*rows, good(3), refusal, chinese, long, b"\n"], longest=200), grave=False)
    assert noted == {
        "the same example twice",
        "the same messages with another reply",
        "≈ a refusal as the reply",
        "≈ over 200 tokens: its end is cut",
        "an empty line",
    }


def test_case_and_blanks_make_no_other_example() -> None:
    shouted = chat(user("COLOUR of  thing 1?\n"), assistant("red or so"))
    assert "the same example twice" in rules(checked([good(1), shouted]), grave=False)


def test_the_file_as_a_whole_is_checked() -> None:
    assert "fewer than 10 examples, which openai demands" in rules(checked([good(1)]))
    assert rules(checked([good(n) for n in range(3)], "fireworks")) == set()
    assert "fewer than 1 examples, which chat demands" in rules(checked([], "chat"))
    assert "rows for several methods" in rules(checked([*[good(n) for n in range(20)], pair()]))
    uneven = [chat(user(str(n)), assistant("no" if n % 10 else "yes")) for n in range(60)]  # fmt: skip
    report = checked(uneven)
    assert "≈ one reply in most examples" in rules(report, grave=False)
    assert report.labels == {"no": 54, "yes": 6}
    same = [chat(user(str(n)), ASSISTANT) for n in range(60)]
    assert "every example has the same reply" in rules(checked(same), grave=False)
    alike = [{"prompt": str(n), "completion": "red", "label": True} for n in range(60)]
    assert "all judgements are alike: nothing tells good from bad" in rules(checked(alike, "trl"))
    assert "a byte order mark (BOM) at its start" in rules(checked([b"\xef\xbb\xbf", *map(good, range(60))]))
    assert rules(checked([b"\xef\xbb\xbf", *map(good, range(60))], "azure")) == set()


def test_examples_that_the_other_file_has_are_named(tmp_path: Path) -> None:
    other = tmp_path / "validation.jsonl"
    other.write_text("\n".join(map(json.dumps, [good(7), "x", good(99)])) + "\nnot json\n", "utf-8")
    report = checked([good(n) for n in range(60)], against=[other])
    (finding,) = [finding for finding in report.findings if finding.grave]
    assert (finding.rule, finding.lines) == ("messages that stand in the other file too", [8])
    with pytest.raises(ExportError, match="Cannot read"):
        checked([good(1)], against=[tmp_path / "none.jsonl"])


def test_tokens_are_counted_and_priced() -> None:
    report = checked([good(n) for n in range(60)])
    assert sum(report.sizes.values()) == 60
    assert sum(2**bits // 2 * count for bits, count in report.sizes.items()) <= report.tokens
    assert report.tokens < sum(2**bits * count for bits, count in report.sizes.items())
    assert report.cost_usd(3, 25) == pytest.approx(report.tokens * 3 * 25 / 1e6)


class Lines(io.RawIOBase):
    """A file of a thousand examples that is made while it is read."""

    def __init__(self, characters: int) -> None:
        rows = (json.dumps(good(n) | {"pad": "x" * characters}).encode() + b"\n" for n in range(1000))
        self.rows: Iterator[bytes] = rows

    def readline(self, size: int | None = -1, /) -> bytes:
        return next(self.rows, b"")


def test_memory_does_not_grow_with_the_size_of_the_examples() -> None:
    def peak(characters: int) -> int:
        tracemalloc.start()
        try:
            check_file(Lines(characters), DIALECTS["chat"])  # type: ignore[arg-type]
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(10)  # loads what is loaded once
    assert peak(10_000) - peak(10) < 200_000  # bytes, for 10 MB more


def test_the_command_ends_with_1_where_the_trainer_would_refuse(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text("\n".join(json.dumps(good(n)) for n in range(60)), "utf-8")
    result = promptgrid("tune", "check", str(path), "--price", "25")
    assert (result.exit_code, "Nothing is wrong with it." in result.stdout) == (0, True)
    assert "3 epochs at $25" in result.stdout
    path.write_text(json.dumps(good(1)) + "\nnot json\n", "utf-8")
    result = promptgrid("tune", "check", str(path))
    assert result.exit_code == 1
    assert "WRONG  1 × a line that is not JSON in line 2" in result.stdout
