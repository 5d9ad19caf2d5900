"""An address with wrong values opens each page all the same."""

from __future__ import annotations

import pytest
import streamlit as st

from promptgrid.store import Database
from promptgrid.ui import links
from promptgrid.ui.compare.view_state import _NAMES
from tests.running import a_plan, a_run
from tests.ui.pages import opened, press, ran, shown

PAGES = ["", "1_Compose.py", "2_Run.py", "3_Compare.py", "4_Library.py", "5_Settings.py", "6_Curves.py", "7_Judge.py",
         "8_Tokens.py", "9_Next_word.py", "10_Chat.py",
         "11_History.py", "12_Tune.py", "13_Documents.py", "14_Cases.py", "16_Improve.py"]  # fmt: skip
NAMES = [
    "run",
    "prompt",
    "prompts",
    "chat",
    "against",
    "changes",
    "change",
    "view",
    "with",
    "case",
    "variant",
    "sample",
]
WRONG = ["-" + "9" * 30, "<b>\0[x](http://x)"]


@pytest.mark.parametrize("file", PAGES)
@pytest.mark.parametrize("value", WRONG)
def test_a_page_opens_whatever_its_address_names(database: Database, file: str, value: str) -> None:
    opened(file, **dict.fromkeys([*NAMES, *_NAMES.values()], value))


@pytest.mark.usefixtures("endpoint")
@pytest.mark.parametrize("file", ["2_Run.py", "3_Compare.py", "6_Curves.py", "7_Judge.py"])
@pytest.mark.parametrize("value", WRONG)
def test_a_page_of_a_run_opens_whatever_else_its_address_names(database: Database, file: str, value: str) -> None:
    wrong = dict.fromkeys([*NAMES, *_NAMES.values()], value)
    ran(opened(file, **{**wrong, "run": a_run(database, a_plan(words=2, temperatures=[0, 1]))}))


def test_a_run_that_is_not_there_cannot_be_changed_and_run_again(database: Database) -> None:
    page = opened("2_Run.py", run="no-such-run")
    assert 'no run that starts with "no-such-run"' in shown(page)
    assert "run_again" not in [button.key for button in page.button]


@pytest.mark.usefixtures("endpoint")
def test_a_run_named_by_the_start_of_its_id_can_be_changed_and_run_again(database: Database) -> None:
    run_id = a_run(database, a_plan(words=2))
    press(opened("2_Run.py", run=run_id[:4]), "run_again")


class _Sent(dict[str, str]):
    """Query parameters that remember what is sent to the browser."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[tuple[str, str]] = []

    def get_all(self, name: str) -> list[str]:
        return [self[name]] if name in self else []

    def __setitem__(self, name: str, value: str) -> None:
        super().__setitem__(name, value)
        self.sent.append((name, value))


def test_an_address_that_has_a_parameter_already_is_not_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it would arrive after Back, and change the address of the page before."""
    parameters = _Sent()
    monkeypatch.setattr(st, "query_params", parameters)
    for value in ("a", "a", "b"):
        links.set_parameter("prompt", value)
    assert parameters.sent == [("prompt", "a"), ("prompt", "b")]
