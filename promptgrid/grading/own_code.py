"""Checks in the user's own Python: a function in a file, called in a child process with a time limit.

`python:file=checks.py,function=score` calls `score` with those of output, answer, expected and inputs that it accepts.
It returns True or False, a number from 0 to 1, None (not scored), or one of these with an explanation. One running
child serves many replies; a child that hangs is killed and replaced.
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
STRIKES = 5  # children lost in a row before the check gives up
_START_S = 60.0  # heavy imports take long
_LINE = 1_000_000  # bytes of a result
_CHILD = Path(__file__).with_name("child.py")


def pinned(spec: CheckSpec) -> CheckSpec:
    """Returns the check with two options added: the absolute path and the hash of its Python file. So every process
    runs the same code, or notices that the file has changed.

    Raises PlanError for a file that is missing, is not Python, or lacks the function.
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
    """Returns all names that the file's code defines, assigns or imports."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return names


def _sha(source: bytes) -> str:
    return hashlib.sha256(source).hexdigest()[:12]


class OwnCode:
    """Runs a check in the user's Python: its function scores one reply after another in a child process, which starts
    with the first reply. `spec` must come from `pinned`, which adds the file's absolute path and hash. Close it after
    all replies are scored."""

    def __init__(self, spec: CheckSpec) -> None:
        self._spec = spec
        self._file = spec.options["file"]
        self._limit_s = spec.options.get("seconds", LIMIT_S)
        self._child: asyncio.subprocess.Process | None = None
        self._strikes = 0
        self._broken = ""  # the reason why the check cannot be used

    async def verdict(
        self, output: str, answer: str | None, expected: str | None, inputs: Mapping[str, Any]
    ) -> Verdict:
        """Returns the verdict of the user's function on one reply. An error or a timeout gives a verdict that explains
        it and is not scored. Never raises."""
        if not self._broken and self._strikes >= STRIKES:
            self._broken = f"not tried: it crashed or timed out on {STRIKES} replies in a row"
        if not self._broken and self._child is None:
            self._broken = await self._start()
        if self._broken:
            return _failed(self._broken)
        reply = {"output": output, "answer": answer, "expected": expected, "inputs": dict(inputs)}
        try:
            async with asyncio.timeout(self._limit_s):
                result = await self._call(json.dumps(reply))
        except TimeoutError:
            result = {"error": f"it was stopped after {self._limit_s:g} s"}
            await self._strike()
        except (OSError, ValueError) as error:  # the child ended, or its line is too long or not JSON
            result = {"error": f"its process crashed ({error})"}
            await self._strike()
        else:
            self._strikes = 0
        return self._read(result)

    def _read(self, result: Mapping[str, Any]) -> Verdict:
        if "error" in result:
            return _failed(result["error"])
        value, why = result["value"], result["why"]
        if value is None:
            return Verdict(None, why or "not scored: the function returned None")
        passed = value >= self._spec.options.get("min", USUAL_MIN)
        return Verdict(passed, why or f"{self._spec.options['function']} returned {value:g}", value)

    async def _start(self) -> str:
        """Starts the child process and loads the user's file. Returns the reason if the check cannot be used,
        else ""."""
        name = Path(self._file).name
        try:
            sha = _sha(await asyncio.to_thread(Path(self._file).read_bytes))
        except OSError as error:
            return f"{name} cannot be read: {error.strerror}"
        if sha != self._spec.options["sha"]:
            return f"{name} has changed since the check was set up: run the check again to score all replies by it"
        # -P: the folder of child.py has modules with names of the standard library.
        arguments = ("-P", str(_CHILD), self._file, self._spec.options["function"], str(self._limit_s + _START_S))
        devnull, pipe = asyncio.subprocess.DEVNULL, asyncio.subprocess.PIPE
        # In its own session: killing it ends its children too, and Ctrl+C does not reach it.
        self._child = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, stdin=pipe, stdout=pipe, stderr=devnull, limit=_LINE, start_new_session=True
        )
        try:
            async with asyncio.timeout(_START_S):
                result = await self._line()
        except (TimeoutError, OSError, ValueError):
            result = {"error": f"{name} could not be loaded within {_START_S:g} s"}
        if "error" in result:
            await self.aclose()
            return f"{name}: {result['error']}"
        return ""

    async def _call(self, line: str) -> dict[str, Any]:
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
        result: dict[str, Any] = json.loads(line)
        return result

    async def _strike(self) -> None:
        self._strikes += 1
        await self.aclose()

    async def aclose(self) -> None:
        """Kills the child and its own children, which may hold its pipes open."""
        child, self._child = self._child, None
        if child is not None:
            with suppress(ProcessLookupError, PermissionError):
                if sys.platform == "win32":
                    child.kill()
                else:
                    os.killpg(child.pid, signal.SIGKILL)
            await child.communicate()  # closes the pipes


def _failed(why: str) -> Verdict:
    return Verdict(None, f"the check failed: {why}", failed=True)
