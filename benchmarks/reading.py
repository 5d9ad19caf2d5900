"""How many recorded replies are read and scored right, and how long reading takes.

python -m benchmarks.reading [--bbh FILE] [--gsm8k FILE]
"""

from __future__ import annotations

import argparse
import gzip
import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from promptgrid.answers import Answer, read_answer
from promptgrid.answers.expected import read_number
from promptgrid.grading import Score, default_checks, grade
from promptgrid.prompt import AnswerRule

DATA = Path(__file__).with_name("data")
BBH, GSM8K = DATA / "bbh-replies.jsonl.gz", DATA / "gsm8k-replies.jsonl.gz"
NUMBER, MOOD = AnswerRule("number"), AnswerRule("label", labels=("positive", "negative", "mixed"))
OBJECT = AnswerRule("json", schema={"type": "object"})
FILLER = "She looks at the price of the box and adds what is left over from the day before, step by step. "


def lines(path: Path) -> Iterator[Mapping[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def read_and_score(rule: AnswerRule, reply: str, expected: str, marker: str = "") -> tuple[Answer, Score]:
    """What a run does with a reply, by the rule's usual check."""
    reading = read_answer(rule, reply, marker=marker)
    check = default_checks(rule, True)[-1]
    return reading, grade(check, output=reply, answer=reading.answer, expected=expected, rule=rule, note=reading.note)


def bbh_counts(path: Path = BBH) -> Counter[str]:
    """Replies of BIG-Bench-Hard by what became of them, without a marker.

    A reply that states two options, or one that the task does not have, states no label: it must be unread.
    """
    counts: Counter[str] = Counter()
    for line in lines(path):
        rule = AnswerRule(line["rule"]["kind"], labels=tuple(line["rule"].get("labels", ())))
        reading, score = read_and_score(rule, line["reply"], line["target"])
        stated = _bare(line["stated"])
        if not stated:
            counts["states nothing: " + ("unread" if reading.answer is None else "read")] += 1
        elif rule.kind == "label" and stated not in [label.casefold() for label in rule.labels]:
            counts["states no one label: " + ("unread" if reading.answer is None else "read")] += 1
        else:
            counts["states an answer: " + _outcome(reading.answer, stated)] += 1
        right = bool(stated) and stated == _bare(line["target"])
        counts["right ones scored wrong"] += right and score.passed is not True
        counts["wrong ones scored right"] += not right and score.passed is True
    return counts


def _bare(text: str | None) -> str:
    return (text or "").strip().strip("()").rstrip(".").casefold()


def _outcome(answer: str | None, stated: str) -> str:
    if answer is None:
        return "unread"
    number = read_number(stated, "en").numeral  # 135,210 is 135210
    same = answer.casefold() == stated or (number is not None and number.text == answer)
    return "read right" if same else "read as another"


def gsm8k_counts(path: Path = GSM8K) -> Counter[str]:
    """Solutions of GSM8K: whether the score agrees with the authors'. An unread one is not right."""
    counts: Counter[str] = Counter()
    for line in lines(path):
        reading, score = read_and_score(NUMBER, line["reply"], line["expected"])
        counts["agrees" if (score.passed is True) == line["right"] else "disagrees"] += 1
        counts["unread"] += reading.answer is None
    return counts


def seconds(count: int = 10_000) -> dict[str, float]:
    """Seconds of CPU for so many replies of 1,000 characters, read and scored, by kind of answer."""
    kinds: dict[str, tuple[AnswerRule, str, str, str]] = {
        "number behind a marker": (NUMBER, "So {} is it.\nAnswer: {}", "{}", "Answer:"),
        "number, the last": (NUMBER, "She has 7 and buys more. In all there are {} apples.", "{}", ""),
        "label behind a cue": (MOOD, "Run {}. The sentiment is clear.\n\nLabel: positive", "positive", ""),
        "label, the only": (MOOD, "Run {}. All in all it is a positive view of the lamp.", "positive", ""),
        "JSON": (OBJECT, '```json\n{{"n": {}, "list": [1, 2]}}\n```', '{{"n": {}, "list": [1, 2]}}', ""),
    }
    by_answer = {}
    for name, (rule, reply, expected, marker) in kinds.items():
        texts = [(_filled(reply.format(n, n)), expected.format(n)) for n in range(10, 10 + count)]
        start = time.process_time()
        passed = sum(read_and_score(rule, text, cell, marker)[1].passed is True for text, cell in texts)
        by_answer[name] = time.process_time() - start
        assert passed == count, (name, passed)
    return by_answer


def _filled(text: str, size: int = 1_000) -> str:
    return (FILLER * (size // len(FILLER) + 1))[: size - len(text) - 1] + "\n" + text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bbh", type=Path, default=BBH)
    parser.add_argument("--gsm8k", type=Path, default=GSM8K)
    options = parser.parse_args()
    for name, counts in (("BIG-Bench-Hard", bbh_counts(options.bbh)), ("GSM8K", gsm8k_counts(options.gsm8k))):
        print(name)
        for what, count in sorted(counts.items()):
            print(f"  {what:32} {count:6,}")
    seconds_by_answer = seconds()
    print("10,000 replies of 1,000 characters read and scored, seconds of CPU")
    for name, value in seconds_by_answer.items():
        print(f"  {name:32} {value:6.2f}")


if __name__ == "__main__":
    main()
