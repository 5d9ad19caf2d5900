"""The README's commands and lines of Python, executed as they stand there."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", README, re.S) for line in block.splitlines()]
SETTING_UP = ("make ", "python3 -m venv ", "uv venv ")


def test_every_command_is_of_a_kind_that_is_tested() -> None:
    assert all(line.startswith((*SETTING_UP, "promptgrid ")) for line in COMMANDS), COMMANDS


@pytest.mark.parametrize("command", [line for line in COMMANDS if line.startswith("make ")])
def test_make_knows_the_target(command: str) -> None:
    dry = subprocess.run([*shlex.split(command), "-n"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ".venv/bin/" in dry.stdout


@pytest.mark.usefixtures("builtin_home")
def test_the_commands_run_as_written_one_after_the_other() -> None:
    Path("README.md").write_text(README, "utf-8")
    for command in (line for line in COMMANDS if line.startswith("promptgrid ")):
        done = subprocess.run(
            [sys.executable, "-m", "promptgrid", *shlex.split(command)[1:]], capture_output=True, text=True
        )
        assert done.returncode == 0 or command == "promptgrid doctor", f"{command}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr
    assert Path("out.csv").read_bytes().count(b"\r\n") >= 37


@pytest.mark.usefixtures("builtin_home")
def test_the_lines_of_python_run_as_written() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, re.S)
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "0.7" in done.stdout


def test_pictures_and_files_that_it_names_are_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("http") or (ROOT / target).exists(), target
    for name in re.findall(r"`(promptgrid/[\w/]+(?:\.py)?)`", README):
        assert (ROOT / name).exists(), name
