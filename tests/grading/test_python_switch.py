"""Checks in Python are off in the dashboard until a line in the config folder switches them on."""

from __future__ import annotations

from pathlib import Path

import pytest

from promptgrid.errors import PlanError
from promptgrid.grading import parse_check
from promptgrid.grading.python_switch import check_switch, switch_file, switched_on

PYTHON = parse_check("own=python:file=own.py")


def switch(text: str) -> None:
    switch_file().parent.mkdir(parents=True, exist_ok=True)
    switch_file().write_text(text, "utf-8")


def test_a_check_in_python_is_refused_with_the_place_to_switch_it_on() -> None:
    with pytest.raises(PlanError, match="'own' runs Python, which is off in the dashboard") as refused:
        check_switch([parse_check("exact"), PYTHON])
    assert f"write the line python_checks = true into {switch_file()}" in refused.value.hint
    assert "promptgrid check RUN --check own=python:file=own.py" in refused.value.hint
    check_switch([parse_check("exact")])


def test_the_line_in_the_config_folder_switches_it_on_and_nothing_else_does(monkeypatch: pytest.MonkeyPatch) -> None:
    for text in ("", "python_checks = false", 'python_checks = "true"', "[other]\npython_checks = true"):
        switch(text)
        assert not switched_on()
    switch("python_checks = true")
    check_switch([PYTHON])


def test_the_start_folder_cannot_switch_it_on(monkeypatch: pytest.MonkeyPatch) -> None:
    (Path("config")).mkdir()
    for path in (Path("settings.toml"), Path("config/settings.toml")):
        path.write_text("python_checks = true", "utf-8")
    Path(".env").write_text(f"PROMPTGRID_HOME={Path.cwd()}\nPYTHON_CHECKS=true\n", "utf-8")
    assert not switched_on()


def test_a_broken_file_is_said() -> None:
    switch("python_checks = yes please")
    with pytest.raises(PlanError, match=r"settings\.toml cannot be read"):
        switched_on()
