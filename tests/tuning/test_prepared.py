from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from promptgrid.errors import TuningError
from promptgrid.tuning.prepared import prepare, rule_of


def chat(question: str, reply: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": reply}]}


def written(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_share_is_held_out_and_no_question_stands_on_both_sides(tmp_path: Path) -> None:
    rows = [chat(f"question {n // 2}", f"reply {n}") for n in range(100)]
    data = prepare(written(tmp_path / "a.jsonl", rows), None, "sft", 0.2)
    assert (len(data.learn), len(data.held_out)) == (80, 20)
    questions = [{example["messages"][0]["content"] for example in part} for part in (data.learn, data.held_out)]
    assert questions[0].isdisjoint(questions[1])
    assert prepare(tmp_path / "a.jsonl", None, "sft", 0.2).sha256 == data.sha256
    more = written(tmp_path / "b.jsonl", [*rows, chat("another", "one")])
    assert prepare(more, None, "sft", 0.2).sha256 != data.sha256


def test_held_out_examples_that_are_learned_from_are_left_out_and_counted(tmp_path: Path) -> None:
    learn = written(tmp_path / "learn.jsonl", [chat(f"q{n}", "yes") for n in range(10)])
    held = written(tmp_path / "held.jsonl", [chat(f"q{n}", "no") for n in range(8, 14)])
    data = prepare(learn, held, "sft", 0.2)
    assert (len(data.learn), len(data.held_out)) == (10, 4)
    assert sum(data.left_out.values()) == 2


def test_all_dialects_are_read_alike(tmp_path: Path) -> None:
    ours = written(tmp_path / "ours.jsonl", [chat(f"q{n}", "yes") for n in range(12)])
    trl = written(
        tmp_path / "trl.jsonl",
        [{"prompt": [{"role": "user", "content": f"q{n}"}], "completion": [{"role": "assistant", "content": "yes"}]}
         for n in range(12)],
    )  # fmt: skip
    assert prepare(ours, None, "sft", 0.2).sha256 == prepare(trl, None, "sft", 0.2).sha256


def test_preferences_have_both_replies(tmp_path: Path) -> None:
    pair = {
        "chosen": [{"role": "assistant", "content": "short"}],
        "rejected": [{"role": "assistant", "content": "l" * 9}],
    }
    rows = [{"prompt": [{"role": "user", "content": f"q{n}"}], **pair} for n in range(12)]
    data = prepare(written(tmp_path / "a.jsonl", rows), None, "dpo", 0.2)
    assert {(example["reply"], example["rejected"]) for example in data.learn} == {("short", "l" * 9)}


def test_too_few_examples_are_refused_with_the_reasons(tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text("not json\n[1]\n" + "".join(json.dumps(chat(f"q{n}", "yes")) + "\n" for n in range(5)))
    with pytest.raises(TuningError, match="2 left out: a line that is no JSON object"):
        prepare(path, None, "sft", 0.2)
    with pytest.raises(TuningError, match="5 left out: an example for sft"):
        prepare(path, None, "dpo", 0.2)


def test_labels_are_recognised_and_texts_are_not() -> None:
    labels = [{"reply": reply} for reply in ("good", "bad", "mixed") * 5]
    rule = rule_of(labels)
    assert rule is not None
    assert rule.labels == ("bad", "good", "mixed")
    assert rule_of([{"reply": f"A sentence that differs each time, number {n}."} for n in range(15)]) is None
    assert rule_of([{"reply": "good", "rejected": "bad"}] * 15) is None
