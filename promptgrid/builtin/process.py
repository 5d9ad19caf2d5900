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
from promptgrid.builtin import unpacking, weights
from promptgrid.builtin.server_folder import Listening, ServerFolder
from promptgrid.errors import BuiltinError, PromptgridError
from promptgrid.text import one_line

CONTEXT = 8192
SLOTS = 8  # samples per request

IDLE = "PROMPTGRID_BUILTIN_IDLE_S"
IDLE_S = 900.0
START_S = 180.0  # a large GGUF on a slow disk
STOP_S = 10.0
POLL_S = 0.05
LOG_BYTES = 1_000_000


def ensure(*, exact: bool = False) -> Listening:
    """Returns the server for the weights in use; with `exact`, the one that has them unpacked to 32 bit. Starts it if
    none is running, which takes about a second with the default model, and unpacks the weights if they never were.

    Raises BuiltinError if the weights or xllamacpp are missing or the server does not start, StoreError if the data
    folder cannot be written.
    """
    require_supported()
    path = weights.require()
    place = ServerFolder.of(path, exact=exact).create()
    return place.listening() or _start(unpacking.unpacked(path) if exact else path, place, exact)


def running(*, exact: bool = False) -> bool:
    """Whether a server for the weights in use is listening; with `exact`, the one that has them unpacked. Reads only
    local files."""
    path = weights.find()
    return path is not None and ServerFolder.of(path, exact=exact).listening() is not None


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
    path = weights.find()
    places = [ServerFolder.of(path, exact=exact) for exact in (False, True)] if path else []
    stopped = [_stopped(place) for place in places]
    return any(stopped)


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
    """The path of the server's log; None if there are no weights."""
    path = weights.find()
    return ServerFolder.of(path).log if path else None


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


def _start(path: Path, place: ServerFolder, exact: bool) -> Listening:
    with place.lock("start").acquire(timeout=START_S):
        child: subprocess.Popen[bytes] | None = None
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if server := place.listening():
                return server
            if not place.alive():
                if child is not None and child.poll() is not None:
                    raise _did_not_start(f"ended with code {child.returncode}", place)
                child = child or _spawn(path, place, exact)
            time.sleep(POLL_S)
        raise _did_not_start(f"did not listen within {START_S:.0f} seconds", place)


def _spawn(path: Path, place: ServerFolder, exact: bool) -> subprocess.Popen[bytes]:
    place.withdraw()  # left behind by a killed server
    command = [*_command(path, place), *(["--exact"] if exact else [])]
    with _log(place) as log:
        child = subprocess.Popen(
            command,
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


def _command(path: Path, place: ServerFolder) -> list[str]:
    names = [word for name in weights.names() for word in ("--name", name)]
    limits = ["--context", str(CONTEXT), "--slots", str(SLOTS), "--idle", str(idle_s())]
    return [sys.executable, "-P", "-m", "promptgrid.builtin.server_main", str(place.folder), str(path), *names, *limits]


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
