"""The child process of `own_code`: calls a function of a user's file and writes one result per line. It runs as a
script and imports nothing of promptgrid. The function's own prints and reads do not reach the pipes."""

from __future__ import annotations

import importlib.util
import inspect
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

_LIMIT = 1000  # characters of an explanation


def main(file: str, function: str, limit_s: str) -> None:
    """Loads the function from the file and scores the replies that arrive on stdin, one JSON object per line. Writes
    `{}` once the function is loaded, then one object per reply: {"value", "why"} or {"error"}.

    The parent kills this process if a call takes too long. In case the parent has died, the process ends itself when a
    call takes `limit_s` seconds.
    """
    requests, replies = os.fdopen(os.dup(0), encoding="utf-8"), os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)

    def send(body: dict[str, Any]) -> None:
        replies.write(json.dumps(body) + "\n")
        replies.flush()

    _end_after(limit_s)
    try:
        score = _load(file, function)
    except BaseException as error:  # noqa: BLE001  # anything that a user's file raises on import, exit() included
        send({"error": _error_text(error, file)})
        return
    send({})
    _end_after("0")
    for line in requests:
        _end_after(limit_s)
        try:
            send(_call(score, json.loads(line)))
        except BaseException as error:  # noqa: BLE001  # a failure affects one reply only
            send({"error": _error_text(error, file)})
        _end_after("0")


def _end_after(seconds: str) -> None:
    """Makes the system end this process after this number of seconds; "0" cancels that. A timer in Python would not run
    during a slow regular expression."""
    if hasattr(signal, "alarm"):
        signal.alarm(int(float(seconds)))


def _load(file: str, function: str) -> Callable[..., Any]:
    sys.path.insert(0, str(Path(file).parent))
    spec = importlib.util.spec_from_file_location("own_check", file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules["own_check"] = module
    spec.loader.exec_module(module)
    score: Callable[..., Any] = getattr(module, function)
    return score


def _call(score: Callable[..., Any], reply: dict[str, Any]) -> dict[str, Any]:
    parameters = inspect.signature(score).parameters.values()
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        reply = {name: reply[name] for name in (parameter.name for parameter in parameters) if name in reply}
    result, why = score(**reply), ""
    if isinstance(result, tuple) and len(result) == 2:
        result, why = result
    if result is None:
        return {"value": None, "why": str(why)[:_LIMIT]}
    value = None if isinstance(result, (str, bytes)) else float(result)
    if value is None or not 0 <= value <= 1:
        raise ValueError(f"it returned {result!r:.80}; a score is True, False, or a number from 0 to 1")
    return {"value": value, "why": str(why)[:_LIMIT]}


def _error_text(error: BaseException, file: str) -> str:
    """Returns the error as text, with the line of the user's file in which it was raised."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    where = f" (line {lines[-1]})" if lines else ""
    return f"{type(error).__name__}: {error}"[:_LIMIT] + where


if __name__ == "__main__":
    main(*sys.argv[1:])
