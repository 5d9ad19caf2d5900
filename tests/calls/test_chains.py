"""Chains of prompts, carried out over real sockets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from promptgrid import api
from promptgrid.errors import MissingVariables
from promptgrid.prompt import AnswerRule, Message, Parameters, Prompt, dumps
from promptgrid.prompt.model import ChainStep
from promptgrid.runner import client
from promptgrid.store import Database
from promptgrid.store.results import ResultRow, result_rows
from promptgrid.store.steps import steps_of
from tests.running import carried_out

if TYPE_CHECKING:
    from tests.faults.server import HostileServer

pytestmark = pytest.mark.usefixtures("endpoint")
TONE = Prompt(
    "tone",
    (Message("user", "Tone of {{ text }}?"),),
    answer=AnswerRule("label", labels=("good", "bad")),
    parameters=Parameters(temperature=0.0),
)


def chain(*steps: ChainStep, last: str = "Answer, the tone is {{ tone }}.") -> Prompt:
    return Prompt("reply", (Message("user", last),), chain=steps)


def rows_of(database: Database, prompt: Prompt, **changes: Any) -> tuple[str, list[ResultRow]]:
    plan = api.plan(prompt, [{"text": "It broke."}], models="openai/ok", **changes)
    run_id = client.submit(database, plan)
    assert carried_out(database, run_id) == "finished"
    return run_id, list(result_rows(database, run_id))


def bodies(server: HostileServer) -> list[dict[str, Any]]:
    """The completions that were asked for; token counts are asked with messages too."""
    return [one.body for one in server.requests if one.path.endswith("/chat/completions")]


def told(server: HostileServer) -> list[str]:
    return [body["messages"][-1]["content"] for body in bodies(server)]


def test_the_answer_of_a_step_is_a_variable_of_the_next(database: Database, hostile: HostileServer) -> None:
    hostile.answer = lambda body: "It is bad." if "Tone" in body["messages"][-1]["content"] else "Sorry!"
    run_id, (row,) = rows_of(database, chain(ChainStep("tone", text=dumps(TONE))), temperatures=[1.0])
    assert told(hostile) == ["Tone of It broke.?", "Answer, the tone is bad."]
    assert row.output == "Sorry!"
    assert [one.step for one in steps_of(database, run_id, row.position)] == ["tone", "answer"]
    assert [body["temperature"] for body in bodies(hostile)] == [0.0, 1.0]


def test_a_step_may_ask_another_model(database: Database, hostile: HostileServer) -> None:
    rows_of(database, chain(ChainStep("tone", text=dumps(TONE), model="openai/other", temperature=0.5)))
    assert [body["model"] for body in bodies(hostile)] == ["other", "ok"]
    assert bodies(hostile)[0]["temperature"] == 0.5


def test_a_step_is_repeated_with_its_last_output_until_it_says_so(database: Database, hostile: HostileServer) -> None:
    hostile.answer = lambda body: "two GOOD" if "<one>" in body["messages"][-1]["content"] else "one"
    step = ChainStep("tone", text="user:\nBetter than <{{ tone }}>: {{ text }}", repeat=5, until="GOOD")
    run_id, (row,) = rows_of(database, chain(step))
    assert [one.step for one in steps_of(database, run_id, row.position)] == ["tone 1", "tone 2", "answer"]
    assert told(hostile)[-1] == "Answer, the tone is two GOOD."


def test_the_technique_of_the_run_applies_to_the_last_prompt(database: Database, hostile: HostileServer) -> None:
    step = ChainStep("tone", text=dumps(TONE), technique="chain-of-thought")
    hostile.answer = lambda body: "Answer: bad"
    _, rows = rows_of(database, chain(step), techniques=["zero-shot", "self-refine:rounds=1"])
    assert [row.calls for row in rows] == [2, 4]
    assert hostile.calls("ok") == 5  # the tone is asked once
    assert "Think step by step" in told(hostile)[0]


def test_a_reply_that_holds_jinja_flows_on_as_text(database: Database, hostile: HostileServer) -> None:
    hostile.answer = lambda body: "{{ 7 * 7 }} {% for x in y %}"
    step = ChainStep("tone", text="user:\nSay {{ text }}")
    rows_of(database, chain(step))
    assert told(hostile)[-1] == "Answer, the tone is {{ 7 * 7 }} {% for x in y %}."


def test_a_variable_that_no_step_and_no_case_gives_is_named_before_anything_is_sent(hostile: HostileServer) -> None:
    plan = api.plan(chain(last="{{ tune }}"), [{"text": "a"}], models="openai/ok")
    with pytest.raises(MissingVariables, match="tune"):
        plan.check_variables()
    assert hostile.calls("ok") == 0


def test_a_named_prompt_runs_as_it_was_when_the_run_was_planned(database: Database, hostile: HostileServer) -> None:
    from promptgrid.library.folder import Library, library_folder

    library = Library(library_folder())
    library.save(TONE, None)
    plan = api.plan(chain(ChainStep("tone", prompt="tone")), [{"text": "a"}], models="openai/ok")
    run_id = client.submit(database, plan)
    library.delete("tone")
    assert carried_out(database, run_id) == "finished"
    assert told(hostile)[0] == "Tone of a?"
