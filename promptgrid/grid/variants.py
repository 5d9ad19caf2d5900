"""Decides which parameters are sent to each model with each prompt of a plan, and what the plan leaves out."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from promptgrid import fewshot, models, techniques
from promptgrid.connections import BUILTIN, model_facts, split_model
from promptgrid.errors import PlanError
from promptgrid.grid.beams import search_problem
from promptgrid.grid.plan import Plan
from promptgrid.models.parameters import Sent
from promptgrid.prompt import Parameters, Prompt
from promptgrid.prompt.chained import shows_context
from promptgrid.prompt.parameters import AXIS_SPECS, SPECS
from promptgrid.prompt.retrieval import CHUNKS, CONTEXT, effective, retrieval_calls, retrieval_id, with_defaults
from promptgrid.techniques.tool_loop import missing_tools

_BY_SCHEMA = "tools: the built-in model cannot call them itself, so a JSON schema makes its replies calls"


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


def retrievals(plan: Plan) -> dict[str, Parameters]:
    """Returns the settings of retrieval by which the plan fills `{{ context }}`, by their `retrieval_id`. Raises
    PlanError if a prompt names a collection and shows nothing of it, and if a column has the name of a variable that
    retrieval fills."""
    settings: dict[str, Parameters] = {}
    for prompt in plan.prompts:
        if not shows_context(prompt):
            if prompt.parameters.collection:
                message = f'"{prompt.name}" retrieves from {prompt.parameters.collection} and shows nothing of it.'
                raise PlanError(message, hint="Write {{ context }} where the model shall read it.")
            continue
        for parameters in map(effective, _parameters(plan, prompt)):
            if retrieval_calls(parameters) and prompt.api == "completion":
                message = f'"{prompt.name}" is a plain continuation: no model can be asked for a query or an order.'
                raise PlanError(message, hint="Choose the query as-asked and the rerank none.")
            settings.setdefault(retrieval_id(parameters), parameters)
    settings.pop("", None)
    for name in (CONTEXT, CHUNKS) if settings else ():
        if name in plan.columns:
            message = f"The cases have a column {name}, which retrieval from a collection fills."
            raise PlanError(message, hint="Give the column another name, or leave the collection out.")
    return settings


def _variants(plan: Plan, prompt: Prompt, ref: str) -> list[WireVariant]:
    facts = model_facts(ref)
    by_wire: list[list[tuple[Parameters, Sent]]] = []
    shows = shows_context(prompt)
    for parameters in _parameters(plan, prompt):
        if search_problem(ref, prompt, parameters, facts) or _refused_tools(prompt, facts):
            continue
        reason = "" if shows else "the prompt does not show {{ context }}"
        if not reason and not parameters.collection:
            reason = "no collection is named"
        sent = models.parameters.sent(facts, parameters, missing_tools(prompt.tools, parameters), reason)
        sent = replace(sent, parameters=fewshot.effective(effective(sent.parameters)))
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
        chosen = replace(own, **{s.name: value for s, value in zip(AXIS_SPECS, values, strict=True)})
        yield fewshot.with_defaults(with_defaults(chosen))


def _most_telling(same: Sequence[tuple[Parameters, Sent]]) -> Sent:
    """Returns the second item of one of the pairs (requested parameters, what is sent), which are all sent alike: of
    the first pair with notes on what differs from the request, else of the first pair."""
    return next((sent for _, sent in same if sent.notes), same[0][1])
