"""Unrolls a plan into points.

Pure: endpoints are only asked for the request body that they would send (`wire`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from promptgrid import models, techniques
from promptgrid.cases.table import Case
from promptgrid.connections import model_facts, split_model
from promptgrid.endpoint import Endpoint, Request
from promptgrid.errors import MissingVariables, PlanError, PromptError
from promptgrid.fewshot import NO_EXAMPLES, Chooser, ShownExamples
from promptgrid.grid.contexts import query_of
from promptgrid.grid.plan import MAX_SAMPLES, Plan
from promptgrid.grid.variants import Decided, WireVariant
from promptgrid.prompt import Message, Parameters, Prompt
from promptgrid.prompt.retrieval import retrieval_calls, retrieval_id
from promptgrid.techniques import StepCall
from promptgrid.techniques.passages import Context
from promptgrid.techniques.retrieval import Retrieval
from promptgrid.techniques.tool_loop import missing_tools

_sorted_json = json.JSONEncoder(sort_keys=True).encode


_NO_CONTEXT = Context()


@dataclass(frozen=True, slots=True)
class Point:
    """One point of the grid: everything that determines a call except the sample number. A point has as many cells as
    the plan has samples.

    Points with the same `key` send the same calls; `request` is the request of the first sample. `case_position` is
    the index of the case in the plan. `shown` are the examples that were chosen for the case (None: all of the prompt,
    or the first `examples_k`).
    """

    prompt: Prompt
    technique: str
    examples_k: int
    case: Case
    case_position: int
    endpoint: str
    model: str
    variant: WireVariant
    request: Request
    key: str
    context: Context = _NO_CONTEXT
    shown: ShownExamples | None = None

    @property
    def asked(self) -> Prompt:
        """The prompt with the examples that are shown to the case."""
        return _showing(self.prompt, self.shown)

    @property
    def values(self) -> Mapping[str, Any]:
        """The values of the prompt's variables: those of the case, and what was retrieved for it."""
        return {**self.case.inputs, **self.context.values} if self.context.id else self.case.inputs

    @property
    def retrieval(self) -> Retrieval | None:
        """What the point retrieves with the help of its model; None if no model decides it."""
        return _retrieval(self.variant.sent.parameters, self.case, self.context)

    @property
    def most_calls(self) -> int:
        """The most calls that one of its cells makes."""
        return techniques.most_calls(self.prompt, self.technique, self.variant.sent.parameters)

    @property
    def model_ref(self) -> str:
        """The model's reference, ENDPOINT/MODEL."""
        return f"{self.endpoint}/{self.model}"

    @property
    def parameter_columns(self) -> Mapping[str, Any]:
        """The values of the parameters, by column of a stored cell (see WireVariant). Those of examples are None where
        no example was chosen."""
        columns = self.variant.parameter_columns
        return columns if self.shown else {**columns, **NO_EXAMPLES}

    def request_for(self, sample: int, n: int = 1) -> Request:
        """Returns the request that asks for `n` samples, starting with the number `sample`. With a seed, sample i has
        seed + i."""
        parameters = self.request.parameters
        if n == 1 and (sample == 0 or parameters.seed is None):
            return self.request
        seed = None if parameters.seed is None else parameters.seed + sample
        return replace(self.request, parameters=replace(parameters, seed=seed), n=n)


def points(
    plan: Plan, endpoints: Mapping[str, Endpoint], decided: Decided, refs: Sequence[str] | None = None
) -> Iterator[Point]:
    """Yields every point of the plan, or only those of the models `refs`. `endpoints` are by name; `decided` has the
    parameters to send, from `decide`.

    The order is by model, prompt, technique, case and axes: neighbours share the beginning of their prompt, which
    servers cache. Parameter values that are sent identically are one point; samples are never merged. Raises
    PromptError with the case if a template cannot be filled.
    """
    for ref in plan.models if refs is None else refs:
        name, model = split_model(ref)
        endpoint = endpoints[name]
        identity = endpoint.identity
        for prompt, technique in _served(plan):
            k = len(techniques.select_examples(prompt, technique, plan.examples_k))
            chooser = Chooser(prompt, technique, plan.vectors.cosines if plan.vectors else None)
            variants = _apart(decided[ref, prompt.name, prompt.version], chooser)
            unseeded = [replace(variant.sent.parameters, seed=None) for variant in variants]
            retrievals = [retrieval_id(parameters) for parameters in unseeded]
            for position, case in enumerate(plan.cases):
                calls: dict[tuple[str, ShownExamples | None], tuple[Context, StepCall, tuple[Message, ...]]] = {}
                for variant, parameters, retrieval in zip(variants, unseeded, retrievals, strict=True):
                    shown = chooser.shown(parameters, case.inputs)
                    if (retrieval, shown) not in calls:
                        context = _context(plan, parameters, retrieval, case)
                        asking = _retrieval(parameters, case, context)
                        asked, count = _showing(prompt, shown), k if shown is None else len(shown.indices)
                        call = _first_call(plan, asked, count, technique, case, context, asking)
                        calls[retrieval, shown] = context, call, tuple(turn.message for turn in call.ask.turns)
                    context, call, messages = calls[retrieval, shown]
                    sent = variant.sent.parameters
                    plain = Request(
                        model, messages, prompt.api, parameters, variant.token_parameter, tools=call.ask.tools
                    )
                    request = plain if sent.seed is None else replace(plain, parameters=sent)
                    key = request_key(endpoint.wire(plain), sent.seed, identity)
                    count = k if shown is None else len(shown.indices)
                    point = Point(
                        prompt, technique, count, case, position, name, model, variant, request, key, context, shown
                    )
                    ask = call.ask
                    if ask.changes or ask.model or ask.tools != prompt.tools:  # the cell keeps its own model
                        first = step_point(point, call, endpoints)
                        point = replace(point, request=first.request, key=first.key)
                    yield point


def _showing(prompt: Prompt, shown: ShownExamples | None) -> Prompt:
    """Returns the prompt with these examples; as it is for None, and for none at all, which a technique cannot do
    without."""
    return prompt if not shown or not shown.indices else replace(prompt, examples=shown.of(prompt))


def _apart(variants: Sequence[WireVariant], chooser: Chooser) -> list[WireVariant]:
    """Returns the variants that the technique tells apart: one that shows no examples takes the first of those that
    differ only in which are shown."""
    if chooser.chooses:
        return list(variants)
    return list({repr(replace(one.sent.parameters, **NO_EXAMPLES)): one for one in reversed(variants)}.values())[::-1]


def _served(plan: Plan) -> Iterator[tuple[Prompt, str]]:
    for prompt in plan.prompts:
        for technique in plan.techniques:
            if not techniques.unavailable(prompt, technique):
                yield prompt, technique


def step_point(point: Point, call: StepCall, endpoints: Mapping[str, Endpoint]) -> Point:
    """Returns the point whose request sends a call of a technique in several steps: that of the cell (`point`) with
    other messages, changed parameters, perhaps another model. `endpoints` are by name.

    Changed parameters are sent as the model takes them, by the facts at this moment.
    """
    ask, parameters, variant = call.ask, point.variant.sent.parameters, point.variant
    name, model, token_parameter = point.endpoint, point.model, variant.token_parameter
    if ask.model:
        name, model = split_model(ask.model)
    if ask.changes or ask.model or ask.tools != point.prompt.tools:
        facts, planned = model_facts(f"{name}/{model}"), replace(variant.parameters, **ask.changes)
        parameters = models.parameters.sent(facts, planned, missing_tools(ask.tools, planned)).parameters
        token_parameter = facts.token_parameter
    if call.branch and parameters.seed is not None:  # beyond the seeds of the other samples
        parameters = replace(parameters, seed=parameters.seed + call.branch * MAX_SAMPLES)
    messages = tuple(turn.message for turn in ask.turns)
    request = Request(model, messages, point.prompt.api, parameters, token_parameter, tools=ask.tools)
    endpoint = endpoints[name]
    wire = endpoint.wire(replace(request, parameters=replace(parameters, seed=None)))
    key = request_key(wire, parameters.seed, endpoint.identity, call.branch)
    return replace(point, endpoint=name, model=model, request=request, key=key)


def _context(plan: Plan, parameters: Parameters, retrieval: str, case: Case) -> Context:
    """Returns what is retrieved for the case by the parameters; `retrieval` is their `retrieval_id` ("": nothing)."""
    if not retrieval:
        return _NO_CONTEXT
    if plan.contexts is None:
        raise PlanError(f"Nothing was retrieved from {parameters.collection} for this plan.", hint="Plan it again.")
    return Context(retrieval, plan.contexts.passages(parameters, case))


def _retrieval(parameters: Parameters, case: Case, context: Context) -> Retrieval | None:
    """Returns what the case retrieves with the help of a model by the parameters; `context` is what the question finds
    as asked. None if no model is asked."""
    return Retrieval(query_of(case), parameters, context) if retrieval_calls(parameters) else None


def _first_call(
    plan: Plan, prompt: Prompt, k: int, technique: str, case: Case, context: Context, retrieval: Retrieval | None
) -> StepCall:
    values = {**case.inputs, **context.values} if context.id else case.inputs
    options: dict[str, Any] = {"k": k, "examples_as": plan.examples_as, "retrieval": retrieval}
    try:
        return techniques.first_call(prompt, values, technique, **options)
    except MissingVariables:
        raise
    except PromptError as error:
        message = f'"{prompt.name}", case {case.id}: {error.message}'
        raise PromptError(message, hint=error.hint, line=error.line) from error


def request_key(wire: Mapping[str, Any], seed: int | None, identity: str, branch: int = 0) -> str:
    """Returns the hash under which replies to a request are stored: of its body without a seed (`wire`), the seed of
    the first sample, the endpoint's identity, and the `branch` of a call of several (see StepCall)."""
    parts = [wire, seed, identity, *([branch] if branch else ())]
    return hashlib.sha256(_sorted_json(parts).encode()).hexdigest()[:32]
