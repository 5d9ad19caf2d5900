"""The configured endpoints and the objects that call them."""

from __future__ import annotations

import asyncio
import os
import threading
import weakref
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from promptgrid import builtin, identities, loop, models
from promptgrid.endpoint import Endpoint
from promptgrid.endpoint.embeddings import MOST_MODELS
from promptgrid.endpoint.settings import FILE, OPENAI_URL, EndpointSettings, read_settings
from promptgrid.errors import BuiltinError, PlanError, PromptgridError
from promptgrid.models import ModelFacts
from promptgrid.models.addresses import normalised
from promptgrid.paths import config_folder, dotenv, environment
from promptgrid.suggestions import did_you_mean

BUILTIN = "builtin"
DEFAULT_MODEL = f"{BUILTIN}/{builtin.MODEL}"
CHECK_S = 5.0

_BUILTIN_FACTS = ModelFacts(
    builtin.MODEL,
    context=builtin.CONTEXT,
    temperature="any",
    top_p="any",
    logprobs=True,
    seed=True,
    n=True,
    token_parameter="max_tokens",
    free=True,
    known=True,
)


@dataclass(frozen=True, slots=True)
class EndpointState:
    """Whether an endpoint can be used now (`ok`), a sentence that says so or why not, and the names of the models that
    it lists; with `shortened`, only the first of them."""

    name: str
    ok: bool
    message: str
    models: tuple[str, ...] = ()
    shortened: bool = False

    @property
    def note(self) -> str:
        """A sentence for a list of models that is `shortened`; else ""."""
        return f"Only the first {len(self.models):,} models are listed; any other can be typed." * self.shortened


def settings() -> dict[str, EndpointSettings]:
    """The configured endpoints by name, without the built-in one and those with a wrong setting (see `faults`).

    Reads endpoints.toml at every call, but parses it only if the file or the environment has changed.
    """
    return _configured()[0]


def faults() -> dict[str, PromptgridError]:
    """The errors of the endpoints that cannot be used because of a wrong setting, by name. If endpoints.toml cannot be
    read at all, its error stands under the name of the file."""
    return _configured()[1]


def _configured() -> tuple[dict[str, EndpointSettings], dict[str, PromptgridError]]:
    path = config_folder() / FILE
    try:
        text = path.read_bytes()
    except OSError:
        text = b""  # missing, or read_settings finds the reason
    cached = _settings(path, text, tuple(environment().items()))
    endpoints, errors = dict(cached[0]), dict(cached[1])
    if misled := _misled_key():
        endpoints.pop("openai", None)
        errors["openai"] = misled
    return endpoints, errors


def _misled_key() -> PromptgridError | None:
    """Returns an error if OPENAI_API_KEY is set in the process, but OPENAI_BASE_URL only in the file `.env`: that file
    may come with a stranger's folder and would send the key to another address. Returns None otherwise."""
    address = dotenv().get("OPENAI_BASE_URL", "").strip()
    if not (address and os.environ.get("OPENAI_API_KEY") and "OPENAI_BASE_URL" not in os.environ):
        return None
    try:
        url = normalised(address)
    except PromptgridError:  # among the faults already
        return None
    if url == OPENAI_URL:
        return None
    return PromptgridError(
        f"OPENAI_API_KEY is in the environment, and {Path.cwd() / '.env'} wants it sent to {url}.",
        hint="If you trust that address, set OPENAI_BASE_URL in the environment too, or put its own key into .env.",
    )


@lru_cache(maxsize=1)
def _settings(
    path: Path, text: bytes, env: tuple[tuple[str, str], ...]
) -> tuple[dict[str, EndpointSettings], dict[str, PromptgridError]]:
    errors: dict[str, PromptgridError] = {}
    endpoints = read_settings(dict(env), path, errors)
    return endpoints, errors


def endpoint_names() -> list[str]:
    """The names of all endpoints: first that of the built-in one, last those that cannot be used (see `faults`)."""
    endpoints, errors = _configured()
    return list(dict.fromkeys([BUILTIN, *endpoints, *errors]))


def split_model(model_ref: str) -> tuple[str, str]:
    """Splits `openai/gpt-4o` at the first slash into (`openai`, `gpt-4o`). Raises PlanError for any other form, and for
    an endpoint that is not configured."""
    endpoint, slash, model = model_ref.strip().partition("/")
    if not (endpoint and slash and model):
        raise PlanError(f"{model_ref!r} is not of the form ENDPOINT/MODEL.", hint=f"Write it like {DEFAULT_MODEL}.")
    _check_configured(endpoint)
    return endpoint, model


def check_model(model_ref: str) -> None:
    """Raises PlanError for an endpoint that is not configured, and for a built-in model that does not exist. Calls no
    endpoint, so models of other endpoints are not checked."""
    endpoint, model = split_model(model_ref)
    if endpoint == BUILTIN:
        try:
            builtin.adapter_of(model)
        except BuiltinError as error:
            raise PlanError(error.message, hint=error.hint) from error


def _check_configured(endpoint: str) -> None:
    endpoints, errors = _configured()
    if endpoint == BUILTIN or endpoint in endpoints:
        return
    if endpoint in errors or FILE in errors:
        error = errors.get(endpoint) or errors[FILE]
        raise PlanError(error.message, hint=error.hint)
    names = [BUILTIN, *endpoints]
    meant = did_you_mean(endpoint, names, "")
    way = (
        "Set OPENAI_API_KEY or OPENAI_BASE_URL."
        if endpoint == "openai"
        else "Others are added in endpoints.toml (see Settings)."
    )
    raise PlanError(f"No endpoint is named {endpoint!r}.", hint=f"{meant} There are: {', '.join(names)}. {way}".strip())


def model_facts(model_ref: str) -> ModelFacts:
    """Returns the facts about the model ENDPOINT/MODEL: price, context, accepted parameters. Parameters that the
    endpoint has refused so far count as not accepted. Raises PlanError for an unknown endpoint."""
    endpoint, model = split_model(model_ref)
    if endpoint == BUILTIN:
        return _BUILTIN_FACTS
    served = settings()[endpoint]
    return models.facts(model, served.base_url, free=served.free)


def context_limit(model_ref: str) -> int | None:
    """The maximum number of tokens of prompt and reply together; None if it is unknown. Raises PlanError for an unknown
    endpoint."""
    return model_facts(model_ref).context


_connected: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, tuple[object, Endpoint]]] = (
    weakref.WeakKeyDictionary()
)
_replaced: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, list[Endpoint]] = weakref.WeakKeyDictionary()
_connecting = threading.Lock()


def connect(name: str) -> Endpoint:
    """Returns the object that calls the endpoint. It is cached by name and event loop until the endpoint's settings
    change, or the weights of the built-in one.

    Its sockets belong to the running event loop, or to the background loop if none is running. Raises PlanError for an
    unknown endpoint.
    """
    _check_configured(name)
    configured = None if name == BUILTIN else settings()[name]
    current = configured or builtin.served_state()
    with _connecting:
        event_loop = loop.current()
        connected = _connected.setdefault(event_loop, {})
        if name not in connected or connected[name][0] != current:
            if name in connected:  # not closed yet: a reply may be in progress
                _replaced.setdefault(event_loop, []).append(connected[name][1])
            connected[name] = (current, _endpoint(configured))
        return connected[name][1]


def close() -> None:
    """Closes the sockets of all endpoints of the background loop. A later `connect` opens new ones."""
    if _connected.get(loop.background()) or _replaced.get(loop.background()):
        loop.run_sync(_closed())


async def _closed() -> None:
    event_loop = asyncio.get_running_loop()
    with _connecting:
        current = [endpoint for _, endpoint in _connected.pop(event_loop, {}).values()]
        endpoints = current + _replaced.pop(event_loop, [])
    for endpoint in endpoints:
        await endpoint.aclose()


def _endpoint(configured: EndpointSettings | None) -> Endpoint:
    if configured is None:
        return builtin.BuiltinEndpoint()
    from promptgrid.endpoint.beams.endpoint import SearchingEndpoint

    return SearchingEndpoint(configured, identity=identities.identity(configured))


def check(name: str) -> EndpointState:
    """Asks the endpoint for its list of models, in at most five seconds, and returns its state. The state of the
    built-in endpoint needs no call."""
    if name == BUILTIN:
        return _builtin_state()
    try:
        served = loop.run_sync(_listed(name))
    except TimeoutError:
        return EndpointState(name, False, f"No answer within {CHECK_S:.0f} seconds. Is the server running?")
    except PromptgridError as error:
        text = str(error).removeprefix(f"{name} ")  # the name stands before the state wherever it is shown
        return EndpointState(name, False, text[:1].upper() + text[1:])
    return EndpointState(name, True, f"{len(served):,} models.", served, shortened=len(served) == MOST_MODELS)


async def _listed(name: str) -> tuple[str, ...]:
    async with asyncio.timeout(CHECK_S):
        return tuple(await connect(name).models())


def _builtin_state() -> EndpointState:
    state = builtin.status()
    if not state.ready:
        return EndpointState(BUILTIN, False, state.reason)
    message = "Running." if state.running else "Ready; it starts at the first request."
    if state.slow:
        message += f" One request at a time: {state.slow}."
    return EndpointState(BUILTIN, True, message, builtin.names())
