"""The commands and lines of Python in the README and the guides, executed as they stand there.

The README's run on the built-in model, each in a process of its own. The guides' run in this process, and replies are
scripted: whether a command works does not hang on what a model says.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner

from promptgrid.endpoint import Reply, Request, ScriptedEndpoint
from promptgrid.endpoint.settings import read_settings
from promptgrid.prompt import loads

ROOT = Path(__file__).parents[1]
SETTING_UP = ("make ", "python3 -m venv ", "uv venv ")


class Block(NamedTuple):
    """What stands between fences, and the word behind the first."""

    language: str
    text: str


def blocks(document: Path) -> list[Block]:
    return [Block(*match) for match in re.findall(r"^```(\w*)\n(.*?)^```", document.read_text("utf-8"), re.S | re.M)]


def commands(document: Path) -> list[str]:
    return [line for block in blocks(document) if block.language == "sh" for line in block.text.splitlines()]


def code(document: Path) -> list[str]:
    return [block.text for block in blocks(document) if block.language == "python"]


README = ROOT / "README.md"
GUIDES = [path for path in sorted((ROOT / "docs").rglob("*.md")) if path.parent.name != "reference"]  # that is compared
with_commands = pytest.mark.parametrize("guide", [*filter(commands, GUIDES)], ids=lambda path: path.stem)


@pytest.mark.parametrize("document", [README, *GUIDES], ids=lambda path: path.stem)
def test_every_block_is_of_a_kind_that_is_tested(document: Path) -> None:
    assert {block.language for block in blocks(document)} <= {"", "sh", "python", "toml", "prompty", "mermaid"}
    assert all(line.startswith((*SETTING_UP, "promptgrid ")) for line in commands(document))


@pytest.mark.parametrize("command", [line for line in commands(README) if line.startswith("make ")])
def test_make_knows_the_target(command: str) -> None:
    dry = subprocess.run([*shlex.split(command), "-n"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ".venv/bin/" in dry.stdout


@pytest.mark.usefixtures("builtin_home")
def test_the_readme_s_commands_run_as_written_one_after_the_other() -> None:
    for command in (line for line in commands(README) if line.startswith("promptgrid ")):
        done = subprocess.run(
            [sys.executable, "-m", "promptgrid", *shlex.split(command)[1:]], capture_output=True, text=True
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr
    assert Path("out.csv").read_bytes().count(b"\r\n") >= 37


@pytest.mark.usefixtures("builtin_home")
def test_the_readme_s_lines_of_python_run_as_written() -> None:
    (lines,) = code(README)
    done = subprocess.run([sys.executable, "-W", "error", "-c", lines], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "0.7" in done.stdout


@pytest.fixture(scope="module")
def _guides_home(weights_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    from promptgrid import builtin

    folder = tmp_path_factory.mktemp("guides")
    (folder / "cache").mkdir()
    (folder / "cache" / weights_file.name).symlink_to(weights_file)
    yield folder
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROMPTGRID_HOME", str(folder))
        builtin.stop()


@pytest.fixture
def guides_home(_guides_home: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home that the guides share. The built-in model counts and tells probabilities; what it writes is scripted."""
    from promptgrid.builtin.endpoint import BuiltinEndpoint

    monkeypatch.setenv("PROMPTGRID_HOME", str(_guides_home))
    monkeypatch.setenv("PROMPTGRID_BUILTIN_IDLE_S", "120")
    real, scripted = BuiltinEndpoint.complete, ScriptedEndpoint(["positive", "negative", "positive", "mixed"])

    async def complete(self: BuiltinEndpoint, request: Request) -> list[Reply]:
        return await (scripted.complete(request) if request.logprobs is None else real(self, request))

    monkeypatch.setattr(BuiltinEndpoint, "complete", complete)


@with_commands
@pytest.mark.usefixtures("guides_home")
def test_a_guide_s_commands_run_as_written_one_after_the_other(guide: Path) -> None:
    from promptgrid.cli import main
    from promptgrid.store import Database, runs

    Path("README.md").write_text(README.read_text("utf-8"), "utf-8")
    for lines in code(guide):
        if "def score" in lines:
            Path("checks.py").write_text(lines, "utf-8")
    for command in commands(guide):
        older = runs.list_runs(Database())[1:2]  # what RUN stands for
        words = [older[0].id if word == "RUN" else word for word in shlex.split(command)[1:]]
        done = CliRunner().invoke(main, words, catch_exceptions=False)
        assert done.exit_code == 0, f"{command}\n{done.output}"


@pytest.mark.usefixtures("guides_home")
@pytest.mark.parametrize("lines", [lines for guide in GUIDES for lines in code(guide)])
def test_a_guide_s_lines_of_python_run_as_written(lines: str) -> None:
    exec(compile(lines, "guide", "exec"), {})  # noqa: S102  # our own lines


def test_a_guide_s_settings_of_endpoints_are_read(tmp_path: Path) -> None:
    (text,) = [block.text for guide in GUIDES for block in blocks(guide) if block.language == "toml"]
    (tmp_path / "endpoints.toml").write_text(text)
    assert read_settings({}, tmp_path / "endpoints.toml").keys() == tomllib.loads(text).keys()


def test_a_guide_s_prompt_is_one() -> None:
    texts = [block.text for guide in GUIDES for block in blocks(guide) if block.language == "prompty"]
    assert texts
    assert all(loads(text, "review-label").messages[-1].role == "user" for text in texts)
