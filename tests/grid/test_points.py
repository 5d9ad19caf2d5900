from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from promptgrid import grid
from promptgrid.cases.table import Case
from promptgrid.endpoint import ScriptedEndpoint
from promptgrid.errors import MissingVariables, PlanError, PromptError
from promptgrid.grading import parse_check
from promptgrid.grid import Plan, Point
from promptgrid.prompt import Example, Message, Parameters, Prompt

pytestmark = pytest.mark.usefixtures("openai")
PROMPT = Prompt("sum", (Message("user", "{{ sum }}"),), examples=(Example({"sum": "1+1"}, "2"),))
CASES = tuple(Case(str(n), {"sum": f"{n}+{n}"}, str(2 * n)) for n in (1, 2, 3))


def a_plan(**changes: Any) -> Plan:
    return Plan.of(**{"prompts": (PROMPT,), "cases": CASES, "models": ("openai/gpt-4o",), **changes})


def points(plan: Plan, identity: str = "here") -> list[Point]:
    endpoint = ScriptedEndpoint(["x"], name="openai")
    object.__setattr__(endpoint, "identity", identity)
    return list(grid.points(plan, {"openai": endpoint}, grid.decide(plan)))


def test_a_plan_unrolls_into_every_combination() -> None:
    grid_points = points(a_plan(techniques=("zero-shot", "few-shot"), temperatures=(0, 0.7), samples=2))
    assert len(grid_points) == len({p.key for p in grid_points}) == 3 * 2 * 2
    assert {(p.technique, p.variant.parameters.temperature, p.case.id) for p in grid_points} == {
        (t, temp, str(n)) for t in ("zero-shot", "few-shot") for temp in (0, 0.7) for n in (1, 2, 3)
    }


def test_a_run_without_a_name_is_called_after_its_prompts_and_axes() -> None:
    assert a_plan().usual_name == "sum"
    other = replace(PROMPT, name="total")
    wide = a_plan(prompts=(PROMPT, other), techniques=("zero-shot", "few-shot"), temperatures=(0, 0.7, 1))
    assert wide.usual_name == "sum + total × 2 techniques × 3 temperatures"


def test_temperatures_of_a_case_follow_each_other() -> None:
    assert [p.case.id for p in points(a_plan(temperatures=(0, 1)))] == ["1"] * 2 + ["2"] * 2 + ["3"] * 2


def test_the_number_of_samples_is_not_in_the_key() -> None:
    assert points(a_plan(samples=5))[0].key == points(a_plan(samples=20))[0].key


def test_sample_i_is_sent_with_seed_plus_i() -> None:
    (point,) = points(a_plan(seed=7, samples=3, cases=CASES[:1]))
    assert [point.request_for(i).parameters.seed for i in range(3)] == [7, 8, 9]
    assert (point.request_for(1, n=2).parameters.seed, point.request_for(1, n=2).n) == (8, 2)
    (unseeded,) = points(a_plan(samples=3, cases=CASES[:1]))
    assert unseeded.request_for(2).parameters.seed is None


def test_the_key_knows_endpoint_seed_and_request() -> None:
    key = points(a_plan())[0].key
    assert points(a_plan())[0].key == key
    assert points(a_plan(), identity="elsewhere")[0].key != key
    assert points(a_plan(seed=1))[0].key != key
    assert points(a_plan(max_tokens=5))[0].key != key
    assert points(a_plan(extra_body={"seed": 1}))[0].key != points(a_plan(extra_body={"seed": 2}))[0].key
    assert points(a_plan(prompts=(replace(PROMPT, description="other words about it"),)))[0].key == key


ALL = Parameters(0, 1.0, 9, 7, ("END", "\n"), "low", {"type": "json_object"}, {"top_k": 40})
EVERYTHING: Mapping[str, Any] = {
    "temperatures": (0, 0.7, 1), "max_tokens": 16, "top_p": 0.9, "seed": 3, "stop": ("x",), "reasoning_effort": "high",
    "response_format": {"type": "json_object"}, "extra_body": {"top_k": 40}, "samples": 2, "examples_k": 1,
}  # fmt: skip


@pytest.mark.parametrize(
    ("own", "settings", "keys"),
    [
        (Parameters(), {}, ["9e1cb8a3797cabe02d11a0b334b70dba"]),
        (ALL, {}, ["6da259061e42df4f047bc52929993bc4"]),
        (Parameters(stop=(), extra_body={}), {"stop": (), "extra_body": {}}, ["9e1cb8a3797cabe02d11a0b334b70dba"]),
        (
            ALL,
            {"temperatures": (0.5,), "top_p": 0, "max_tokens": 5, "stop": ("x",)},
            ["67db791832175fa90792e655c71fd76a"],
        ),
        (
            Parameters(),
            EVERYTHING,
            [
                "3710d9f61559b37364fb89b471032a5a",
                "bdf45131e7ea488b93b30713e027bb5e",
                "a39e9aaa14a90761cfdfcc7a1593019c",
            ],
        ),
        (Parameters(), {**EVERYTHING, "models": ("openai/gpt-5.2",)}, ["65d987d71c401621a7d9bac60abd81cc"]),
        (Parameters(), {**EVERYTHING, "models": ("openai/o3",)}, ["5049dcb9cb41544dbe14196617938544"]),
    ],
)
def test_keys_are_what_they_always_were(own: Parameters, settings: Mapping[str, Any], keys: list[str]) -> None:
    """Replies are stored under them."""
    case = Case("1", {"sum": "1+1"}, "2")
    plan = a_plan(prompts=(replace(PROMPT, parameters=own),), **{"cases": (case,), **settings})
    assert [point.key for point in points(plan)] == keys


def test_0_in_a_prompt_and_0_point_0_in_a_plan_are_the_same_call() -> None:
    own = replace(PROMPT, parameters=Parameters(temperature=0))
    assert points(a_plan(prompts=(own,)))[0].key == points(a_plan(prompts=(own,), temperatures=(0.0,)))[0].key


def test_chain_of_thought_and_self_consistency_share_their_replies() -> None:
    grid_points = points(a_plan(techniques=("chain-of-thought", "self-consistency"), cases=CASES[:1]))
    assert len(grid_points) == 2
    assert grid_points[0].key == grid_points[1].key


def test_temperatures_that_the_model_does_not_take_are_merged_and_said() -> None:
    grid_points = points(a_plan(models=("openai/o3",), temperatures=(0, 0.7, 1.2), samples=2, cases=CASES[:1]))
    assert len(grid_points) == 1
    assert grid_points[0].request.parameters.temperature is None
    assert grid_points[0].variant.parameters.temperature == 0
    assert "0, 0.7, 1.2 are the same on the wire" in grid_points[0].variant.note


def test_without_temperatures_the_prompts_own_is_used() -> None:
    own = replace(PROMPT, parameters=Parameters(temperature=0.3, max_tokens=9, stop=("END",)))
    assert points(a_plan(prompts=(own,)))[0].request.parameters == own.parameters
    assert points(a_plan(prompts=(own,), max_tokens=5))[0].request.parameters.max_tokens == 5


def test_a_technique_that_cannot_be_served_makes_no_cells_and_says_why() -> None:
    plan = a_plan(techniques=("zero-shot", "few-shot-cot"))
    assert {p.technique for p in points(plan)} == {"zero-shot"}
    assert [(s.technique, s.reason) for s in grid.skipped(plan)] == [
        ("few-shot-cot", "none of the prompt's examples has reasoning")
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"prompts": ()}, "no prompts"),
        ({"cases": ()}, "no cases"),
        ({"temperatures": (2.5,)}, "2.5 is out of range"),
        ({"samples": 0}, "Samples 0"),
        ({"max_tokens": 0}, "Max tokens 0"),
        ({"techniques": ("few-shoot",)}, "Did you mean few-shot"),
        ({"prompts": (PROMPT, PROMPT)}, "Two prompts are called 'sum@"),
        ({"cases": (CASES[0], CASES[0])}, "Two cases are called '1'"),
        ({"checks": (parse_check("contains:text=a"), parse_check("contains:text=b"))}, "Two checks"),
        ({"concurrency": 0}, "Concurrency 0"),
        ({"examples_k": -1}, "Examples shown -1"),
        ({"top_p": 1.5}, "top_p 1.5"),
        ({"seed": 10**20}, "Seed"),
        ({"budget": "2,50"}, "is not a budget"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        a_plan(**change)


def test_all_missing_variables_are_named_before_anything_is_sent() -> None:
    two = replace(PROMPT, messages=(Message("user", "{{ sum }}\n{{ unit }} {{ place }}"),))
    with pytest.raises(MissingVariables) as caught:
        a_plan(prompts=(two,)).check_variables()
    assert caught.value.missing == {"unit": ["user message, line 2"], "place": ["user message, line 2"]}


def test_a_case_that_cannot_be_rendered_is_named() -> None:
    broken = replace(PROMPT, messages=(Message("user", "{{ sum.nothing.there }}"),))
    with pytest.raises(PromptError, match='"sum", case 1'):
        points(a_plan(prompts=(broken,)))


def test_an_unknown_endpoint_gets_a_suggestion() -> None:
    with pytest.raises(PlanError, match="Did you mean openai"):
        points(a_plan(models=("opnai/gpt-4o",)))


def test_the_model_says_how_its_limit_of_tokens_is_called() -> None:
    (point,) = points(a_plan(models=("openai/o3",), cases=CASES[:1], max_tokens=5))
    assert point.request.token_parameter == "max_completion_tokens"
