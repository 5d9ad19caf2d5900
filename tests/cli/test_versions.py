"""The commands versions, label and rollback, and a label wherever a prompt is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from promptgrid import api
from promptgrid.library.folder import Library, library_folder
from promptgrid.store import Database, runs
from tests.command import LABEL, promptgrid

pytestmark = pytest.mark.usefixtures("work")


@pytest.fixture
def library() -> Library:
    """The folder ./prompts with the prompt `label`, whose first version has the label production."""
    Path("prompts").mkdir()
    Path("prompts/label.prompty").write_text(LABEL, "utf-8")
    library = Library(library_folder())
    assert promptgrid("label", "label", "production", "--note", "Signed.").exit_code == 0
    Path("prompts/label.prompty").write_text(LABEL.replace("You label.", "You grade."), "utf-8")
    return library


def test_a_label_is_put_on_a_version_moved_and_removed(library: Library) -> None:
    now = library.load("label")[0].version
    listed = json.loads(promptgrid("versions", "label", "--json").stdout)
    assert [(v["current"], v["labels"], v["note"]) for v in listed] == [
        (True, [], ""),
        (False, ["production"], "Signed."),
    ]
    old = listed[1]["version"]
    assert f"label@production is {now[:6]}, before {old[:6]}." in promptgrid("label", "label", "production").stdout
    assert "current  production" in promptgrid("versions", "label").stdout
    assert "label @production" in promptgrid("prompts").stdout
    promptgrid("label", "label", "production", "--remove")
    assert "production" not in promptgrid("versions", "label").stdout
    assert promptgrid("label", "label").exit_code == 2


def test_a_labelled_version_is_planned_run_and_loaded(library: Library, database: Database) -> None:
    old = api.load("label@production")
    assert old.messages[0].text == "You label."
    run = ("label@production", "label", "--model", "openai/ok")
    assert json.loads(promptgrid("plan", *run, "--json").stdout)["cells"] == 2
    assert promptgrid("run", *run, "--json").exit_code == 0
    prompts = runs.plan_of(database, runs.find_run(database, "last").id).prompts
    assert [prompt.version for prompt in prompts] == [old.version, library.load("label")[0].version]


def test_an_unknown_label_ends_the_command_with_what_was_meant(library: Library) -> None:
    result = promptgrid("plan", "label@produktion", "--model", "openai/ok")
    assert result.exit_code == 2
    assert "Did you mean label@production?" in result.stderr


def test_a_prompt_is_rolled_back_and_the_way_back_is_said(library: Library) -> None:
    new, old = library.load("label")[0], api.load("label@production")
    result = promptgrid("rollback", "label", "production")
    assert f"label has the version {old.version[:6]}." in result.stdout
    assert library.load("label")[0].version == old.version
    assert f"promptgrid rollback label {new.version[:6]}" in result.stdout
    promptgrid("rollback", "label", new.version[:6])
    assert library.load("label")[0] == new
    again = promptgrid("rollback", "label", new.version[:6])
    assert again.stdout == f"label has the version {new.version[:6]} already.\n"
