"""The slow and interactive way to an endpoint: the openai SDK, imported when first needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from promptgrid.endpoint import headers
from promptgrid.endpoint.settings import CONNECT_S, EndpointSettings

if TYPE_CHECKING:
    import openai


def client(settings: EndpointSettings) -> openai.AsyncOpenAI:
    """A client without retries. Raises EndpointError(auth) for a key or header that cannot be sent."""
    headers.check(settings)
    import openai

    extra: dict[str, Any] = dict(settings.headers)
    if not settings.is_openai:  # the SDK would tell OPENAI_ORG_ID and OPENAI_PROJECT_ID to everybody
        extra = {"OpenAI-Organization": openai.omit, "OpenAI-Project": openai.omit, **extra}
    if settings.is_direct:  # costs nothing here, and a kept connection that the server has just closed is a lost call
        extra["Connection"] = "close"
    return openai.AsyncOpenAI(
        api_key=settings.api_key or headers.KEYLESS,
        base_url=settings.base_url,
        max_retries=0,
        timeout=openai.Timeout(settings.timeout_s, connect=min(CONNECT_S, settings.timeout_s)),
        default_headers=extra,
        http_client=openai.DefaultAsyncHttpxClient(trust_env=False) if settings.is_direct else None,
    )
