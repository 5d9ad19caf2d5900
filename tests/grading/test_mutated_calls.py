"""1,000 calls, made from random schemas and changed in a known way, are all judged right, each with its status."""

from __future__ import annotations

import json
import random
import string
from collections import Counter
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any, NamedTuple

from promptgrid.grading import grade, parse_check
from promptgrid.prompt import AnswerRule, Tool, ToolCall

MUTANTS = 1_000
Call = tuple[str, Any]


class Trial(NamedTuple):
    """Two different tools, and a right call of each."""

    tools: list[Tool]
    calls: list[Call]


class Mutant(NamedTuple):
    """Calls that are changed, and the status of each check's failure ("": it passes, None: it is not asked)."""

    calls: Sequence[Call]
    exact: str | None
    any_order: str | None
    schema: str | None


def a_word(rng: random.Random) -> str:
    return "".join(rng.choices(string.ascii_letters + "äß é'\"\\城市-_", k=rng.randint(1, 12)))


def a_schema(rng: random.Random, depth: int = 2) -> dict[str, Any]:
    kinds = ["string", "integer", "number", "boolean", *(["array", "object"] if depth else [])]
    kind = rng.choice(kinds)
    if kind == "array":
        return {"type": "array", "items": a_schema(rng, depth - 1)}
    return an_object(rng, depth - 1) if kind == "object" else {"type": kind}


def an_object(rng: random.Random, depth: int = 2) -> dict[str, Any]:
    names = list(dict.fromkeys(a_word(rng) for _ in range(rng.randint(2, 4))))
    return {
        "type": "object",
        "properties": {name: a_schema(rng, depth) for name in names},
        "required": names,
        "additionalProperties": False,
    }


def a_value(rng: random.Random, schema: dict[str, Any]) -> Any:
    made: dict[str, Callable[[], Any]] = {
        "string": lambda: a_word(rng),
        "integer": lambda: rng.randint(-1000, 1000),
        "number": lambda: round(rng.uniform(-1000, 1000), 3),
        "boolean": lambda: rng.random() < 0.5,
        "array": lambda: [a_value(rng, schema["items"]) for _ in range(rng.randint(1, 3))],
        "object": lambda: {name: a_value(rng, inner) for name, inner in schema["properties"].items()},
    }
    return made[schema["type"]]()


def a_trial(rng: random.Random) -> Trial:
    schemas = [an_object(rng), an_object(rng)]
    tools = [Tool(f"tool_{i}", parameters=schema) for i, schema in enumerate(schemas)]
    return Trial(tools, [(tool.name, a_value(rng, schema)) for tool, schema in zip(tools, schemas, strict=True)])


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Returns the paths of all texts, numbers and booleans in a value."""
    if isinstance(value, (dict, list)):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return [leaf for key, inner in items for leaf in leaves(inner, (*path, key))]
    return [path]


def part(value: Any, path: Sequence[Any]) -> Any:
    for key in path:
        value = value[key]
    return value


def with_leaf(calls: list[Call], rng: random.Random, change: Callable[[Any], Any]) -> list[Call]:
    """Returns the calls with one leaf of the first changed."""
    path = rng.choice(leaves(calls[0][1]))
    holder = part(calls[0][1], path[:-1])
    holder[path[-1]] = change(holder[path[-1]])
    return calls


def other_value(value: Any) -> Any:
    return not value if isinstance(value, bool) else value + 1 if isinstance(value, (int, float)) else f"{value}!"


def other_type(value: Any) -> Any:
    return str(value) if not isinstance(value, str) else len(value)


def shuffled(value: Any, rng: random.Random) -> Any:
    """Returns the value with the members of its objects in another order."""
    if isinstance(value, list):
        return [shuffled(item, rng) for item in value]
    if not isinstance(value, dict):
        return value
    return {name: shuffled(value[name], rng) for name in rng.sample(list(value), len(value))}


def longer(value: Any) -> Any:
    """Returns 5 as 5.0, in lists and objects too."""
    if isinstance(value, list):
        return [longer(item) for item in value]
    if isinstance(value, dict):
        return {name: longer(item) for name, item in value.items()}
    return float(value) if type(value) is int else value


def without_one(calls: list[Call], rng: random.Random) -> list[Call]:
    del calls[0][1][rng.choice(list(calls[0][1]))]
    return calls


def cut_json(calls: list[Call], rng: random.Random) -> list[Call]:
    text = json.dumps(calls[0][1])
    return [(calls[0][0], text[: rng.randint(1, len(text) - 1)]), calls[1]]


def twice_named(calls: list[Call], rng: random.Random) -> list[Call]:
    text = json.dumps(calls[0][1])
    name = json.dumps(rng.choice(list(calls[0][1])))
    return [(calls[0][0], f"{text[:-1]}, {name}: 1}}"), calls[1]]


MUTATIONS: dict[str, Callable[[list[Call], random.Random], Mutant]] = {
    "unchanged": lambda calls, rng: Mutant(calls, "", "", ""),
    "members in another order": lambda calls, rng: Mutant([(n, shuffled(v, rng)) for n, v in calls], "", "", ""),
    "5 as 5.0": lambda calls, rng: Mutant([(n, longer(v)) for n, v in calls], "", "", ""),
    "calls swapped": lambda calls, rng: Mutant(calls[::-1], "wrong order", "", ""),
    "argument left out": lambda calls, rng: Mutant(
        without_one(calls, rng), "missing argument", "missing argument", "not by the schema"
    ),
    "argument more": lambda calls, rng: Mutant(
        [(calls[0][0], {**calls[0][1], "surplus argument": 1}), calls[1]],
        "unknown argument", "unknown argument", "not by the schema",
    ),
    "other value": lambda calls, rng: Mutant(with_leaf(calls, rng, other_value), "wrong value", "wrong value", ""),
    "other type": lambda calls, rng: Mutant(
        with_leaf(calls, rng, other_type), "wrong type", "wrong type", "not by the schema"
    ),
    "null": lambda calls, rng: Mutant(
        with_leaf(calls, rng, lambda value: None), "wrong type", "wrong type", "not by the schema"
    ),
    "list around it": lambda calls, rng: Mutant(
        with_leaf(calls, rng, lambda value: [value]), "wrong type", "wrong type", "not by the schema"
    ),
    "call left out": lambda calls, rng: Mutant(calls[:1], "missing call", "missing call", ""),
    "no call": lambda calls, rng: Mutant([], "no call", "no call", None),
    "call twice": lambda calls, rng: Mutant([*calls, calls[0]], "too many calls", "too many calls", ""),
    "the other tool": lambda calls, rng: Mutant([calls[0], calls[0]], "missing call", "missing call", ""),
    "unknown tool": lambda calls, rng: Mutant(
        [("tool_9", calls[0][1]), calls[1]], "unknown tool", "unknown tool", "unknown tool"
    ),
    "broken JSON": lambda calls, rng: Mutant(
        cut_json(calls, rng), "bad arguments", "bad arguments", "bad arguments"
    ),
    "name twice": lambda calls, rng: Mutant(
        twice_named(calls, rng), "bad arguments", "bad arguments", "bad arguments"
    ),
    "no object": lambda calls, rng: Mutant(
        [(calls[0][0], [calls[0][1]]), calls[1]], "bad arguments", "bad arguments", "bad arguments"
    ),
}  # fmt: skip


def status(check: str, trial: Trial, calls: Sequence[Call]) -> str:
    """Returns the first words of a check's failure; "" if it passes."""
    expected = json.dumps([{"name": n, "arguments": {k: {"$equal": v} for k, v in a.items()}} for n, a in trial.calls])
    made = [ToolCall(str(i), n, a if isinstance(a, str) else json.dumps(a)) for i, (n, a) in enumerate(calls)]
    score = grade(
        parse_check(check), output="", answer=None, expected=expected, rule=AnswerRule(), calls=made, tools=trial.tools
    )
    return "" if score.passed else score.explanation.partition(":")[0]


def test_a_thousand_mutated_calls_are_judged_right() -> None:
    rng, judged = random.Random(14), Counter[str]()
    trials = [a_trial(rng) for _ in range(MUTANTS // len(MUTATIONS) + 1)]
    for number in range(MUTANTS):
        kind, trial = list(MUTATIONS)[number % len(MUTATIONS)], trials[number // len(MUTATIONS)]
        mutant = MUTATIONS[kind](deepcopy(trial.calls), rng)
        told = {
            "tool-sequence": mutant.exact,
            "tool-sequence:order=any": mutant.any_order,
            "tool-args": mutant.any_order if mutant.any_order != "too many calls" else "",
            "tool-schema": mutant.schema,
        }
        for check, expected in told.items():
            if expected is not None:
                assert status(check, trial, mutant.calls) == expected, (kind, check, trial, mutant.calls)
                judged[kind] += 1
    assert min(judged.values()) > 100
