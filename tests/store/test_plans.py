"""Plans and versions of prompts come back as they were."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from promptgrid.cases.table import Case
from promptgrid.errors import LibraryError, StaleSave
from promptgrid.grading import parse_check
from promptgrid.library import versions
from promptgrid.library.folder import Library, library_folder
from promptgrid.prompt import Message
from promptgrid.store import Database, plans, runs
from tests.commits import GREETING, greeting_plan, queued

pytestmark = pytest.mark.usefixtures("openai")


def test_a_plan_comes_back_as_it_was(database: Database) -> None:
    plan = greeting_plan(
        techniques=("zero-shot", "few-shot"), temperatures=(0.0, 0.7), samples=3, seed=5, stop=("a", "b"),
        checks=(parse_check("number:tolerance=0.5"),), extra_body={"top_k": 3}, budget="2usd", fresh=True,
        cases=(Case("1", {"name": "Ada"}, "x"),),
    )  # fmt: skip
    assert runs.plan_of(database, queued(database, plan)) == plan


def test_a_copy_under_another_name_has_versions_of_its_own(database: Database) -> None:
    queued(database, greeting_plan())
    queued(database, greeting_plan(prompts=(replace(GREETING, name="copy"),)))
    assert len(plans.versions(database, "greet")) == len(plans.versions(database, "copy")) == 1


def test_a_version_is_kept_whatever_becomes_of_the_file(database: Database) -> None:
    queued(database, greeting_plan())
    assert plans.prompt_at(database, "greet", GREETING.version[:6]) == GREETING
    with pytest.raises(LibraryError, match="no label and no version"):
        plans.prompt_at(database, "greet", "ffffff")


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Library:
    monkeypatch.setenv("PROMPTGRID_PROMPTS", str(tmp_path / "prompts"))
    library = Library(library_folder())
    library.save(GREETING, None)
    return library


def test_a_label_names_a_version_also_on_a_machine_that_never_ran_it(database: Database, library: Library) -> None:
    old = replace(GREETING, messages=(Message("user", "Hi {{ name }}."),))
    versions.set_label(library, old, "production")
    assert plans.named_prompt(database, "greet@production") == old
    assert plans.named_prompt(database, f"{library.path('greet')}@production") == old
    assert plans.named_prompt(database, f"greet@{old.version[:6]}") == old
    assert [version for version, _ in plans.versions(database, "greet")] == [old.version]
    versions.set_label(library, GREETING, "production")
    assert plans.named_prompt(database, "greet@production") == GREETING


@pytest.mark.parametrize(
    ("ref", "message"),
    [
        ("greet@producton", r"no label and no version 'producton'\. Did you mean greet@production\?"),
        ("greet@zzz", r"Labels: production\. Versions kept: [0-9a-f]{6}\."),
        ("greet@", "no label and no version ''"),
        ("gret@production", r"no prompt 'gret' .* Did you mean greet\?"),
    ],
)
def test_an_unknown_label_is_an_error_that_says_what_was_meant(
    ref: str, message: str, database: Database, library: Library
) -> None:
    versions.set_label(library, GREETING, "production")
    with pytest.raises(LibraryError) as raised:
        plans.named_prompt(database, ref)
    assert re.search(message, str(raised.value))


def test_rolling_back_keeps_what_was_current_and_what_is_no_part_of_a_version(
    database: Database, library: Library
) -> None:
    queued(database, greeting_plan())
    path = library.path("greet")
    new = replace(GREETING, messages=(Message("user", "Bye {{ name }}."),), description="Says bye.", tags=("new",))
    library.save(new, library.etag("greet"))
    path.write_text(path.read_text("utf-8").replace("description:", "# by Ada\ndescription:"), "utf-8")
    content = path.read_bytes()

    before, etag = plans.roll_back(database, library, "greet", GREETING.version[:6])
    assert before == content
    assert library.load("greet")[0] == replace(GREETING, description="Says bye.", tags=("new",))
    assert "# by Ada" in path.read_text("utf-8")
    assert plans.prompt_at(database, "greet", new.version) == new

    library.replace("greet", before, etag)
    assert path.read_bytes() == content
    with pytest.raises(StaleSave):
        library.replace("greet", b"", etag)
