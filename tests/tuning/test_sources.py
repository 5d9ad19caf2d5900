"""Training examples out of runs and conversations: good replies and bad ones, and never a case of the verdict."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from promptgrid import api
from promptgrid.prompt import AnswerRule, Message, Prompt
from promptgrid.store import Database, conversations, ratings, results, runs, votes
from promptgrid.store.conversations import VariantReply
from promptgrid.store.ratings import Rating
from promptgrid.tuning import TrainingExample, of_conversations, of_runs
from tests.faults.answers import prompt_text
from tests.faults.server import HostileServer

PROMPT = Prompt(
    "colour",
    (Message("system", "One word."), Message("user", "Colour of {{ thing }}?")),
    answer=AnswerRule("label", ("red", "blue"), separator="|"),
)
Run = Callable[..., str]


@pytest.fixture
def run(hostile: HostileServer, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Carries out a run of forty cases that all expect `red`, and returns its id; `answer` is of (text, temperature).

    At temperature 0 the model says red, else blue.
    """
    monkeypatch.setenv("OPENAI_BASE_URL", hostile.url)

    def carry_out(expected: str = "red", **axes: Any) -> str:
        hostile.answer = lambda body: "red" if body.get("temperature") == 0 else "blue"
        rows = [{"thing": f"thing {n}", "expected": expected} for n in range(40)]
        api.run(api.plan(PROMPT, rows, **{"models": "openai/ok", "temperatures": [0, 1], **axes}))
        return runs.list_runs(Database())[0].id

    return carry_out


def rows_by_part(database: Database, run_id: str) -> dict[str | None, list[results.ResultRow]]:
    by_part: dict[str | None, list[results.ResultRow]] = {}
    for row in results.result_rows(database, run_id):
        by_part.setdefault(row.part, []).append(row)
    return by_part


def things(examples: list[TrainingExample]) -> set[str]:
    return {str(example.messages[-1]["content"]).removeprefix("Colour of ").rstrip("?") for example in examples}


def test_good_replies_become_examples_and_cases_of_the_verdict_never_do(database: Database, run: Run) -> None:
    by_part = rows_by_part(database, run_id := run())
    held_back = {row.inputs["thing"] for row in by_part["prove"]}
    assert held_back
    for method in ("sft", "kto", "dpo"):
        examples = list(training_set := of_runs(database, [run_id], method))
        assert things(examples) == {f"thing {n}" for n in range(40)} - held_back
        assert training_set.left_out["its case is of the part prove, which is kept for the verdict"] == len(
            by_part["prove"]
        )
        assert {example.method for example in examples} == {method}
    learned = list(of_runs(database, [run_id], "sft"))
    assert {example.reply for example in learned} == {"red"}
    assert learned[0].messages[0] == {"role": "system", "content": "One word."}
    judged = Counter((example.reply, example.desirable) for example in of_runs(database, [run_id], "kto"))
    assert judged == {("red", True): len(learned), ("blue", False): len(learned)}
    pairs = {(example.reply, example.rejected) for example in of_runs(database, [run_id], "dpo")}
    assert pairs == {("red", "blue")}


def test_a_persons_rating_goes_before_the_checks(database: Database, run: Run) -> None:
    run_id = run(temperatures=[0])
    first, second, *_ = rows_by_part(database, run_id)["learn"]
    ratings.put(database, run_id, Rating(first.position, "ada", 0.0, "thumb", ""))
    ratings.put(database, run_id, Rating(second.position, "ada", 0.5, "stars", ""))
    training_set = of_runs(database, [run_id], "sft")
    learned = things(list(training_set))
    assert {first.inputs["thing"], second.inputs["thing"]}.isdisjoint(learned)
    assert training_set.left_out["a bad reply, by a check or a rating"] == 1
    assert training_set.left_out["neither good nor bad by a check or a rating"] == 1


def test_the_expected_answer_is_the_first_that_is_accepted(database: Database, run: Run) -> None:
    run_id = run("red|blue", temperatures=[1])
    examples = list(of_runs(database, [run_id], "sft", target="expected"))
    assert {example.reply for example in examples} == {"red"}
    assert {example.origin["source"] for example in examples} == {"expected answers"}


def test_equal_examples_are_taken_once_over_several_runs(database: Database, run: Run) -> None:
    run_id = run(temperatures=[0], samples=2)
    once = list(of_runs(database, [run_id], "sft"))
    training_set = of_runs(database, [run_id, run_id], "sft")
    assert [example.reply for example in training_set] == [example.reply for example in once]
    assert training_set.left_out["the same as an earlier example"] == 3 * len(once)


def test_votes_become_preferences_but_for_sealed_cases(database: Database, run: Run) -> None:
    run_id = run(checks=[])
    by_part = rows_by_part(database, run_id)
    for part in ("learn", "prove"):
        red, blue = by_part[part][:2]
        assert red.case_id == blue.case_id
        votes.add(database, run_id, blue.position, red.position, "left", "ada")
    training_set = of_runs(database, [run_id], "dpo")
    (example,) = list(training_set)
    assert (example.reply, example.rejected) == ("blue", "red")
    assert training_set.taken == {"votes": 1}
    assert training_set.left_out["a vote on a case of the part prove, or without a part"] == 1


def test_a_reply_that_was_cut_is_left_out(database: Database, hostile: HostileServer, run: Run) -> None:
    hostile.script("ok", *["length"] * 40)
    run_id = run(temperatures=[0])
    cut = sum(row.finish_reason == "length" and row.part != "prove" for row in results.result_rows(database, run_id))
    training_set = of_runs(database, [run_id], "sft")
    list(training_set)
    assert training_set.left_out["the reply was cut by max_tokens"] == cut


def test_a_conversation_is_learned_up_to_its_last_whole_reply(database: Database) -> None:
    settings = {
        "variants": [{"id": 1, "model": "m/a", "system": "Be kind."}, {"id": 2, "model": "m/b"}],
        "policy": "keep-system",
        "limit": None,
        "room": 100,
    }
    chat = conversations.create(database, "talk", settings)
    parent = None
    for question, replies in (("Hi", ("Hello", "Hey")), ("Bye", ("See you", ""))):
        parent = conversations.add_turn(database, chat, parent, "user", question)
        parent = conversations.add_turn(database, chat, parent, "assistant")
        with database.write() as connection:
            for variant, text in enumerate(replies, start=1):
                reply = VariantReply(text, "answered" if text else "failed", error="" if text else "gone")
                conversations.keep_reply(connection, parent, variant, reply)
    conversations.set_leaf(database, chat, parent)
    training_set = of_conversations(database, [chat])
    (example,) = list(training_set)
    texts = [(message["role"], message["content"]) for message in example.messages]
    assert texts == [("system", "Be kind."), ("user", "Hi"), ("assistant", "Hello"), ("user", "Bye")]
    assert example.reply == "See you"
    assert training_set.left_out["a conversation whose last reply is missing or incomplete"] == 1


def test_the_file_of_a_run_holds_what_was_sent(database: Database, run: Run, tmp_path: Path) -> None:
    from tests.command import promptgrid

    run_id = run(temperatures=[0])
    out = tmp_path / "train.jsonl"
    result = promptgrid("tune", "data", run_id, "--out", str(out))
    assert result.exit_code == 0, result.output
    lines = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert f"Wrote {len(lines)} examples to {out} ({len(lines)} from checks)." in result.stdout
    assert "kept for the verdict" in result.stderr
    sent = {prompt_text(json.loads(row.request_json or "")) for row in results.result_rows(database, run_id)}
    assert {line["messages"][1]["content"] for line in lines} <= sent
    assert {line["messages"][-1]["content"] for line in lines} == {"red"}
    assert promptgrid("tune", "data", run_id, "--method", "kto", "--out", str(out)).exit_code == 2
    assert "Name a run" in promptgrid("tune", "data", "--out", str(out)).output
