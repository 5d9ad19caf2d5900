"""Text that others wrote reaches the terminal without what a terminal obeys."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

import promptgrid.cli
from promptgrid import connections
from promptgrid.cli import main
from promptgrid.cli.output import echo, echo_json
from promptgrid.connections import EndpointState

ESC, CSI, BIDI = "\x1b]0;owned\x07\x1b[2J", "\x9b31m", "\u202egnp.exe"


def printed(*arguments: str) -> str:
    result = CliRunner().invoke(main, arguments, color=True)  # as on a terminal: click removes nothing
    return result.output


def test_the_names_of_models_and_errors_of_endpoints_bring_no_control_characters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    state = EndpointState("e", False, f"It said {ESC}.", (f"m{ESC}", f"n{CSI}", f"o{BIDI}"))
    monkeypatch.setattr(connections, "endpoint_names", lambda: ["e"])
    monkeypatch.setattr(connections, "check", lambda name: state)
    lines = printed("models").splitlines()
    assert [line for line in lines if not line.isprintable()] == []
    assert len(lines) == 4
    as_json = printed("models", "--json")
    assert as_json.rstrip().isprintable()
    assert json.loads(as_json)[0]["models"] == list(state.models)


def test_an_error_brings_no_control_characters(tmp_path: Path) -> None:
    output = printed("run", str(tmp_path / f"no{ESC}.prompty"))
    assert "no ]0;owned" in output
    assert output.replace("\n", "").isprintable()


def test_lines_stay_and_json_keeps_its_data(capsys: pytest.CaptureFixture[str]) -> None:
    echo(f"one{ESC}\ntwo\u3000三")
    echo_json(json.dumps({"a": f"{ESC}{CSI}{BIDI}\u3000😀"}, ensure_ascii=False, indent=2))
    first, second, *rest = capsys.readouterr().out.splitlines()
    assert (first, second) == ("one ]0;owned  [2J", "two 三")
    assert all(line.isprintable() for line in rest)
    assert json.loads("".join(rest)) == {"a": f"{ESC}{CSI}{BIDI}\u3000😀"}


def test_every_command_prints_by_the_functions_that_remove_them() -> None:
    folder = Path(promptgrid.cli.__file__).parent
    bare = [
        path.name
        for path in folder.glob("*.py")
        if re.search(r"click\.s?echo|(?<![\w.])print\(", path.read_text("utf-8"))
    ]
    assert bare == ["output.py"]
