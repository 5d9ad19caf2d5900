"""A plan: prompts × techniques × cases × models × temperatures × samples, and the points that it unrolls into.

Pure: the endpoints are handed in, and asked only for what they would send (`wire`), never to send it.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from promptgrid import models, techniques
from promptgrid.budget import parse_budget
from promptgrid.cases import Case
from promptgrid.connections import DEFAULT_MODEL, model_facts, split_model
from promptgrid.endpoint import Endpoint, Request
from promptgrid.errors import MissingVariables, PlanError, PromptError
from promptgrid.grading import CheckSpec, default_checks
from promptgrid.prompt import EMPTY, Message, Prompt, variables
from promptgrid.techniques import ExamplesAs

MAX_SAMPLES = 1000
MAX_TOKENS = 10_000_000
MAX_CONCURRENCY = 1024
MAX_RETRIES = 100


@dataclass(frozen=True)
class Plan:
    """What to run. Every prompt meets every technique, case, model and temperature, `samples` times.

    `temperatures` empty: each prompt's own. `checks` None: the usual ones of each prompt's answer rule. `examples_k`
    None: all examples. `budget` as in `2.50usd`, empty: none. `concurrency` None:
    the endpoint's own. `retries` is how often a call that failed is sent again. `fresh` asks anew for what is answered.
    """

    prompts: tuple[Prompt, ...]
    cases: tuple[Case, ...]
    models: tuple[str, ...] = (DEFAULT_MODEL,)
    techniques: tuple[str, ...] = ("zero-shot",)
    temperatures: tuple[float, ...] = ()
    samples: int = 1
    max_tokens: int | None = None
    top_p: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    reasoning_effort: str | None = None
    response_format: Mapping[str, Any] | None = None
    extra_body: Mapping[str, Any] = field(default_factory=lambda: EMPTY)
    examples_k: int | None = None
    examples_as: ExamplesAs = "turns"
    checks: tuple[CheckSpec, ...] | None = None
    budget: str = ""
    concurrency: int | None = None
    retries: int = 5
    fresh: bool = False
    name: str = ""

    def __post_init__(self) -> None:
        for what in ("prompts", "cases", "models", "techniques"):
            if not getattr(self, what):
                raise PlanError(f"The plan has no {what}.", hint=f"Choose at least one of the {what}.")
        for what in ("models", "techniques", "temperatures"):
            object.__setattr__(self, what, tuple(dict.fromkeys(getattr(self, what))))
        object.__setattr__(self, "models", tuple(ref.strip() for ref in self.models))
        for technique in self.techniques:
            techniques.known_technique(technique)
        parse_budget(self.budget)
        self._check_numbers()
        self._check_names()

    def _check_numbers(self) -> None:
        if bad := [t for t in self.temperatures if not 0 <= t <= 2]:
            raise PlanError(f"Temperature {bad[0]:g} is out of range.", hint="It goes from 0 to 2.")
        ranges: tuple[tuple[str, float, float], ...] = (
            ("samples", 1, MAX_SAMPLES),
            ("max_tokens", 1, MAX_TOKENS),
            ("top_p", 0, 1),
            ("examples_k", 0, MAX_TOKENS),
            ("concurrency", 1, MAX_CONCURRENCY),
            ("retries", 0, MAX_RETRIES),
            ("seed", -(2**53), 2**53),
        )
        for name, low, high in ranges:
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise PlanError(f"{name} {value:g} is out of range.", hint=f"It goes from {low:,} to {high:,}.")

    def _check_names(self) -> None:
        by_name = {
            "cases": [case.id for case in self.cases],
            "checks": [check.name for check in self.checks or ()],
            "prompts": [f"{p.name}@{p.version[:6]}" for p in self.prompts],
        }
        for what, names in by_name.items():
            if twice := [name for name, count in Counter(names).items() if count > 1]:
                raise PlanError(f"Two {what} are called {twice[0]!r}.", hint="Give each a name of its own.")

    def checks_for(self, prompt: Prompt) -> tuple[CheckSpec, ...]:
        """The checks that score this prompt's replies."""
        if self.checks is not None:
            return self.checks
        return default_checks(prompt.answer, self._has_expected)

    @cached_property
    def _has_expected(self) -> bool:
        return any(case.expected is not None for case in self.cases)

    def check_variables(self) -> None:
        """Raises MissingVariables with all the variables that some case leaves without a value."""
        missing: dict[str, list[int]] = {}
        for prompt in self.prompts:
            needed = [v for v in variables(prompt.messages, prompt.inputs) if v.required]
            for variable in needed:
                if any(variable.name not in case.inputs for case in self.cases):
                    missing.setdefault(variable.name, []).extend(variable.lines)
        if missing:
            raise MissingVariables(missing)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A technique that a prompt cannot serve, and why: it makes no cells."""

    prompt: str
    technique: str
    reason: str


@dataclass(frozen=True, slots=True)
class Point:
    """One point of the grid: a call but for the sample number. As many cells stand on it as the plan has samples.

    `key` is what makes two points the same call. `temperature` is the one asked for, `request` (of the first sample)
    has the one sent.
    """

    prompt: Prompt
    technique: str
    examples_k: int
    case: Case
    endpoint: str
    model: str
    temperature: float | None
    request: Request
    parameter_note: str
    key: str

    @property
    def model_ref(self) -> str:
        """ENDPOINT/MODEL."""
        return f"{self.endpoint}/{self.model}"

    def request_for(self, sample: int, n: int = 1) -> Request:
        """What asks for `n` samples from this one on: with a seed, sample i has seed + i."""
        seed = None if self.request.seed is None else self.request.seed + sample
        return replace(self.request, seed=seed, n=n)


def skipped(plan: Plan) -> list[Skipped]:
    """Every technique of the plan that one of its prompts cannot serve."""
    pairs = ((p, t) for p in plan.prompts for t in plan.techniques)
    return [Skipped(p.name, t, why) for p, t in pairs if (why := techniques.unavailable(p, t))]


def points(plan: Plan, endpoints: Mapping[str, Endpoint], refs: Sequence[str] | None = None) -> Iterator[Point]:
    """Every point of the plan (of the models `refs`), in the order it is best sent: model, prompt, technique, case,
    temperature; what comes one after the other shares its beginning, which a server may have kept.

    Temperatures that are the same on the wire (a model that takes none) are merged into one point whose
    `parameter_note` names them; samples never are. Raises PromptError with the case where a template cannot be filled.
    """
    for ref in plan.models if refs is None else refs:
        name, model = split_model(ref)
        endpoint, facts = endpoints[name], model_facts(ref)
        identity = endpoint.identity
        for prompt, technique in _served(plan):
            k = len(techniques.select_examples(prompt, technique, plan.examples_k))
            variants = _variants(plan, prompt, facts)
            for case in plan.cases:
                messages = _messages(plan, prompt, technique, case)
                for temperature, sent, note in variants:
                    request = _request(plan, prompt, model, messages, sent)
                    key = _key(endpoint.wire(replace(request, seed=None)), request.seed, identity)
                    yield Point(prompt, technique, k, case, name, model, temperature, request, note, key)


def _served(plan: Plan) -> Iterator[tuple[Prompt, str]]:
    for prompt in plan.prompts:
        for technique in plan.techniques:
            if not techniques.unavailable(prompt, technique):
                yield prompt, technique


def _messages(plan: Plan, prompt: Prompt, technique: str, case: Case) -> tuple[Message, ...]:
    try:
        turns = techniques.build_turns(prompt, case.inputs, technique, k=plan.examples_k, examples_as=plan.examples_as)
    except MissingVariables:
        raise
    except PromptError as error:
        message = f'"{prompt.name}", case {case.id}: {error.message}'
        raise PromptError(message, hint=error.hint, line=error.line) from error
    return tuple(turn.message for turn in turns)


def _variants(plan: Plan, prompt: Prompt, facts: models.ModelFacts) -> list[tuple[float | None, float | None, str]]:
    """(asked, sent, note) for each temperature that differs on the wire."""
    asked: Sequence[float | None] = plan.temperatures or (prompt.parameters.get("temperature"),)
    effort = plan.reasoning_effort or prompt.parameters.get("reasoning_effort")
    by_sent: dict[float | None, list[float | None]] = {}
    notes: dict[float | None, str] = {}
    for temperature in asked:
        # 0 and 0.0 are one temperature but two texts in JSON, and so two keys.
        temperature = None if temperature is None else float(temperature)
        sent, note = models.temperature_sent(facts, temperature, effort)
        by_sent.setdefault(sent, []).append(temperature)
        notes.setdefault(sent, note)
    return [(same[0], sent, _merge_note(same, notes[sent])) for sent, same in by_sent.items()]


def _merge_note(same: Sequence[float | None], note: str) -> str:
    if len(same) == 1:
        return note
    listed = ", ".join(f"{t:g}" for t in same if t is not None)
    return f"{note}; temperatures {listed} are the same on the wire and were merged".lstrip("; ")


def _request(
    plan: Plan, prompt: Prompt, model: str, messages: tuple[Message, ...], temperature: float | None
) -> Request:
    own = prompt.parameters

    def chosen(name: str) -> Any:
        value = getattr(plan, name)
        return own.get(name) if value is None or value == () or value == EMPTY else value

    return Request(
        model=model,
        messages=messages,
        api=prompt.api,
        temperature=temperature,
        top_p=chosen("top_p"),
        max_tokens=chosen("max_tokens"),
        seed=chosen("seed"),
        stop=tuple(chosen("stop") or ()),
        reasoning_effort=chosen("reasoning_effort"),
        response_format=chosen("response_format"),
        extra_body=chosen("extra_body") or EMPTY,
    )


def _key(wire: Mapping[str, Any], seed: int | None, identity: str) -> str:
    """The request as it goes on the wire, without what differs from sample to sample, and where it goes."""
    return hashlib.sha256(json.dumps([wire, seed, identity], sort_keys=True).encode()).hexdigest()[:32]
