"""What examples did to the score of a real run: a model that heeds the last example most, and one bad example."""

from __future__ import annotations

import json
from typing import Any

from click.testing import CliRunner

from promptgrid import api
from promptgrid.cli import main
from promptgrid.compare.shots import examples_report
from promptgrid.endpoint import Request
from promptgrid.prompt import AnswerRule, Example, Message, Prompt
from promptgrid.store import Database
from tests.running import a_run

WORDS = ("red apple", "blue car", "slow boat", "tall tree", "old house", "new road")
PROMPT = Prompt(
    "kinds",
    (Message("user", "Kind of {{ q }}?"),),
    examples=tuple(Example({"q": word}, "yes" if number % 2 else "no") for number, word in enumerate(WORDS)),
    answer=AnswerRule("label", ("yes", "no")),
)
CASES = [{"q": f"thing number {number}", "expected": "yes" if number % 3 else "no"} for number in range(12)]


def asked(request: Request) -> int:
    return int(request.messages[-1].text.rstrip("?").split()[-1])


def last_answer(request: Request) -> str:
    """Right where the example beside the question says yes, and for every fourth case."""
    right = "yes" if asked(request) % 3 else "no"
    return right if request.messages[-2].text == "yes" or asked(request) % 4 == 0 else {"yes": "no", "no": "yes"}[right]


def unless_boat(request: Request) -> str:
    """Right for every case, but wrong where the example of the boat is shown."""
    right = "yes" if asked(request) % 3 else "no"
    seen = any("boat" in message.text for message in request.messages)
    return {"yes": "no", "no": "yes"}[right] if seen else right


def ran(database: Database, **settings: Any) -> str:
    return a_run(database, api.plan(PROMPT, CASES, models="openai/m", techniques=["few-shot"], **settings))


def test_the_order_moves_the_score_of_a_model_that_heeds_the_last_example(database: Database, scripted: Any) -> None:
    scripted(last_answer)
    run_id = ran(database, shots=4, selector="first", shot_orders=[f"shuffled:seed={seed}" for seed in range(6)])
    (effect,) = examples_report(database, run_id).orders
    assert effect.orders == 6
    assert effect.spread is not None
    assert set(effect.spread.means) == {3 / 12, 1.0}
    assert 0.1 < effect.spread.low < effect.spread.sd < effect.spread.high
    said = CliRunner().invoke(main, ["examples", run_id])
    assert "over 6 orders of the same examples the score went from 25.0 to 100.0 %" in said.output


def test_four_orders_are_too_few_to_say_anything(database: Database, scripted: Any) -> None:
    scripted(last_answer)
    run_id = ran(database, shots=4, selector="first", shot_orders=[f"shuffled:seed={seed}" for seed in range(4)])
    said = CliRunner().invoke(main, ["examples", run_id])
    assert "4 orders. To say how far they move the score takes five" in said.output


def test_the_harmful_example_is_last_and_flagged(database: Database, scripted: Any) -> None:
    scripted(unless_boat)
    run_id = ran(database, shots=[1, 2], selectors=[f"subset:seed={seed}" for seed in range(9)])
    (worths,) = examples_report(database, run_id).worths.values()
    assert {one.shown for one in worths} == {48, 60}  # 9 subsets of 1 and of 2 show each of 6 four or five times
    assert worths[-1].example == 2
    assert [one.example for one in worths if one.harmful] == [2]
    said = json.loads(CliRunner().invoke(main, ["examples", run_id, "--json"]).output)
    assert said["worths"][f"kinds@{PROMPT.version[:6]}"][-1]["harmful"] is True
    assert "harmful" in CliRunner().invoke(main, ["examples", run_id]).output


def test_a_run_without_chosen_examples_says_what_to_do(database: Database, scripted: Any) -> None:
    scripted(last_answer)
    said = CliRunner().invoke(main, ["examples", ran(database)])
    assert said.output == "This run shows no examples in several orders or sets. See --help for one that does.\n"


def test_a_check_that_is_not_there_says_which_are(database: Database, scripted: Any) -> None:
    scripted(last_answer)
    run_id = ran(database, shots=1, selectors=["subset:seed=0", "subset:seed=1"])
    said = CliRunner().invoke(main, ["examples", run_id, "--check", "lable"])
    assert said.exit_code == 2
    assert "Did you mean label?" in said.output
