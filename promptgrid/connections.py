"""From the name of an endpoint to the object that answers."""

from __future__ import annotations

import asyncio
import threading
import weakref
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from promptgrid import builtin, loop, models
from promptgrid.endpoint import Endpoint
from promptgrid.endpoint.settings import EndpointSettings, read_settings
from promptgrid.errors import PlanError, PromptgridError
from promptgrid.models import ModelFacts
from promptgrid.paths import config_folder, environment
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
    """Whether an endpoint can be used now: `message` says so in a sentence, `models` are those it lists."""

    name: str
    ok: bool
    message: str
    models: tuple[str, ...] = ()


def settings() -> dict[str, EndpointSettings]:
    """The configured endpoints by name, without the built-in one. Raises PromptgridError for a broken file.

    Asked for often: the file is read each time, and understood only when it or the environment has changed.
    """
    path = config_folder() / "endpoints.toml"
    try:
        text = path.read_bytes()
    except OSError:
        text = b""  # not there, or read_settings says why it cannot be read
    return dict(_settings(path, text, tuple(environment().items())))


@lru_cache(maxsize=1)
def _settings(path: Path, text: bytes, env: tuple[tuple[str, str], ...]) -> dict[str, EndpointSettings]:
    return {name: found for name, found in read_settings(dict(env), path).items() if name != BUILTIN}


def endpoint_names() -> list[str]:
    """Every endpoint that can be named in ENDPOINT/MODEL, the built-in one first."""
    return [BUILTIN, *settings()]


def split_model(model_ref: str) -> tuple[str, str]:
    """`openai/gpt-4o` -> (`openai`, `gpt-4o`), at the first slash. Raises PlanError where no such endpoint is."""
    endpoint, slash, model = model_ref.strip().partition("/")
    if not (endpoint and slash and model):
        raise PlanError(f"{model_ref!r} is not of the form ENDPOINT/MODEL.", hint=f"Write it like {DEFAULT_MODEL}.")
    _check_configured(endpoint)
    return endpoint, model


def check_model(model_ref: str) -> None:
    """Raises PlanError for a model that is known not to be there; endpoints are not asked."""
    endpoint, model = split_model(model_ref)
    if endpoint == BUILTIN and model not in builtin.names():
        hint = f"Did you mean {BUILTIN}/{builtin.names()[0]}?"
        raise PlanError(f"The built-in endpoint has no model {model!r}.", hint=hint)


def _check_configured(endpoint: str) -> None:
    names = endpoint_names()
    if endpoint in names:
        return
    meant = did_you_mean(endpoint, names, "")
    way = (
        "Set OPENAI_API_KEY or OPENAI_BASE_URL."
        if endpoint == "openai"
        else "Others are added in endpoints.toml (see Settings)."
    )
    raise PlanError(f"No endpoint is named {endpoint!r}.", hint=f"{meant} There are: {', '.join(names)}. {way}".strip())


def model_facts(model_ref: str) -> ModelFacts:
    """What is known about the model where it is served: its price there, its context, which parameters it takes.

    What the endpoint itself refused is in it at once.
    """
    endpoint, model = split_model(model_ref)
    if endpoint == BUILTIN:
        return _BUILTIN_FACTS
    found = settings()[endpoint]
    return models.facts(model, found.base_url, free=found.free)


def context_limit(model_ref: str) -> int | None:
    """How many tokens prompt and reply may have together; None where it is not known."""
    return model_facts(model_ref).context


_connected: weakref.WeakKeyDictionary[
    asyncio.AbstractEventLoop, dict[str, tuple[EndpointSettings | None, Endpoint]]
] = weakref.WeakKeyDictionary()
_replaced: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, list[Endpoint]] = weakref.WeakKeyDictionary()
_connecting = threading.Lock()


def connect(name: str) -> Endpoint:
    """The endpoint's object: one a name and event loop, kept while its settings stay the same.

    Sockets belong to a loop. Called from a coroutine, the object is for that loop; from anywhere else, for the one of
    `run_sync`. Raises PlanError for an endpoint that is not configured.
    """
    _check_configured(name)
    wanted = None if name == BUILTIN else settings()[name]
    with _connecting:
        event_loop = loop.current()
        kept = _connected.setdefault(event_loop, {})
        if name not in kept or kept[name][0] != wanted:
            if name in kept:  # not closed yet: somebody may be in the middle of a reply
                _replaced.setdefault(event_loop, []).append(kept[name][1])
            kept[name] = (wanted, _endpoint(wanted))
        return kept[name][1]


def close() -> None:
    """Frees the sockets of the background loop's endpoints; `connect` makes new ones."""
    if _connected.get(loop.background()) or _replaced.get(loop.background()):
        loop.run_sync(_closed())


async def _closed() -> None:
    event_loop = asyncio.get_running_loop()
    with _connecting:
        current = [endpoint for _, endpoint in _connected.pop(event_loop, {}).values()]
        endpoints = current + _replaced.pop(event_loop, [])
    for endpoint in endpoints:
        await endpoint.aclose()


def _endpoint(wanted: EndpointSettings | None) -> Endpoint:
    if wanted is None:
        return builtin.BuiltinEndpoint()
    from promptgrid.endpoint.openai import OpenAIEndpoint

    return OpenAIEndpoint(wanted)


def check(name: str) -> EndpointState:
    """Asks the endpoint for its models, for at most five seconds; the built-in one is looked at without any call."""
    if name == BUILTIN:
        return _builtin_state()
    try:
        served = loop.run_sync(_listed(name))
    except TimeoutError:
        return EndpointState(name, False, f"No answer within {CHECK_S:.0f} seconds. Is the server running?")
    except PromptgridError as error:
        return EndpointState(name, False, str(error))
    return EndpointState(name, True, f"{len(served)} models.", served)


async def _listed(name: str) -> tuple[str, ...]:
    async with asyncio.timeout(CHECK_S):
        return tuple(await connect(name).models())


def _builtin_state() -> EndpointState:
    state = builtin.status()
    if not state.ready:
        return EndpointState(BUILTIN, False, state.reason)
    message = "Running." if state.running else "Ready; it starts at the first request."
    return EndpointState(BUILTIN, True, message, builtin.names())
