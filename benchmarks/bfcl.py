"""How far our checks of tool calls agree with the checker of the Berkeley Function Calling Leaderboard (BFCL).

Both judge the same calls to BFCL's own problems: right ones, made from its accepted answers, and ones that are changed
by seed. Its checker and its problems come with the package `bfcl-eval`, whose many dependencies are not needed:

    python -m pip install --no-deps --target FOLDER bfcl-eval==2026.3.23
    python -m benchmarks.bfcl FOLDER
"""

from __future__ import annotations

import argparse
import copy
import json
import random
import sys
import types
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from promptgrid.grading import CheckSpec, grade, parse_check
from promptgrid.prompt import AnswerRule, Tool, ToolCall

SEED = 1
CATEGORIES = (
    "simple_python", "multiple", "parallel", "parallel_multiple", "irrelevance", "live_simple", "live_multiple",
    "live_parallel", "live_parallel_multiple", "live_irrelevance", "live_relevance",
)  # fmt: skip
Call = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Problem:
    """One problem of BFCL: its functions as BFCL writes them, and the accepted answers (none: no call is right)."""

    id: str
    category: str
    functions: list[dict[str, Any]]
    answers: list[dict[str, dict[str, list[Any]]]]


def problems(folder: Path) -> Iterator[Problem]:
    data = folder / "bfcl_eval" / "data"
    for category in CATEGORIES:
        name = f"BFCL_v4_{category}.json"
        accepted: dict[str, Any] = {}
        if (data / "possible_answer" / name).exists():
            accepted = {row["id"]: row["ground_truth"] for row in _lines(data / "possible_answer" / name)}
        for row in _lines(data / name):
            yield Problem(row["id"], category, row["function"], accepted.get(row["id"], []))


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    return (json.loads(line) for line in path.read_text("utf-8").split("\n") if line.strip())


def their_checker(folder: Path) -> Callable[[Problem, Sequence[Call]], tuple[bool, str]]:
    """Returns BFCL's verdict as a function: (whether it accepts the calls, its kind of error)."""
    sys.path.insert(0, str(folder))
    config: Any = types.ModuleType("bfcl_eval.constants.model_config")  # the real one imports every vendor's SDK
    config.MODEL_CONFIG_MAPPING = {"any": types.SimpleNamespace(underscore_to_dot=False)}
    sys.modules[config.__name__] = config
    from bfcl_eval.constants.enums import Language  # type: ignore[import-not-found]
    from bfcl_eval.eval_checker.ast_eval.ast_checker import ast_checker  # type: ignore[import-not-found]

    def verdict(problem: Problem, calls: Sequence[Call]) -> tuple[bool, str]:
        if problem.category.endswith("irrelevance"):
            return not calls, "irrelevance_error:decoder_success" if calls else ""
        if problem.category.endswith("relevance"):
            return bool(calls), "" if calls else "relevance_error:decoder_failed"
        output = [{name: copy.deepcopy(values)} for name, values in calls]
        try:
            told = ast_checker(problem.functions, output, problem.answers, Language.PYTHON, problem.category, "any")
        except (KeyError, TypeError, AttributeError) as error:
            return False, f"raises {type(error).__name__}"
        return bool(told["valid"]), "" if told["valid"] else str(told.get("error_type", ""))

    return verdict


def our_verdict(problem: Problem, calls: Sequence[Call], *, loose: bool, schema: bool) -> tuple[bool | None, str]:
    """Returns (whether our checks accept the calls, the explanation of the first that does not): `tool-not-called`
    where no call is right, `tool-called` where any is, else `tool-sequence`; with `schema`, `tool-schema` too."""
    made = [ToolCall(str(i), name, json.dumps(values)) for i, (name, values) in enumerate(calls)]
    tools = [Tool(f["name"], f["description"], _schema(f["parameters"])) for f in problem.functions]
    expected = json.dumps([_expected(problem, answer) for answer in problem.answers]) if problem.answers else None
    why = ""
    for spec in _checks(problem.category, loose=loose, schema=schema):
        score = grade(spec, output="", answer=None, expected=expected, rule=AnswerRule(), calls=made, tools=tools)
        if not score.passed:
            return score.passed, score.explanation
        why = why or score.explanation
    return True, why


def _checks(category: str, *, loose: bool, schema: bool) -> list[CheckSpec]:
    if "relevance" in category:
        return [parse_check("tool-not-called" if category.endswith("irrelevance") else "tool-called")]
    order = "any" if "parallel" in category else "exact"
    checks = [f"tool-sequence:order={order},loose={str(loose).lower()}", *["tool-schema"] * schema]
    return [parse_check(text) for text in checks]


_TYPES = {"dict": "object", "float": "number", "tuple": "array"}


def _schema(schema: Any) -> Any:
    """Returns BFCL's description of parameters as JSON Schema."""
    if isinstance(schema, list):
        return [_schema(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    typed = {k: v for k, v in schema.items() if (k, v) != ("type", "any")}
    return {k: _TYPES.get(v, v) if k == "type" and isinstance(v, str) else _schema(v) for k, v in typed.items()}


def _expected(problem: Problem, answer: dict[str, dict[str, list[Any]]]) -> dict[str, Any]:
    """Returns an accepted answer in our notation: a list of accepted values each, "" for one that may be left out."""
    name, accepted = next(iter(answer.items()))
    properties = _parameters(problem, name)
    return {"name": name, "arguments": {p: _one_of(v, properties.get(p, {})) for p, v in accepted.items()}}


def _parameters(problem: Problem, name: str) -> dict[str, Any]:
    return next((f["parameters"]["properties"] for f in problem.functions if f["name"] == name), {})


def _one_of(accepted: Sequence[Any], schema: Any) -> Any:
    options = [_accepted(value, schema) for value in accepted if value != ""] or [{"$equal": ""}]
    value = options[0] if len(options) == 1 else {"$one_of": options}
    return {"$optional": value} if "" in accepted else value


def _accepted(value: Any, schema: Any) -> Any:
    if isinstance(value, dict) and schema.get("type") == "dict":
        return {name: _one_of(item, {}) if isinstance(item, list) else {"$equal": item} for name, item in value.items()}
    inner = schema.get("items") or {}
    if isinstance(value, list) and inner.get("type") == "dict":
        return [_accepted(item, inner) for item in value]
    return {"$equal": value}


# ---------------------------------------------------------------------------------------------------------------------


def right_calls(problem: Problem, which: int = 0, *, optional: bool = True) -> list[Call]:
    """Returns calls that the accepted answers allow: the `which`-th accepted value of each argument, with or without
    the arguments that may be left out."""
    calls = []
    for answer in problem.answers:
        name, accepted = next(iter(answer.items()))
        properties = _parameters(problem, name)
        values = {p: _pick(v, which, properties.get(p, {}), optional) for p, v in accepted.items()}
        calls.append((name, {p: value for p, value in values.items() if value is not _LEFT_OUT}))
    return calls


_LEFT_OUT = object()


def _pick(accepted: Sequence[Any], which: int, schema: Any, optional: bool) -> Any:
    values = [value for value in accepted if value != ""]
    if not values or ("" in accepted and not optional):
        return _LEFT_OUT
    return _plain(values[min(which, len(values) - 1)], schema, which, optional)


def _plain(value: Any, schema: Any, which: int, optional: bool) -> Any:
    if isinstance(value, dict) and schema.get("type") == "dict":
        parts = {k: _pick(v, which, {}, optional) if isinstance(v, list) else v for k, v in value.items()}
        return {k: part for k, part in parts.items() if part is not _LEFT_OUT}
    inner = schema.get("items") or {}
    if isinstance(value, list) and inner.get("type") == "dict":
        return [_plain(item, inner, which, optional) for item in value]
    return value


Change = Callable[[random.Random, list[Call], Problem], list[Call] | None]


def _at_argument(change: Callable[[random.Random, Any], Any], types_: tuple[type, ...]) -> Change:
    """Returns a change of one argument of one of the types; None where no call has such an argument."""

    def changed(rng: random.Random, calls: list[Call], problem: Problem) -> list[Call] | None:
        places = [(i, name) for i, (_, values) in enumerate(calls) for name in values if type(values[name]) in types_]
        if not places:
            return None
        at, name = rng.choice(places)
        calls[at][1][name] = change(rng, calls[at][1][name])
        return calls

    return changed


def _without(rng: random.Random, calls: list[Call], problem: Problem) -> list[Call] | None:
    places = [(i, name) for i, (_, values) in enumerate(calls) for name in values]
    if not places:
        return None
    at, name = rng.choice(places)
    del calls[at][1][name]
    return calls


def _with_more(rng: random.Random, calls: list[Call], problem: Problem) -> list[Call] | None:
    at = rng.randrange(len(calls))
    known = [name for name in _parameters(problem, calls[at][0]) if name not in calls[at][1]]
    calls[at][1][rng.choice([*known, "verbose"])] = True
    return calls


def _other_tool(rng: random.Random, calls: list[Call], problem: Problem) -> list[Call] | None:
    at = rng.randrange(len(calls))
    names = [f["name"] for f in problem.functions if f["name"] != calls[at][0]]
    calls[at] = (rng.choice(names or ["no_such_tool"]), calls[at][1])
    return calls


def _swapped(rng: random.Random, calls: list[Call], problem: Problem) -> list[Call] | None:
    return calls[::-1] if len(calls) > 1 else None


def _list_reversed(rng: random.Random, value: list[Any]) -> list[Any]:
    return value[::-1]


def _punctuated(rng: random.Random, value: str) -> str:
    at = rng.randrange(len(value) + 1)
    return value[:at] + rng.choice(",./-_*^ ") + value[at:]


def _into(rng: random.Random, value: Any, *, inner: Any = "?") -> Any:
    """Returns a list or an object with one part more."""
    return [*value, inner] if isinstance(value, list) else {**value, "verbose": inner}


CHANGES: dict[str, Change] = {
    "an argument left out": _without,
    "an argument more": _with_more,
    "another tool": _other_tool,
    "a call left out": lambda rng, calls, problem: calls[:-1],
    "a call twice": lambda rng, calls, problem: [*calls, calls[-1]],
    "the calls in reverse": _swapped,
    "a number as a text": _at_argument(lambda rng, value: str(value), (int, float)),
    "a number as true": _at_argument(lambda rng, value: True, (int, float)),
    "true or false as a number": _at_argument(lambda rng, value: int(value), (bool,)),
    "true or false turned": _at_argument(lambda rng, value: not value, (bool,)),
    "a text as a number": _at_argument(lambda rng, value: len(value), (str,)),
    "a text as null": _at_argument(lambda rng, value: None, (str,)),
    "another number": _at_argument(lambda rng, value: value + 1, (int, float)),
    "5 as 5.0": _at_argument(lambda rng, value: float(value), (int,)),
    "another text": _at_argument(lambda rng, value: f"{value} of Oz", (str,)),
    "an empty text": _at_argument(lambda rng, value: "", (str,)),
    "a text in capitals": _at_argument(lambda rng, value: value.upper(), (str,)),
    "a text with a sign more": _at_argument(_punctuated, (str,)),
    "a list in reverse": _at_argument(_list_reversed, (list,)),
    "a list with an item more": _at_argument(partial(_into), (list,)),
    "an object with a member more": _at_argument(partial(_into), (dict,)),
    "a list as its first item": _at_argument(lambda rng, value: value[0] if value else 0, (list,)),
}


def trials(problem: Problem, rng: random.Random) -> Iterator[tuple[str, list[Call]]]:
    """Yields calls to judge, each with what was done to the right ones."""
    if not problem.answers:
        first = problem.functions[0]["name"] if problem.functions else "any_tool"
        yield "no call", []
        yield "a call", [(first, {})]
        return
    yield "right", right_calls(problem)
    yield "right, optional ones left out", right_calls(problem, optional=False)
    yield "right, the last accepted values", right_calls(problem, 10**6)
    for kind, change in CHANGES.items():
        calls = change(rng, copy.deepcopy(right_calls(problem)), problem)
        if calls is not None:
            yield kind, calls


def reason(problem: Problem, kind: str, calls: Sequence[Call]) -> str:
    """Returns why the two checkers differ over these calls; "no known reason" is one to look into."""
    functions = {f["name"]: f["parameters"] for f in problem.functions}
    accepted = [(name, set(values)) for answer in problem.answers for name, values in answer.items()]
    if not functions:
        return "the problem has no functions"
    if any(names - set(functions[name]["properties"]) for name, names in accepted):
        return "an accepted answer has an argument that the function lacks"
    if any(set(functions[name]["required"]) - set(values) for name, values in calls if name in functions):
        return "an argument is missing that the schema requires and the accepted answer does not"
    if kind in ("5 as 5.0", "an empty text", "the calls in reverse"):
        return kind
    if kind in ("a text in capitals", "a text with a sign more"):
        return f"{kind}: texts are compared loosely everywhere or nowhere"
    return "no known reason"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("folder", type=Path, help="where bfcl-eval is installed")
    parser.add_argument("--strict", action="store_true", help="texts must be equal (without it: loose=true)")
    parser.add_argument("--schema", action="store_true", help="ask the check tool-schema too")
    parser.add_argument("--show", type=int, default=2, help="disagreements listed of each kind")
    options = parser.parse_args()
    theirs = their_checker(options.folder)
    rng, judged, apart = random.Random(SEED), Counter[str](), defaultdict[tuple[str, ...], list[str]](list)
    of_category, reasons = Counter[str](), Counter[str]()
    for problem in problems(options.folder):
        of_category[problem.category] += 1
        for kind, calls in trials(problem, rng):
            accepts, error = theirs(problem, calls)
            passed, why = our_verdict(problem, calls, loose=not options.strict, schema=options.schema)
            judged[kind] += 1
            if passed is not accepts:
                reasons[reason(problem, kind, calls)] += 1
                says = {True: "accept", False: "refuse", None: "do not score"}[passed]
                lines = [
                    f"{problem.id}: {json.dumps(calls)}",
                    f"ours: {why}",
                    f"accepted: {json.dumps(problem.answers)}",
                ]
                apart[kind, f"we {says}", error or "they accept"].append("\n      ".join(lines))
    total = sum(judged.values())
    differ = sum(map(len, apart.values()))
    print(f"{sum(of_category.values()):,} problems: {', '.join(f'{n:,} {name}' for name, n in of_category.items())}")
    print(
        f"{total:,} replies judged by both, {total - differ:,} alike ({(total - differ) / total:.2%}), {differ:,} not"
    )
    for why, count in reasons.most_common():
        print(f"{count:>6,} · {why}")
    for (kind, ours, error), examples in sorted(apart.items(), key=lambda item: -len(item[1])):
        print(f"{len(examples):>6,} of {judged[kind]:,} · {kind} · {ours} · {error}")
        for example in examples[: options.show]:
            print(f"    {example}")


if __name__ == "__main__":
    main()
