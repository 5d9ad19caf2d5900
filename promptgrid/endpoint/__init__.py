"""The one seam to any model: Endpoint.complete(request) -> replies."""

from promptgrid.endpoint.base import Delta, Endpoint, Reply, Request
from promptgrid.endpoint.openai import OpenAIEndpoint
from promptgrid.endpoint.scripted import ScriptedEndpoint
from promptgrid.endpoint.settings import EndpointSettings, read_settings

__all__ = [
    "Delta",
    "Endpoint",
    "EndpointSettings",
    "OpenAIEndpoint",
    "Reply",
    "Request",
    "ScriptedEndpoint",
    "read_settings",
]
