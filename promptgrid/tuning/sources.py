"""Collects training examples from runs (checks, ratings, votes) and conversations.

Cases of the part *prove* never become examples, since a tuned model is judged on them. Of equal examples one is taken.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from promptgrid.answers.expected import accepted
from promptgrid.chat import tree
from promptgrid.chat.settings import from_json
from promptgrid.compact import NumberMap, hash64
from promptgrid.export.preferences import preference_rows, sent_messages
from promptgrid.prompt import AnswerRule
from promptgrid.store import Database, conversations, results, runs
from promptgrid.store.conversations import Conversation
from promptgrid.store.results import ResultRow
from promptgrid.tuning.dialects import Method, TrainingExample

Target = Literal["passed", "expected"]
GOOD, BAD = 0.75, 0.25  # a rating from 0 to 1: at least that is good, at most that is bad


@dataclass(slots=True)
class TrainingSet:
    """Examples that are read while they are iterated, once. Afterwards `taken` counts them by source and `left_out` by
    the reason why a reply became no example."""

    _examples: Iterator[TrainingExample] = field(default_factory=lambda: iter(()))
    taken: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    _seen: NumberMap = field(default_factory=NumberMap)

    def __iter__(self) -> Iterator[TrainingExample]:
        for example in self._examples:
            content = json.dumps([*map(dict, example.messages), example.reply, example.rejected, example.desirable])
            if self._seen.add(hash64(content.encode("utf-8", "surrogatepass"))):
                self.taken[str(example.origin.get("source", ""))] += 1
                yield example
            else:
                self.left_out["the same as an earlier example"] += 1


def of_runs(
    database: Database,
    run_ids: Sequence[str],
    method: Method,
    *,
    target: Target = "passed",
    technique: str = "",
) -> TrainingSet:
    """Returns the examples of runs.

    sft: the replies that are good; with `target` expected, the cases' expected answers instead. kto: the good and the
    bad replies. dpo: the votes on two replies to the same messages, and for each request one good reply with one bad
    reply. A reply is good if people rate it at least 0.75; without a rating, if it passes every check that could score
    it. It is bad if the rating is at most 0.25, or without a rating if it fails one. With `technique`, only cells of
    that technique count. Raises StoreError when a run no longer exists.
    """
    training_set = TrainingSet()

    def examples() -> Iterator[TrainingExample]:
        for run_id in run_ids:
            whole = target == "passed"
            rows = _rows(database, run_id, technique, training_set.left_out, whole=whole)
            if method == "dpo":
                yield from _voted(database, run_id, technique, training_set.left_out)
                yield from _contrasts(rows)
            elif target == "expected":
                rules = {prompt.name: prompt.answer for prompt in runs.plan_of(database, run_id).prompts}
                yield from _expected(rows, rules, training_set.left_out)
            else:
                yield from _judged(rows, method, training_set.left_out)

    training_set._examples = examples()
    return training_set


def of_conversations(database: Database, conversation_ids: Iterable[str]) -> TrainingSet:
    """Returns one example per conversation and variant: the branch shown, up to its last reply, with all turns before.
    Deleted turns are left out. Raises StoreError when a conversation no longer exists."""
    training_set = TrainingSet()
    training_set._examples = (
        example
        for conversation_id in conversation_ids
        for example in _talk(conversations.load(database, conversation_id), training_set.left_out)
    )
    return training_set


def _rows(
    database: Database, run_id: str, technique: str, left_out: Counter[str], *, whole: bool
) -> Iterator[ResultRow]:
    """Yields the cells with a reply (with `whole`, not cut by max_tokens) whose case may be learned from."""
    for row in results.result_rows(database, run_id):
        if technique and row.technique != technique:
            continue
        if row.part == "prove":
            left_out["its case is of the part prove, which is kept for the verdict"] += 1
        elif not row.part:
            left_out["its case has no part, as the run is too old: run it again"] += 1
        elif row.output is None or row.request_json is None:
            left_out["no reply"] += 1
        elif whole and row.finish_reason == "length":
            left_out["the reply was cut by max_tokens"] += 1
        else:
            yield row


def _expected(
    rows: Iterable[ResultRow], rules: Mapping[str, AnswerRule], left_out: Counter[str]
) -> Iterator[TrainingExample]:
    """Yields the first accepted answer of each case as the reply to learn."""
    for row in rows:
        if row.expected is None or not row.expected.strip():
            left_out["its case has no expected answer"] += 1
        else:
            answer = accepted(rules.get(row.prompt, AnswerRule()), row.expected)[0]
            yield _example(row, answer, "expected answers")


def _judged(rows: Iterable[ResultRow], method: Method, left_out: Counter[str]) -> Iterator[TrainingExample]:
    for row in rows:
        good, source = _verdict(row)
        if good is None:
            left_out["neither good nor bad by a check or a rating"] += 1
        elif method == "kto":
            yield _example(row, row.output or "", source, desirable=good)
        elif good:
            yield _example(row, row.output or "", source)
        else:
            left_out["a bad reply, by a check or a rating"] += 1


def _contrasts(rows: Iterable[ResultRow]) -> Iterator[TrainingExample]:
    """Yields a good reply with a bad one to the same messages, once per messages."""
    waiting: dict[int, tuple[bool, str]] = {}
    done = NumberMap()
    for row in rows:
        verdict, source = _verdict(row)
        messages = hash64(json.dumps(sent_messages(row.request_json or "{}")).encode("utf-8", "surrogatepass"))
        if verdict is None or done.get(messages) is not None:
            continue
        text = row.output or ""
        other = waiting.setdefault(messages, (verdict, text))
        if other[0] != verdict:
            good, bad = (text, other[1]) if verdict else (other[1], text)
            done.add(messages)
            del waiting[messages]
            yield _example(row, good, source, rejected=bad)


def _voted(database: Database, run_id: str, technique: str, left_out: Counter[str]) -> Iterator[TrainingExample]:
    for pair in preference_rows(database, run_id):
        about = pair["metadata"]
        if technique and about["chosen"]["technique"] != technique:
            continue
        if about["part"] in ("prove", "", None):
            left_out["a vote on a case of the part prove, or without a part"] += 1
        elif not about["same_prompt"]:
            left_out["a vote on replies to different messages"] += 1
        else:
            origin = {"source": "votes", "run_id": run_id, "case_id": about["case_id"], "part": about["part"]}
            chosen, rejected = pair["chosen"][0]["content"], pair["rejected"][0]["content"]
            yield TrainingExample(tuple(pair["prompt"]), chosen, rejected, origin=origin)


def _verdict(row: ResultRow) -> tuple[bool | None, str]:
    """Returns whether the reply is good (None: undecided), and what says so."""
    if row.human_score is not None:
        rating = row.human_score
        return (True if rating >= GOOD else False if rating <= BAD else None), "ratings"
    passed = [score.passed for score in row.scores.values() if score.passed is not None]
    return (all(passed) if passed else None), "checks"


def _example(
    row: ResultRow, reply: str, source: str, *, rejected: str | None = None, desirable: bool | None = None
) -> TrainingExample:
    origin = {"source": source, "run_id": row.run_id, "cell_id": row.cell_id, "case_id": row.case_id}
    origin["part"] = row.part or ""
    return TrainingExample(tuple(sent_messages(row.request_json or "{}")), reply, rejected, desirable, origin)


def _talk(conversation: Conversation, left_out: Counter[str]) -> Iterator[TrainingExample]:
    nodes = tree.path(conversation, conversation.leaf)
    while nodes and not tree.is_reply(nodes[-1]):
        nodes.pop()
    for variant in from_json(conversation.settings).variants:
        reply = nodes[-1].replies.get(variant.id) if nodes else None
        if reply is None or reply.state not in ("answered", "edited") or not reply.text.strip():
            left_out["a conversation whose last reply is missing or incomplete"] += 1
            continue
        messages = tuple(
            {"role": m.role, "content": m.text} for _, turn in tree.sent(nodes[:-1], variant) if (m := turn.message)
        )
        origin = {"source": "conversations", "conversation_id": conversation.id, "variant": variant.id}
        yield TrainingExample(messages, reply.text, origin=origin)
