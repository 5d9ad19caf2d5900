"""Checks the key and builds the headers of every request, before anything is sent."""

from __future__ import annotations

import os

from promptgrid.endpoint import faults
from promptgrid.endpoint.settings import EndpointSettings

KEYLESS = "no-key"  # the SDK insists on one
OPENAI_ENV = {"OpenAI-Organization": "OPENAI_ORG_ID", "OpenAI-Project": "OPENAI_PROJECT_ID"}


def check(settings: EndpointSettings) -> None:
    """Raises EndpointError(auth) if the key is missing, or if the key or a header has a character that no request can
    carry."""
    if settings.key_env and not settings.api_key:
        raise faults.missing_key(settings)
    if not all("!" <= character <= "~" for character in settings.api_key):
        raise faults.unsendable_key(settings)
    for name, value in settings.headers.items():
        if not all(" " <= character <= "~" for character in name + value):
            raise faults.unsendable_header(name)


def request_headers(settings: EndpointSettings) -> dict[str, str]:
    """Returns the headers of a JSON request; headers in the settings replace the usual ones. Raises EndpointError(auth)
    for a missing key or a header that cannot be sent."""
    check(settings)
    from importlib.metadata import version

    ours = {
        "Authorization": f"Bearer {settings.api_key or KEYLESS}",
        "Content-Type": "application/json",
        "Accept": "application/json",
        "User-Agent": f"promptgrid/{version('promptgrid')}",
    }
    if settings.is_openai:  # other endpoints must not get these headers
        ours |= {name: os.environ[env] for name, env in OPENAI_ENV.items() if os.environ.get(env)}
    own_names = {name.lower() for name in settings.headers}
    return {**{name: value for name, value in ours.items() if name.lower() not in own_names}, **settings.headers}
