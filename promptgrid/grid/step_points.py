"""Makes the calls of a technique in several steps: the request of each call, and the key of its reply."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from promptgrid import models
from promptgrid.connections import model_facts, split_model
from promptgrid.endpoint import Endpoint
from promptgrid.grid.plan import MAX_SAMPLES
from promptgrid.grid.points import Point, request_key
from promptgrid.techniques import StepCall


def step_point(point: Point, call: StepCall, connect: Callable[[str], Endpoint]) -> Point:
    """Returns the point whose request sends the call: that of the cell's first call (`point`) with other messages,
    changed parameters, perhaps another model. `connect` returns the Endpoint for an endpoint's name.

    Changed parameters are sent as the model takes them, by the facts at this moment.
    """
    ask = call.ask
    name, model = split_model(ask.model) if ask.model else (point.endpoint, point.model)
    request = replace(point.request, model=model, messages=tuple(turn.message for turn in ask.turns))
    if ask.changes or ask.model:
        facts = model_facts(f"{name}/{model}")
        sent = models.parameters.sent(facts, replace(point.variant.parameters, **ask.changes)).parameters
        request = replace(request, parameters=sent, token_parameter=facts.token_parameter)
    if call.branch and request.parameters.seed is not None:  # beyond the seeds of the other samples
        own = request.parameters.seed + call.branch * MAX_SAMPLES
        request = replace(request, parameters=replace(request.parameters, seed=own))
    endpoint = connect(name)
    seed = request.parameters.seed
    unseeded = replace(request, parameters=replace(request.parameters, seed=None))
    key = request_key(endpoint.wire(unseeded), seed, endpoint.identity, call.branch)
    return replace(point, endpoint=name, model=model, request=request, key=key)
