"""Checks the installation. `promptgrid doctor` and the Settings page show the findings, each with its remedy."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from promptgrid import builtin, connections, loop, paths
from promptgrid.builtin import adapters, models
from promptgrid.endpoint.settings import EndpointSettings
from promptgrid.errors import PromptgridError
from promptgrid.humanize import size
from promptgrid.library.folder import library_folder
from promptgrid.prompt import Message
from promptgrid.tokens import encoding

PORT = 8501  # Streamlit's


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check of the installation: the `area` that was checked, and a `message`. `ok` is None for
    information that is neither good nor bad; `fix` says what to do, and is empty if nothing."""

    area: str
    ok: bool | None
    message: str
    fix: str = ""


def checks(*, start: bool = False, port: int = PORT) -> list[Finding]:
    """Makes all checks, in at most five seconds per endpoint, and returns the findings.

    With `start`, also starts the built-in model. One finding says whether `port` is free for the dashboard. An error
    becomes a finding. No finding contains a key.
    """
    areas: list[tuple[str, Callable[[], Iterator[Finding]]]] = [
        ("built-in model", lambda: _builtin_model(start)),
        ("tokenizers", _tokenizers),
        ("endpoints", _endpoints),
        ("database", _database),
        ("disk", _disk),
        ("port", lambda: _port(port)),
        ("folders", _folders),
    ]
    return [finding for area, look in areas for finding in _collected(area, look())]


def _collected(area: str, findings: Iterator[Finding]) -> Iterator[Finding]:
    """Yields the findings; if a PromptgridError is raised while they are made, yields it as a last finding under the
    heading `area`."""
    try:
        yield from findings
    except PromptgridError as error:
        yield Finding(area, False, error.message, error.hint)


def _builtin_model(start: bool) -> Iterator[Finding]:
    area, state = "built-in model", builtin.status()
    if not state.ready:
        yield Finding(area, False, "Not available yet.", state.reason)
        return
    running = "running" if state.running else "not running; it starts at the first request"
    yield Finding(area, True, f"{state.weights} ({size(state.size)}), {running}.")
    if state.slow:
        yield Finding(area, None, f"One request at a time, no beam search: {state.slow}.", "Free some disk space.")
    for adapter in adapters.adapters():
        reason = models.mismatch(adapter)
        message = reason or f"{connections.BUILTIN}/{builtin.MODEL}+{adapter.name}, tuned {adapter.made}."
        fix = "Tune it again, or set PROMPTGRID_BUILTIN_MODEL to its own file." if reason else ""
        yield Finding("tuned models", not reason, message, fix)
    if start:
        yield _answer(area)


def _answer(area: str) -> Finding:
    """Starts the built-in model, lets it count the tokens of a text, and returns a finding (heading `area`) with that
    count."""
    endpoint = connections.connect(connections.BUILTIN)
    tokens = loop.run_sync(endpoint.count_tokens(builtin.names()[0], [Message("user", "Hello")]))
    return Finding(area, True, f"Started; it counts {tokens} tokens in a greeting. Its log is {builtin.logfile()}.")


def _tokenizers() -> Iterator[Finding]:
    for name in ("o200k_base", "cl100k_base"):
        if encoding(name) is not None:
            yield Finding("tokenizers", True, f"{name} is available: counts are exact offline.")
        else:
            yield Finding(
                "tokenizers",
                False,
                f"{name} could not be loaded: counts for OpenAI's models are estimates.",
                "Install the package bpe-openai, or go online once.",
            )


def _endpoints() -> Iterator[Finding]:
    configured, faults = connections.settings(), connections.faults()
    for error in faults.values():
        yield Finding("endpoints", False, error.message, error.hint)
    if not configured and not faults:
        yield Finding("endpoints", None, "None but the built-in model.", "Set OPENAI_API_KEY or OPENAI_BASE_URL.")
    for name, settings in configured.items():
        state = connections.check(name)
        message = f"{name} at {settings.base_url}, {_key(settings)}: {state.message}"
        yield Finding("endpoints", state.ok, message, "" if state.ok else _fix(settings))


def _fix(settings: EndpointSettings) -> str:
    where = paths.config_folder() / "endpoints.toml"
    wrong = "OPENAI_API_KEY or OPENAI_BASE_URL" if settings.name == "openai" else f"its table in {where}"
    return f"Start its server, or correct {wrong}."


def _key(settings: EndpointSettings) -> str:
    """Returns words on the endpoint's key: the variable that holds it, that this variable is not set, or that no key is
    needed."""
    if not settings.key_env:
        return "without a key"
    return f"key in {settings.key_env}" if settings.api_key else f"no key: {settings.key_env} is not set"


def _database() -> Iterator[Finding]:
    from promptgrid.store import Database

    database = Database()
    try:
        with database.write():
            detail = f"{_size(database.path)}, {database.server()}" if database.is_file else database.server()
            yield Finding("database", True, f"{database.place} opens and can be written ({detail}).")
    finally:
        database.close()


def _disk() -> Iterator[Finding]:
    for folder in sorted({paths.data_folder(), paths.cache_folder()}):
        free = paths.free_bytes(folder)
        enough = free >= paths.LOW_DISK_BYTES
        fix = "" if enough else "Free some space, or set PROMPTGRID_HOME to a folder on another disk."
        yield Finding("disk", enough, f"{size(free)} free for {folder}.", fix)


def _port(port: int) -> Iterator[Finding]:
    with socket.socket() as probe:
        if os.name == "posix":  # else a recently closed connection blocks the port
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            fix = f"If that is not the dashboard itself: `promptgrid dashboard --port {port + 1}`."
            yield Finding("port", None, f"Port {port} is in use ({error.strerror}).", fix)
            return
    yield Finding("port", True, f"Port {port} is free for the dashboard.")


def _folders() -> Iterator[Finding]:
    for what, folder in (("data and logs", paths.data_folder()), ("cache", paths.cache_folder())):
        yield Finding("folders", None, f"{what}: {folder} ({_size(folder)}).")
        if paths.others_may_enter(folder):
            fix = "Set PROMPTGRID_HOME to a folder on a disk of your own."
            yield Finding("folders", False, f"Other users of this machine can read {folder}.", fix)
    config = paths.config_folder()
    yield Finding("folders", None, f"config: {config}{'' if config.is_dir() else ' (missing, which is fine)'}.")
    if (log := builtin.logfile()) is not None:
        yield Finding("folders", None, f"log of the built-in model: {log}.")
    yield Finding("folders", None, f"prompts: {library_folder()}.")


def _size(path: Path) -> str:
    files = path.rglob("*") if path.is_dir() else [path]
    return size(sum(file.stat().st_size for file in files if file.is_file()))
