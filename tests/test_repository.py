"""What stands around the code says what is so: links lead somewhere, CI and the hook run what a person runs."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from promptgrid.export import COLUMNS
from tests.places import ORDER

ROOT = Path(__file__).parents[1]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")]


def loaded(path: str) -> Any:
    return YAML(typ="safe", pure=True).load(ROOT / path)


@pytest.mark.parametrize("document", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_and_files_that_a_page_names_are_there(document: Path) -> None:
    text = document.read_text("utf-8")
    missing = [
        target
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text)
        if "://" not in target and not (document.parent / target).exists()
    ]
    missing += [name for name in re.findall(r"`((?:promptgrid|tests|pages)/[\w/]+\.\w+)`", text)
                if not (ROOT / name).exists()]  # fmt: skip
    assert missing == []


@pytest.mark.parametrize(("page", "least"), [("security", 40), ("promises", 15)])
def test_the_tests_that_a_page_on_promises_names_are_there(page: str, least: int) -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", (ROOT / f"docs/{page}.md").read_text("utf-8"))
    assert len(named) >= least
    missing = [name for path, name in named if not re.search(rf"^def {name}\(", (ROOT / path).read_text("utf-8"), re.M)]
    assert missing == []


def test_the_architecture_places_every_room() -> None:
    text = (ROOT / "docs/architecture.md").read_text("utf-8")
    assert [room for room in ORDER if f"`{room}`" not in text] == []


def test_the_guide_to_the_results_file_has_every_column() -> None:
    text = (ROOT / "docs/guides/results-file.md").read_text("utf-8")
    assert [column for column in COLUMNS if f"`{column.replace('*', 'NAME')}`" not in text] == []


def test_github_runs_what_every_other_ci_runs() -> None:
    job = loaded(".github/workflows/ci.yml")["jobs"]["run"]
    assert [step["run"] for step in job["steps"] if "run" in step] == ["bash .ci/run"]
    script = (ROOT / ".ci/run").read_text("utf-8")
    assert "make check" in script
    assert "make test" in script


def test_the_hook_runs_make_check_and_fetches_nothing() -> None:
    (repository,) = loaded(".pre-commit-config.yaml")["repos"]
    (hook,) = repository["hooks"]
    assert (repository["repo"], hook["language"], hook["entry"]) == ("local", "system", "make check")
    dry = subprocess.run(["make", "check", "-n"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert all(tool in dry.stdout for tool in ("ruff check", "ruff format --check", "mypy"))


@pytest.mark.parametrize("form", ["bug", "idea"])
def test_issue_forms_are_ones_that_github_reads(form: str) -> None:
    body = loaded(f".github/ISSUE_TEMPLATE/{form}.yml")["body"]
    assert {item["type"] for item in body} <= {"markdown", "textarea", "input", "dropdown", "checkboxes"}
    ids = [item["id"] for item in body if item["type"] != "markdown"]
    assert len(ids) == len(set(ids))


def test_the_changelog_has_what_comes_next_and_each_version_with_its_day() -> None:
    heads = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M)
    assert heads[0] == "Unreleased"
    released = [re.fullmatch(r"(\d+\.\d+\.\d+) \((\d{4}-\d\d-\d\d)\)", head) for head in heads[1:]]
    assert all(released), heads
    versions = [(head[2], head[1]) for head in released if head]
    assert versions == sorted(versions, reverse=True)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["version"] == versions[0][1]
