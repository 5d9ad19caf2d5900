"""Checks in a user's own Python: a function of a file, in a child process, bounded in time.

`python:file=checks.py,function=score` calls `score` with those of the names output, answer, expected and inputs that it
takes. It returns True or False, a number from 0 to 1, None (not scored), or one of these with an explanation. One warm
child serves many replies; when it hangs it is killed, and another is started.
"""

from __future__ import annotations

import ast
import asyncio
import hashlib
import json
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from promptgrid.errors import PlanError
from promptgrid.grading.spec import CheckSpec
from promptgrid.grading.subject import Verdict
from promptgrid.suggestions import did_you_mean

FUNCTION = "score"
LIMIT_S = 5.0
USUAL_MIN = 0.5
STRIKES = 5  # children lost in a row: what comes after is not tried
_START_S = 60.0  # imports may be heavy
_LINE = 1_000_000  # bytes of an answer
_CHILD = Path(__file__).with_name("child.py")


def pinned(spec: CheckSpec) -> CheckSpec:
    """The check with its file's whole path and hash, so that it means the same wherever and whenever it is carried out.

    Raises PlanError for a file that is not there, that is no Python, or that has no such function.
    """
    path = Path(spec.options["file"]).expanduser().absolute()
    function = spec.options.get("function", FUNCTION)
    try:
        source = path.read_bytes()
    except OSError as error:
        beside = [other.name for other in path.parent.glob("*.py")] if path.parent.is_dir() else []
        hint = did_you_mean(path.name, beside, "Check the path.")
        raise PlanError(f"Cannot read {path}: {error.strerror}.", hint=hint) from error
    try:
        names = _names(ast.parse(source))
    except (SyntaxError, ValueError, RecursionError) as error:
        raise PlanError(f"{path} is not Python: {error}.") from error
    if function not in names and "*" not in names:
        hint = did_you_mean(function, names, "Name it: python:file=…,function=NAME.")
        raise PlanError(f"{path} has no function {function!r}.", hint=hint)
    return CheckSpec(
        spec.name, spec.kind, {**spec.options, "file": str(path), "function": function, "sha": _sha(source)}
    )


def _names(tree: ast.Module) -> set[str]:
    """What the file defines or imports at its top level."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
    return found


def _sha(source: bytes) -> str:
    return hashlib.sha256(source).hexdigest()[:12]


class OwnCode:
    """The child process of one pinned check; to be closed when all replies are scored."""

    def __init__(self, spec: CheckSpec) -> None:
        self._spec = spec
        self._file = spec.options["file"]
        self._limit_s = spec.options.get("seconds", LIMIT_S)
        self._child: asyncio.subprocess.Process | None = None
        self._strikes = 0
        self._broken = ""  # why it cannot be used at all

    async def verdict(
        self, output: str, answer: str | None, expected: str | None, inputs: Mapping[str, str]
    ) -> Verdict:
        """What the function says of one reply; whatever goes wrong in it is told, and scores nothing. Never raises."""
        if not self._broken and self._strikes >= STRIKES:
            self._broken = f"not tried: it was stopped or broke down on {STRIKES} replies in a row"
        if not self._broken and self._child is None:
            self._broken = await self._started()
        if self._broken:
            return _failed(self._broken)
        reply = {"output": output, "answer": answer, "expected": expected, "inputs": dict(inputs)}
        try:
            async with asyncio.timeout(self._limit_s):
                said = await self._asked(json.dumps(reply))
        except TimeoutError:
            said = {"error": f"it was stopped after {self._limit_s:g} s"}
            await self._strike()
        except (OSError, ValueError) as error:  # its end, or a line that is too long or no JSON
            said = {"error": f"its process broke down ({error})"}
            await self._strike()
        else:
            self._strikes = 0
        return self._read(said)

    def _read(self, said: Mapping[str, Any]) -> Verdict:
        if "error" in said:
            return _failed(said["error"])
        value, why = said["value"], said["why"]
        if value is None:
            return Verdict(None, why or "not scored: the function returned None")
        passed = value >= self._spec.options.get("min", USUAL_MIN)
        return Verdict(passed, why or f"{self._spec.options['function']} returned {value:g}", value)

    async def _started(self) -> str:
        """Starts the child; returns why it cannot be used, if it cannot."""
        name = Path(self._file).name
        try:
            sha = _sha(await asyncio.to_thread(Path(self._file).read_bytes))
        except OSError as error:
            return f"{name} cannot be read: {error.strerror}"
        if sha != self._spec.options["sha"]:
            return f"{name} has changed since the check was set up: run the check again to score all replies by it"
        # -P: the folder of child.py has modules named as the standard library's.
        arguments = ("-P", str(_CHILD), self._file, self._spec.options["function"], str(self._limit_s + _START_S))
        devnull, pipe = asyncio.subprocess.DEVNULL, asyncio.subprocess.PIPE
        # In a session of its own: what it starts ends with it, and Ctrl+C is ours.
        self._child = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, stdin=pipe, stdout=pipe, stderr=devnull, limit=_LINE, start_new_session=True
        )
        try:
            async with asyncio.timeout(_START_S):
                said = await self._line()
        except (TimeoutError, OSError, ValueError):
            said = {"error": f"{name} could not be loaded within {_START_S:g} s"}
        if "error" in said:
            await self.aclose()
            return f"{name}: {said['error']}"
        return ""

    async def _asked(self, line: str) -> dict[str, Any]:
        assert self._child is not None
        assert self._child.stdin is not None
        self._child.stdin.write(line.encode() + b"\n")
        await self._child.stdin.drain()
        return await self._line()

    async def _line(self) -> dict[str, Any]:
        assert self._child is not None
        assert self._child.stdout is not None
        line = await self._child.stdout.readline()
        if not line:
            raise ConnectionError(f"exit code {await self._child.wait()}")
        said: dict[str, Any] = json.loads(line)
        return said

    async def _strike(self) -> None:
        self._strikes += 1
        await self.aclose()

    async def aclose(self) -> None:
        """Ends the child, if there is one, with all that it has started: they may hold its pipes."""
        child, self._child = self._child, None
        if child is not None:
            with suppress(ProcessLookupError, PermissionError):
                if sys.platform == "win32":
                    child.kill()
                else:
                    os.killpg(child.pid, signal.SIGKILL)
            await child.communicate()  # the pipes are closed with it


def _failed(why: str) -> Verdict:
    return Verdict(None, f"the check failed: {why}", failed=True)
