"""Tells before anything is sent whether a model can answer by a beam search."""

from __future__ import annotations

from promptgrid import connections, loop, models
from promptgrid.endpoint import Request
from promptgrid.errors import EndpointError
from promptgrid.models import ModelFacts
from promptgrid.prompt import Parameters, Prompt


def search_problem(ref: str, prompt: Prompt, parameters: Parameters, facts: ModelFacts) -> str:
    """Returns why the model `ref` (ENDPOINT/MODEL, with these facts) cannot answer the prompt by the beam search that
    the parameters ask for; "" if it can, or if they ask for none. May ask a server for its kind."""
    if not parameters.searches:
        return ""
    if refusal := facts.refusal("beams", parameters.beams):
        return refusal.sentence
    if prompt.tools:
        return "a search cannot call tools: leave one of them out"
    if loop.in_loop():  # the endpoint itself refuses what it cannot do
        return ""
    name, model = connections.split_model(ref)
    request = Request(model, (), prompt.api, models.parameters.sent(facts, parameters).parameters)
    try:
        return loop.run_sync(connections.connect(name).search_problem(request))
    except EndpointError as error:
        return f"the server could not be asked whether it has a beam search: {error}"
