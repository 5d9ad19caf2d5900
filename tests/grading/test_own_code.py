"""Checks in a user's own Python: real child processes."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from promptgrid.errors import PlanError
from promptgrid.grading import Verdict, own_code, parse_check
from promptgrid.grading.own_code import OwnCode, pinned
from tests.running import kill, process, until


def judged(
    folder: Path, source: str, outputs: Sequence[str] = ("hello",), options: str = "", **case: Any
) -> list[Verdict]:
    """What the file's function says of these outputs, in one child."""
    path = folder / "checks.py"
    path.write_text(source)
    spec = pinned(parse_check(f"python:file={path}{options}"))
    reply: dict[str, Any] = {"answer": "a", "expected": "e", "inputs": {}} | case

    async def ask() -> list[Verdict]:
        code = OwnCode(spec)
        try:
            return [await code.verdict(output, **reply) for output in outputs]
        finally:
            await code.aclose()

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("body", "value", "passed", "why"),
    [
        ("return 'ell' in output", 1.0, True, "score returned 1"),
        ("return False, 'no ell'", 0.0, False, "no ell"),
        ("return 0.4", 0.4, False, "score returned 0.4"),
        ("return 0.5, 'half'", 0.5, True, "half"),
        ("return None", None, None, "not scored: the function returned None"),
        ("return None, 'nothing to see'", None, None, "nothing to see"),
        ("print('noise'); import sys; sys.stdout.flush(); return True", 1.0, True, "score returned 1"),
        ("import os; os.write(1, b'noise'); return True", 1.0, True, "score returned 1"),
        ("import numpy; return numpy.float32(0.25)", 0.25, False, "score returned 0.25"),
    ],
)
def test_a_function_scores(tmp_path: Path, body: str, value: float | None, passed: bool | None, why: str) -> None:
    assert judged(tmp_path, f"def score(output):\n    {body}\n") == [Verdict(passed, why, value)]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("raise ValueError('odd')", "ValueError: odd (line 2)"),
        ("return 7", "it returned 7; a score is"),
        ("return float('nan')", "it returned nan"),
        ("return 'good'", "it returned 'good'"),
        ("return [1]", "TypeError"),
        ("exit()", "SystemExit"),
        ("import os; os._exit(3)", "its process crashed (exit code 3)"),
        ("return True, 'x' * 3_000_000", None),
    ],
)
def test_a_function_that_goes_wrong_is_a_failed_check_and_no_zero(tmp_path: Path, body: str, says: str | None) -> None:
    first, second = judged(tmp_path, f"def score(output):\n    {body}\n", ["a", "b"])
    if says is None:
        assert (first.value, len(first.why)) == (1.0, 1000)
        return
    assert (first.value, first.passed, first.failed) == (None, None, True)
    assert says in first.why
    assert says in second.why


def test_the_function_gets_what_it_takes(tmp_path: Path) -> None:
    source = "def score(inputs, expected, **rest):\n    return True, f'{inputs} {expected} {sorted(rest)}'\n"
    (verdicts,) = judged(tmp_path, source, inputs={"a": "\ud800é"}, expected=None)
    assert verdicts.why.endswith("None ['answer', 'output']")


def test_a_loop_is_stopped_and_the_next_reply_is_scored_by_a_new_child(tmp_path: Path) -> None:
    source = "import os\ndef score(output):\n    while output == 'loop': pass\n    return True, str(os.getpid())\n"
    started = time.monotonic()
    before, loop, after, again = judged(tmp_path, source, ["a", "loop", "b", "c"], ",seconds=1")
    assert time.monotonic() - started < 30
    assert loop == Verdict(None, "the check failed: it was stopped after 1 s", failed=True)
    assert before.why != after.why == again.why
    for pid in (before.why, after.why):
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_what_a_function_leaves_running_holds_nothing_up(tmp_path: Path) -> None:
    source = f"""
import os, time
def score(output):
    if output == "fork" and os.fork() == 0:
        open({str(tmp_path / "pid")!r}, "w").write(str(os.getpid()))
        time.sleep(600)
    while output == "fork":
        pass
    return True
"""
    stopped, scored = judged(tmp_path, source, ["fork", "fine"], ",seconds=5")
    assert "stopped after 5 s" in stopped.why
    assert scored.passed
    until(lambda: gone(int((tmp_path / "pid").read_text())))


@pytest.mark.skipif(not hasattr(signal, "alarm"), reason="there are no alarms here")
def test_a_loop_ends_though_who_asked_for_it_was_killed(tmp_path: Path) -> None:
    (tmp_path / "checks.py").write_text(
        f"import os\ndef score(output):\n    open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\n"
        "    while True: pass\n"
    )
    asking = f"""
import asyncio
from promptgrid.grading import own_code, parse_check
own_code._START_S = 2.0
code = own_code.OwnCode(own_code.pinned(parse_check("python:file={tmp_path / "checks.py"},seconds=3")))
asyncio.run(code.verdict("", None, None, {{}}))
"""
    with process(tmp_path, "-c", asking) as child:
        until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
        kill(child)
    until(lambda: gone(int((tmp_path / "pid").read_text())))


def gone(pid: int) -> bool:
    """The process has ended, whether or not somebody has asked how."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
    return False


def test_who_hangs_on_every_reply_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_code, "STRIKES", 2)
    source = "import time\ndef score(output):\n    time.sleep(3600)\n"
    *_, last = judged(tmp_path, source, ["a"] * 50, ",seconds=0.2")
    assert last.why == "the check failed: not tried: it crashed or timed out on 2 replies in a row"


def test_a_file_that_cannot_be_loaded_fails_every_reply_and_starts_once(tmp_path: Path) -> None:
    source = "open('count', 'a').write('x')\nraise RuntimeError('no')\ndef score(output): pass\n"
    verdicts = judged(tmp_path, source, ["a"] * 5)
    assert {one.why for one in verdicts} == {"the check failed: checks.py: RuntimeError: no (line 2)"}
    assert Path("count").read_text() == "x"


def test_modules_beside_the_file_can_be_imported(tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("LIMIT = 3\n")
    source = "import numbers, helper\ndef score(output):\n    return len(output) <= helper.LIMIT\n"
    assert [one.value for one in judged(tmp_path, source, ["abc", "abcd"])] == [1.0, 0.0]


def test_a_file_that_changed_since_scores_nothing(tmp_path: Path) -> None:
    path = tmp_path / "checks.py"
    path.write_text("def score(output): return True\n")
    spec = pinned(parse_check(f"python:file={path}"))
    path.write_text("def score(output): return False\n")

    async def ask() -> Verdict:
        return await OwnCode(spec).verdict("x", None, None, {})

    verdicts = asyncio.run(ask())
    assert verdicts.failed
    assert "has changed since" in verdicts.why
    assert pinned(spec) != spec


@pytest.mark.parametrize(
    ("check", "says"),
    [
        ("python:file=chekcs.py", "Did you mean checks.py?"),
        ("python:file=checks.py,function=scores", "Did you mean score?"),
        ("python:file=broken.py", "is not Python"),
        ("python:file=.", "Cannot read"),
    ],
)
def test_a_file_or_function_that_is_not_there_is_told_before(tmp_path: Path, check: str, says: str) -> None:
    Path("checks.py").write_text("def score(output): return True\n")
    Path("broken.py").write_text("def score(:\n")
    with pytest.raises(PlanError) as caught:
        pinned(parse_check(check))
    assert says in str(caught.value)


def test_a_pinned_check_is_written_as_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "my checks, too.py"
    path.write_text("from math import *\n")
    spec = pinned(parse_check(f'python:file="{path}",function=sqrt'))
    assert parse_check(str(spec)) == spec
