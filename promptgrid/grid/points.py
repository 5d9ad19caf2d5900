"""Unrolls a plan into points.

Pure: endpoints are only asked for the request body that they would send (`wire`).
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from promptgrid import models, techniques
from promptgrid.cases.table import Case
from promptgrid.connections import BUILTIN, model_facts, split_model
from promptgrid.endpoint import Endpoint, Request
from promptgrid.errors import MissingVariables, PromptError
from promptgrid.grid.beams import search_problem
from promptgrid.grid.plan import MAX_SAMPLES, Plan
from promptgrid.models.parameters import Sent
from promptgrid.prompt import Parameters, Prompt
from promptgrid.prompt.parameters import AXIS_SPECS, SPECS
from promptgrid.techniques import StepCall
from promptgrid.techniques.tool_loop import missing_tools

_BY_SCHEMA = "tools: the built-in model cannot call them itself, so a JSON schema makes its replies calls"
_sorted_json = json.JSONEncoder(sort_keys=True).encode


@dataclass(frozen=True, slots=True)
class Skipped:
    """A prompt and a technique that cannot be used together, and the reason; they have no cells in the grid."""

    prompt: str
    technique: str
    reason: str


@dataclass(frozen=True)  # no slots: `honoured` is a cached property
class WireVariant:
    """One set of parameters as `sent` to a model; `same` are the sets of requested parameters that lead to it.

    If `same` has several sets, the values in which they differ are not sent or not accepted, so they are merged into
    one variant.
    """

    same: tuple[Parameters, ...]
    sent: Sent
    token_parameter: str = ""

    @property
    def parameters(self) -> Parameters:
        """The requested parameters, as in the plan; the first of those that were merged."""
        return self.same[0]

    @cached_property
    def honoured(self) -> str:
        """For each requested parameter, whether the model is known to take it (null: not known), as a JSON object."""
        return json.dumps(dict(self.sent.honoured))

    @cached_property
    def note(self) -> str:
        """A sentence on how the sent parameters differ from the requested ones; "" if they do not."""
        notes = [self.sent.note] if self.sent.note else []
        for spec in AXIS_SPECS:
            values = dict.fromkeys(getattr(parameters, spec.name) for parameters in self.same)
            if len(values) > 1:
                listed = ", ".join(map(spec.text, values))
                notes.append(f"{spec.axis} {listed} are the same on the wire and were merged")
        return "; ".join(notes)

    @cached_property
    def parameter_columns(self) -> Mapping[str, Any]:
        """The values of the parameters, by column of a stored cell. The value sent has a column of its own for each
        parameter; a parameter that can be an axis has a second column for the planned value. Where several planned
        values were merged because they are sent alike, the second column has the value sent too."""
        sent: Parameters = self.sent.parameters
        columns: dict[str, Any] = {}
        for spec in SPECS:
            if spec.column:
                columns[spec.columns[-1]] = getattr(sent, spec.name)
            if spec in AXIS_SPECS:
                planned = {getattr(parameters, spec.name) for parameters in self.same}
                columns[spec.column] = planned.pop() if len(planned) == 1 else getattr(sent, spec.name)
        return columns


Decided = Mapping[tuple[str, str, str], Sequence[WireVariant]]
"""The variants that are sent differently, by model, prompt and version."""


@dataclass(frozen=True, slots=True)
class Point:
    """One point of the grid: everything that determines a call except the sample number. A point has as many cells as
    the plan has samples.

    Points with the same `key` send the same calls; `request` is the request of the first sample. `case_position` is
    the index of the case in the plan.
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

    @property
    def model_ref(self) -> str:
        """The model's reference, ENDPOINT/MODEL."""
        return f"{self.endpoint}/{self.model}"

    @property
    def parameter_columns(self) -> Mapping[str, Any]:
        """The values of the parameters, by column of a stored cell (see WireVariant)."""
        return self.variant.parameter_columns

    def request_for(self, sample: int, n: int = 1) -> Request:
        """Returns the request that asks for `n` samples, starting with the number `sample`. With a seed, sample i has
        seed + i."""
        parameters = self.request.parameters
        if n == 1 and (sample == 0 or parameters.seed is None):
            return self.request
        seed = None if parameters.seed is None else parameters.seed + sample
        return replace(self.request, parameters=replace(parameters, seed=seed), n=n)


def skipped(plan: Plan) -> list[Skipped]:
    """Returns the pairs of a prompt and a technique of the plan that cannot be used together, with the reasons; then
    the beam searches that a model cannot do and the tools that it refuses, in the place of a technique."""
    pairs = ((p, t) for p in plan.prompts for t in plan.techniques)
    skips = [Skipped(p.name, t, why) for p, t in pairs if (why := techniques.unavailable(p, t))]
    searches = {
        Skipped(prompt.name, f"beams {parameters.beams} by {ref}", why): None
        for ref in plan.models
        for prompt in plan.prompts
        for parameters in _parameters(plan, prompt)
        if (why := search_problem(ref, prompt, parameters, model_facts(ref)))
    }
    refused = [
        Skipped(prompt.name, f"tools by {ref}", why)
        for ref in plan.models
        for prompt in plan.prompts
        if (why := _refused_tools(prompt, model_facts(ref)))
    ]
    return [*skips, *searches, *refused]


def _refused_tools(prompt: Prompt, facts: models.ModelFacts) -> str:
    """Returns the model's refusal of tools as a sentence; "" if there is none or the prompt has no tools."""
    refusal = facts.refusal("tools") if prompt.tools else None
    return refusal.sentence if refusal else ""


def decide(plan: Plan) -> dict[tuple[str, str, str], list[WireVariant]]:
    """Returns the parameters to send, by (model, prompt name, prompt version): one WireVariant for each combination of
    axis values, or for several that are sent alike. Beam searches that the model cannot do are left out; servers that
    may be able to are asked for their kind.

    The facts about the models at this moment decide. The result is stored with the run, so that later facts do not
    change the run's calls.
    """
    return {
        (ref, prompt.name, prompt.version): _variants(plan, prompt, ref)
        for ref in plan.models
        for prompt in plan.prompts
    }


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
            variants = decided[ref, prompt.name, prompt.version]
            unseeded = [replace(variant.sent.parameters, seed=None) for variant in variants]
            for position, case in enumerate(plan.cases):
                call = _first_call(plan, prompt, technique, case)
                messages = tuple(turn.message for turn in call.ask.turns)
                for variant, parameters in zip(variants, unseeded, strict=True):
                    sent = variant.sent.parameters
                    plain = Request(
                        model, messages, prompt.api, parameters, variant.token_parameter, tools=call.ask.tools
                    )
                    request = plain if sent.seed is None else replace(plain, parameters=sent)
                    key = request_key(endpoint.wire(plain), sent.seed, identity)
                    point = Point(prompt, technique, k, case, position, name, model, variant, request, key)
                    ask = call.ask
                    if ask.changes or ask.model or ask.tools != prompt.tools:  # the cell keeps its own model
                        first = step_point(point, call, endpoints)
                        point = replace(point, request=first.request, key=first.key)
                    yield point


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


def _first_call(plan: Plan, prompt: Prompt, technique: str, case: Case) -> StepCall:
    try:
        return techniques.first_call(prompt, case.inputs, technique, k=plan.examples_k, examples_as=plan.examples_as)
    except MissingVariables:
        raise
    except PromptError as error:
        message = f'"{prompt.name}", case {case.id}: {error.message}'
        raise PromptError(message, hint=error.hint, line=error.line) from error


def _variants(plan: Plan, prompt: Prompt, ref: str) -> list[WireVariant]:
    facts = model_facts(ref)
    by_wire: list[list[tuple[Parameters, Sent]]] = []
    for parameters in _parameters(plan, prompt):
        if search_problem(ref, prompt, parameters, facts) or _refused_tools(prompt, facts):
            continue
        sent = models.parameters.sent(facts, parameters, missing_tools(prompt.tools, parameters))
        if prompt.tools and split_model(ref)[0] == BUILTIN:
            sent = replace(sent, notes=(*sent.notes, _BY_SCHEMA))
        same = next((same for same in by_wire if same[0][1].parameters == sent.parameters), None)
        if same is None:
            by_wire.append(same := [])
        same.append((parameters, sent))
    name = facts.token_parameter
    return [WireVariant(tuple(parameters for parameters, _ in same), _most_telling(same), name) for same in by_wire]


def _parameters(plan: Plan, prompt: Prompt) -> Iterator[Parameters]:
    """Yields the requested parameters of each combination of axis values. Where the plan has no value for a parameter,
    the prompt's own applies."""
    own = plan.parameters.over(prompt.parameters)
    if own.temperature is not None:
        own = replace(own, temperature=float(own.temperature))  # 0 and 0.0 differ in JSON and would give two keys
    axes = [plan.axes.get(spec.column) or (getattr(own, spec.name),) for spec in AXIS_SPECS]
    for values in itertools.product(*axes):
        yield replace(own, **{spec.name: value for spec, value in zip(AXIS_SPECS, values, strict=True)})


def _most_telling(same: Sequence[tuple[Parameters, Sent]]) -> Sent:
    """Returns the second item of one of the pairs (requested parameters, what is sent), which are all sent alike: of
    the first pair with notes on what differs from the request, else of the first pair."""
    return next((sent for _, sent in same if sent.notes), same[0][1])


def request_key(wire: Mapping[str, Any], seed: int | None, identity: str, branch: int = 0) -> str:
    """Returns the hash under which replies to a request are stored: of its body without a seed (`wire`), the seed of
    the first sample, the endpoint's identity, and the `branch` of a call of several (see StepCall)."""
    parts = [wire, seed, identity, *([branch] if branch else ())]
    return hashlib.sha256(_sorted_json(parts).encode()).hexdigest()[:32]
