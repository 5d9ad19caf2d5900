"""The rating of one reply, as the pages draw it: kept at once, one for each judge, cleared with one click."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import TextInput

from promptgrid import api
from promptgrid.prompt import Message, Prompt
from promptgrid.runner import client
from promptgrid.store import Database, ratings, runs
from promptgrid.store.ratings import Rating

pytestmark = pytest.mark.usefixtures("openai")


@pytest.fixture(autouse=True)
def _name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "ada")


@pytest.fixture
def run_id(database: Database) -> str:
    prompt = Prompt("greet", (Message("user", "Hi {{ name }}"),))
    return client.submit(database, api.plan(prompt, [{"name": "Ada"}, {"name": "Bo"}], models="openai/m"))


def page(run_id: str) -> None:
    from promptgrid.ui.compare.rating import rating_widget
    from promptgrid.ui.server import database

    rating_widget(database(), run_id, 0)


def opened(run_id: str) -> AppTest:
    return AppTest.from_function(page, args=(run_id,), default_timeout=20).run()


def note(at: AppTest) -> TextInput:
    return next(field for field in at.text_input if field.label == "Note on this reply")


def name(at: AppTest) -> TextInput:
    return next(field for field in at.text_input if field.label.startswith("Votes and ratings"))


def test_thumbs_stars_and_note_are_kept_as_one_rating(database: Database, run_id: str) -> None:
    at = opened(run_id)
    at.feedback[0].set_value(1).run()
    assert ratings.listed(database, run_id) == [Rating(0, "ada", 1.0, "thumb", "")]
    note(at).set_value("too long").run()
    at.feedback[1].set_value(1).run()
    assert ratings.listed(database, run_id) == [Rating(0, "ada", 0.25, "stars", "too long")]
    assert at.feedback[0].value is None  # one rating, on one scale
    again = opened(run_id)
    assert (again.feedback[1].value, note(again).value) == (1, "too long")
    next(button for button in again.button if button.label == "Clear").click().run()
    assert ratings.listed(database, run_id) == []
    assert (again.feedback[1].value, note(again).value) == (None, "")
    again.button(key=f"rating_{run_id}_0_ada_changes_undo").click().run()
    assert ratings.listed(database, run_id) == [Rating(0, "ada", 0.25, "stars", "too long")]
    assert (again.feedback[1].value, note(again).value) == (1, "too long")
    again.feedback[1].set_value(4).run()
    assert "Your rating was: 2 of 5, “too long”." in again.caption[0].value.replace("\\", "")
    again.button(key=f"rating_{run_id}_0_ada_changes_undo").click().run()
    assert ratings.listed(database, run_id)[0].mark == 2
    assert [button.label for button in again.button] == ["Clear"]


def test_a_note_and_a_mark_in_one_step_lose_neither(database: Database, run_id: str) -> None:
    at = opened(run_id)
    note(at).set_value("good")
    at.feedback[0].set_value(1).run()
    assert ratings.listed(database, run_id) == [Rating(0, "ada", 1.0, "thumb", "good")]


def test_each_name_has_a_rating_of_its_own_and_sees_the_others(database: Database, run_id: str) -> None:
    ratings.put(database, run_id, Rating(0, "<b>bo</b>", 0.75, "stars", "![](http://a.b/c.png)"))
    at = opened(run_id)
    assert at.feedback[1].value is None
    name(at).set_value("cy").run()
    at.feedback[0].set_value(0).run()
    assert {r.owner: r.mark for r in ratings.listed(database, run_id)} == {"<b>bo</b>": 4, "cy": 0}
    assert name(opened(run_id)).value == "cy"  # the next visit begins with the name typed last


def test_a_run_removed_in_another_tab_is_said(database: Database, run_id: str) -> None:
    at = opened(run_id)
    runs.forget(database, run_id)
    at.feedback[0].set_value(1).run()
    assert "nothing was kept" in at.error[0].value
    assert not at.exception
