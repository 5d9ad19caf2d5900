"""The record of parameters and their table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptgrid.errors import PlanError
from promptgrid.prompt import Example, Message, Parameters, Prompt, dumps, loads, parameters_from
from promptgrid.prompt.parameters import SPECS

NUMBERS = st.none() | st.floats(0, 1) | st.integers(0, 1)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=5)
PARAMETERS = st.builds(
    Parameters,
    temperature=NUMBERS,
    top_p=NUMBERS,
    max_tokens=st.none() | st.integers(1, 99),
    seed=st.none() | st.integers(-9, 9),
    stop=st.none() | st.lists(TEXTS, min_size=1, max_size=3).map(tuple),
    reasoning_effort=st.none() | st.sampled_from(["none", "low"]),
    response_format=st.none() | st.just({"type": "json_object"}),
    extra_body=st.none() | st.dictionaries(TEXTS, st.integers(), min_size=1, max_size=2),
    beams=st.none() | st.integers(1, 64),
    length_penalty=st.none() | st.sampled_from([-1.0, 0.0, 0.5, 2]),
    early_stop=st.none() | st.booleans(),
)
ALL = Parameters(0, 1.0, 9, 7, ("END", "\n"), "low", {"type": "json_object"}, {"top_k": 40})

# As the versions were when parameters were a mapping: replies are stored under them.
VERSIONS: Mapping[str, Parameters] = {
    "4e8d7b33e66c": Parameters(),
    "3c1a9dd43500": ALL,
    "d61cf9975452": Parameters(stop=(), extra_body={}),
}
SHIPPED = {
    "after-sales-zh": "966ffa2aea37",
    "arithmetic": "07eded22caff",
    "arithmetic-zh": "a7404d2d4217",
    "ask-brackwater": "3625cfe050f9",
    "ask-qingshi-zh": "7aa57607f30d",
    "coin-flips": "0a1f215ad936",
    "commonsense": "51ace894cc80",
    "continuation-zh": "f82525fd75ce",
    "extract-order": "623fb960b925",
    "food-order": "a722b0150d3f",
    "last-letters": "119469337c82",
    "mail-desk": "bd3b0559e9bb",
    "note-to-mail": "20532c2b6950",
    "proofread": "e2f2b444c589",
    "question-answering": "7db80ec3d362",
    "sentiment": "7cff9ba19f95",
    "smart-home": "354f3819ac8e",
    "summarize": "ede97f63e902",
    "tone-zh": "3072b80eeb00",
    "topic-zh": "28616782520f",
    "translate-zh": "7332dcab3d2d",
    "travel-desk": "aa198f792ad5",
    "weather-zh": "c5c59da6d668",
    "word-vectors": "d28c2306b47f",
}
FILE = """---
name: a
model:
  options:
    temperature: 0
    topP: 1
    seed: 3
    stopSequences: []
    reasoningEffort: low
    topK: 4
    additionalProperties:
      response_format:
        type: json_object
template: {format: {kind: jinja2}, parser: {kind: prompty}}
---
user:
hi
"""


@pytest.mark.parametrize(("version", "parameters"), VERSIONS.items())
def test_the_version_of_a_prompt_is_what_it_always_was(version: str, parameters: Parameters) -> None:
    example = Example({"sum": "1+1"}, "2")
    assert Prompt("sum", (Message("user", "{{ sum }}"),), examples=(example,), parameters=parameters).version == version


def test_the_versions_of_the_shipped_prompts_are_what_they_always_were() -> None:
    folder = Path(__file__).parents[2] / "prompts"
    assert {path.stem: loads(path.read_text("utf-8")).version for path in folder.glob("*.prompty")} == SHIPPED


def test_a_prompt_file_keeps_its_bytes_and_its_version() -> None:
    assert loads(FILE).version == "070d652ba895"
    assert dumps(loads(FILE)) == FILE


@given(PARAMETERS)
def test_json_keeps_parameters_and_the_kind_of_their_numbers(parameters: Parameters) -> None:
    copy = parameters_from(json.loads(json.dumps(parameters.as_json())))
    assert copy == parameters
    assert [type(value) for value in copy.given.values()] == [type(value) for value in parameters.given.values()]


@given(PARAMETERS, PARAMETERS)
def test_what_is_set_goes_before_what_is_not(one: Parameters, other: Parameters) -> None:
    assert one.over(other).given == {**other.given, **one.given}
    assert one.over(Parameters()) == Parameters().over(one) == one


def test_what_is_empty_is_not_set() -> None:
    assert parameters_from({"stop": [], "extra_body": {}, "seed": None, "top_p": 0}) == Parameters(top_p=0)


def test_the_table_has_one_line_for_each_parameter() -> None:
    assert [spec.name for spec in SPECS] == [field.name for field in fields(Parameters)]


@pytest.mark.parametrize("spec", [spec for spec in SPECS if spec.kind in (int, float)], ids=lambda spec: spec.name)
def test_a_number_outside_of_its_range_is_refused_with_the_range(spec: Any) -> None:
    for value in (spec.low, spec.high, None):
        spec.check(value)
    for value in (spec.low - 1, spec.high + 1, float("nan")):
        with pytest.raises(PlanError, match=rf"{spec.label} .* is out of range\. It goes from"):
            spec.check(value)


def test_parameters_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        ALL.seed = 1  # type: ignore[misc]
    assert replace(ALL, seed=1).seed == 1
