"""Plans and versions of prompts come back as they were."""

from __future__ import annotations

from dataclasses import replace

import pytest

from promptgrid.cases.table import Case
from promptgrid.errors import LibraryError
from promptgrid.grading import parse_check
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
    with pytest.raises(LibraryError, match="is not known"):
        plans.prompt_at(database, "greet", "ffffff")
