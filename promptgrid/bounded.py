"""Calls a pure function of Promptgrid in a child process with bounded time and memory.

For libraries that cannot be stopped from within: a pattern or a JSON schema from outside can take hours and gigabytes.
One child serves all calls of this process, one at a time; a child that exceeds its bounds dies, and the next call
starts another.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import Any

CPU_S = 1.5
MEMORY_BYTES = 2**30
_STRIKES = 3
_HERE = str(Path(__file__).parents[1])
_FALLBACK_S = 30.0  # of waiting, where the system has no timer for CPU time (Windows)


class Exceeded(Exception):
    """Raised by `call` if the function exceeds a limit of time or memory; if that happened in three earlier calls of it
    with the same `blame`, raised without running it again."""


def call(function: str, *args: Any, blame: str) -> Any:
    """Returns `function(*args)`, computed in a child process within the limits CPU_S and MEMORY_BYTES. `function` is
    "module:name"; arguments and result are JSON values. `blame` is the untrusted text, such as a pattern, that decides
    how long the function takes.

    Raises Exceeded when a limit is exceeded, and at once if that happened three times with this function and `blame`.
    Raises RuntimeError if the function raises an error; the message holds that error's type and text.
    """
    with _lock:
        if _strikes[function, blame] >= _STRIKES:
            raise Exceeded(f"took too much time or memory {_STRIKES} times, and is not tried again")
        answer = _exchange(json.dumps([function, *args]).encode() + b"\n")
        if not answer:
            _strikes[function, blame] += 1
            raise Exceeded(f"took more than {CPU_S} s or {MEMORY_BYTES / 2**30:.0f} GiB of memory")
    result, error = json.loads(answer)
    if error:
        raise RuntimeError(error)
    return result


_lock = threading.Lock()
_strikes: Counter[tuple[str, str]] = Counter()
_child: subprocess.Popen[bytes] | None = None


def _exchange(line: bytes) -> bytes:
    """Sends the JSON line of a call to the child process and returns the JSON line of its result; b"" if the child died
    during the call."""
    child = _started()
    assert child.stdin is not None
    assert child.stdout is not None
    watchdog = None if hasattr(signal, "setitimer") else threading.Timer(_FALLBACK_S, child.kill)
    if watchdog is not None:
        watchdog.start()
    answer = b""
    try:
        child.stdin.write(line)
        child.stdin.flush()
        answer = child.stdout.readline()
    except OSError:
        pass
    except BaseException:  # such as Ctrl+C: the next call must not read the answer to this one
        _end()
        raise
    if watchdog is not None:
        watchdog.cancel()
    if not answer.endswith(b"\n"):
        _end()
        return b""
    return answer


def _started() -> subprocess.Popen[bytes]:
    global _child
    if _child is None or _child.poll() is not None:
        _end()
        # In its own session, so that Ctrl+C does not reach it. It ends when its input ends, so with this process.
        _child = subprocess.Popen(
            [sys.executable, "-P", "-m", "promptgrid.bounded"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [_HERE, os.environ.get("PYTHONPATH")]))},
        )  # fmt: skip
    return _child


@atexit.register
def _end() -> None:
    global _child
    if _child is not None:
        _child.kill()
        _child.communicate()
        _child = None


def _serve() -> None:
    """Runs in the child process: reads one call per JSON line from stdin and writes its result as a JSON line to
    stdout; the process dies when a call exceeds its limits."""
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    for line in sys.stdin.buffer:
        name, *args = json.loads(line)
        module, function = name.split(":")
        called = getattr(import_module(module), function)
        _limit(CPU_S)
        try:
            answer = [called(*args), ""]
        except MemoryError:
            return
        except Exception as error:  # noqa: BLE001  # told to the caller, who raises it
            answer = [None, f"{type(error).__name__}: {error}"]
        _limit(0)
        answers.write(json.dumps(answer).encode() + b"\n")


def _limit(seconds: float) -> None:
    """Lets the system end this process after `seconds` of CPU time (0: never): a handler in Python would not run."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, seconds)


if __name__ == "__main__":
    _serve()
