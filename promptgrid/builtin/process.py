"""Starts, finds and stops the model server. Dashboard, runner and command line of a user share one server."""

from __future__ import annotations

import importlib.util
import os
import platform
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

from promptgrid import paths
from promptgrid.builtin import models, unpacking, weights
from promptgrid.builtin.adapters import Adapter, adapters
from promptgrid.builtin.server_folder import SEATS, Listening, ServerFolder
from promptgrid.builtin.unpacking import ServedWeights
from promptgrid.errors import BuiltinError, PromptgridError
from promptgrid.text import one_line

CONTEXT = 8192

IDLE = "PROMPTGRID_BUILTIN_IDLE_S"
IDLE_S = 900.0
START_S = 180.0  # a large GGUF on a slow disk
STOP_S = 10.0
POLL_S = 0.05
LOG_BYTES = 1_000_000


def ensure(served: ServedWeights | None = None, adapter: Adapter | None = None) -> Listening:
    """Returns the server for the weights `served`, by default those in use, that has loaded the `adapter`. Starts it if
    none is running, which takes about a second with the default model and longer if the weights were never unpacked.

    A running server without the adapter is replaced, so the caller holds all of its seats (see `queue.turn`). Raises
    BuiltinError if the weights or xllamacpp are missing or the server does not start, StoreError if the data folder
    cannot be written.
    """
    require_supported()
    served = served or unpacking.served(weights.require())
    place = folder_of(served).create()
    server = place.listening()
    return server if server is not None and has(server, adapter) else _start(served, place, adapter)


def has(server: Listening, adapter: Adapter | None) -> bool:
    """Whether the server can answer for the adapter: it loads adapters only when it starts."""
    return adapter is None or adapter.adapter_sha256 in server.adapters


def folder_of(served: ServedWeights) -> ServerFolder:
    """Returns the folder of the server for these weights."""
    return ServerFolder.of(served.path, repeatable=served.repeatable)


def running() -> bool:
    """Whether a server for the weights in use is listening. Reads only local files."""
    return any(place.listening() for place in _places())


def warm() -> None:
    """Starts the model server in the background and returns at once. A failure is ignored here: the first request
    reports it."""

    def attempt() -> None:
        with suppress(PromptgridError):
            ensure()

    threading.Thread(target=attempt, name="builtin-warm", daemon=True).start()


def stop() -> bool:
    """Stops the servers for the weights in use and waits up to 10 s for the end of each; returns False if none was
    running."""
    stopped = [_stopped(place) for place in _places()]
    return any(stopped)


def _places() -> list[ServerFolder]:
    """Returns the folders of both servers that the weights in use can have: unpacked, and as they are."""
    path = weights.find()
    return [ServerFolder.of(path, repeatable=each) for each in (True, False)] if path else []


def _stopped(place: ServerFolder) -> bool:
    server = place.listening()
    if server is None:
        return False
    os.kill(server.pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_S
    while place.alive() and time.monotonic() < deadline:
        time.sleep(POLL_S)
    place.withdraw()
    return True


def logfile() -> Path | None:
    """The path of the log of the server that started last; None if there are no weights."""
    logs = [place.log for place in _places()]
    return max(logs, key=lambda log: log.stat().st_mtime if log.exists() else 0.0) if logs else None


def supported() -> bool:
    """Whether xllamacpp, the package of llama.cpp, is installed: it does not exist for every platform."""
    return importlib.util.find_spec("xllamacpp") is not None


def require_supported() -> None:
    """Raises BuiltinError if the platform has no llama.cpp wheel."""
    if not supported():
        raise BuiltinError(
            f"There is no xllamacpp for {platform.system()} on {platform.machine()}, so the built-in model cannot run.",
            hint="Use Ollama, LM Studio or any other OpenAI-compatible endpoint: set OPENAI_BASE_URL to its address.",
        )


def _start(served: ServedWeights, place: ServerFolder, adapter: Adapter | None) -> Listening:
    with place.lock("start").acquire(timeout=START_S):
        child: subprocess.Popen[bytes] | None = None
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            server = place.listening()
            if server is not None and has(server, adapter):
                return server
            loaded = server.adapters if server is not None else ()
            if server is not None:
                _stopped(place)
            if not place.alive():
                if child is not None and child.poll() is not None:
                    raise _did_not_start(f"ended with code {child.returncode}", place)
                child = child or _spawn(served, place, _to_load(loaded, adapter))
            time.sleep(POLL_S)
        raise _did_not_start(f"did not listen within {START_S:.0f} seconds", place)


def _to_load(loaded: tuple[str, ...], adapter: Adapter | None) -> list[Adapter]:
    """Returns the adapters of a new server: those that the old one had `loaded` and that still exist, and `adapter`. An
    adapter that is not asked for cannot keep the model from starting."""
    kept = [each for each in adapters() if each.adapter_sha256 in loaded and not models.mismatch(each)]
    return [*kept, *([adapter] if adapter is not None and adapter not in kept else [])]


def _spawn(served: ServedWeights, place: ServerFolder, tuned: list[Adapter]) -> subprocess.Popen[bytes]:
    place.withdraw()  # left behind by a killed server
    with _log(place) as log:
        child = subprocess.Popen(
            _command(served, place, tuned),
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # else Ctrl+C in the terminal ends it
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
    # keeps the object while the process lives, and leaves no zombie
    threading.Thread(target=child.wait, name="builtin-wait", daemon=True).start()
    return child


def _command(served: ServedWeights, place: ServerFolder, tuned: list[Adapter]) -> list[str]:
    names = [word for name in weights.names() for word in ("--name", name)]
    limits = ["--context", str(CONTEXT), "--slots", str(SEATS), "--idle", str(idle_s())]
    loads = [word for each in tuned for word in ("--adapter", each.adapter_sha256, str(each.path))]
    command = [sys.executable, "-P", "-m", "promptgrid.builtin.server_main", str(place.folder), str(served.file)]
    return [*command, *names, *limits, *loads, *(["--repeatable"] if served.repeatable else [])]


def _environment() -> dict[str, str]:
    """Returns the environment variables of the server's process: it imports this copy of promptgrid from any working
    folder, and its idle threads do not spin."""
    root = str(Path(__file__).resolve().parents[2])
    search = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    # Spinning OpenMP threads make a busy machine several times slower. Read when the library loads.
    return {**os.environ, "PYTHONPATH": os.pathsep.join(search), "GOMP_SPINCOUNT": "0"}


def _log(place: ServerFolder) -> IO[bytes]:
    keep = place.log.exists() and place.log.stat().st_size < LOG_BYTES
    return place.log.open("ab" if keep else "wb")


def idle_s() -> float:
    """Seconds without a request after which the server ends: PROMPTGRID_BUILTIN_IDLE_S, else 900.

    Raises BuiltinError for a value that is not a number above 0.
    """
    text = paths.environment().get(IDLE)
    try:
        seconds = float(text) if text else IDLE_S
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise BuiltinError(f"{IDLE} is {text!r}.", hint="It is a number of seconds above 0, such as 900.")
    return seconds


def _did_not_start(what: str, place: ServerFolder) -> BuiltinError:
    last = place.log.read_text("utf-8", "replace").strip().splitlines()[-1:] if place.log.exists() else []
    last_words = f" Its last words: {one_line(last[0], 300)}" if last else ""
    return BuiltinError(f"The built-in model's server {what}.{last_words}", hint=f"Its log is {place.log}.")
