"""The only interface to models: Endpoint.complete(request) returns replies."""

from promptgrid.endpoint.base import Allowance, Delta, Embeddings, Endpoint, RateLimits, Reply, Request, Token
from promptgrid.endpoint.openai import OpenAIEndpoint
from promptgrid.endpoint.scripted import ScriptedEndpoint
from promptgrid.endpoint.settings import EndpointSettings, read_settings
