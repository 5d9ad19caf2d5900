"""The other side of `own_code`: calls a function of a user's file for one reply a line. Run as a script; it imports
nothing of ours, and nothing that the function prints or reads gets between the lines."""

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

_SHOWN = 1000  # characters of an explanation


def main(file: str, function: str, limit_s: str) -> None:
    """Says `{}` when the function is there, then one object a line: {"value", "why"} or {"error"}.

    The parent process stops a call that takes too long. After `limit_s` the parent is gone: this process ends itself.
    """
    asked, said = os.fdopen(os.dup(0), encoding="utf-8"), os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)

    def say(body: dict[str, Any]) -> None:
        said.write(json.dumps(body) + "\n")
        said.flush()

    _end_after(limit_s)
    try:
        score = _loaded(file, function)
    except BaseException as error:  # noqa: BLE001  # whatever a user's file raises while it is loaded, exit() too
        say({"error": _told(error, file)})
        return
    say({})
    _end_after("0")
    for line in asked:
        _end_after(limit_s)
        try:
            say(_called(score, json.loads(line)))
        except BaseException as error:  # noqa: BLE001  # one reply's failure is its own
            say({"error": _told(error, file)})
        _end_after("0")


def _end_after(seconds: str) -> None:
    """0: not at all. A signal, since nothing in Python is heard while a regular expression runs away."""
    if hasattr(signal, "alarm"):
        signal.alarm(int(float(seconds)))


def _loaded(file: str, function: str) -> Callable[..., Any]:
    sys.path.insert(0, str(Path(file).parent))
    spec = importlib.util.spec_from_file_location("own_check", file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules["own_check"] = module
    spec.loader.exec_module(module)
    found: Callable[..., Any] = getattr(module, function)
    return found


def _called(score: Callable[..., Any], reply: dict[str, Any]) -> dict[str, Any]:
    taken = inspect.signature(score).parameters.values()
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in taken):
        reply = {name: reply[name] for name in (parameter.name for parameter in taken) if name in reply}
    found, why = score(**reply), ""
    if isinstance(found, tuple) and len(found) == 2:
        found, why = found
    if found is None:
        return {"value": None, "why": str(why)[:_SHOWN]}
    value = None if isinstance(found, (str, bytes)) else float(found)
    if value is None or not 0 <= value <= 1:
        raise ValueError(f"it returned {found!r:.80}; a score is True, False, or a number from 0 to 1")
    return {"value": value, "why": str(why)[:_SHOWN]}


def _told(error: BaseException, file: str) -> str:
    """What was raised, and the last line of the user's file that was at it."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    where = f" (line {lines[-1]})" if lines else ""
    return f"{type(error).__name__}: {error}"[:_SHOWN] + where


if __name__ == "__main__":
    main(*sys.argv[1:])
