"""The commands prompts and models: what there is to run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command import OLDER, promptgrid


@pytest.mark.usefixtures("work")
def test_models_lists_what_each_endpoint_serves() -> None:
    assert "openai/ok" in promptgrid("models").stdout


@pytest.mark.usefixtures("work")
def test_prompts_lists_the_library_with_its_broken_files_and_notes() -> None:
    entries = {entry["name"] for entry in json.loads(promptgrid("prompts", "--json").stdout)}
    assert "sentiment" in entries
    Path("prompts").mkdir()
    Path("prompts/bad.prompty").write_text("---\nname: [\n---\nuser:\nx\n", "utf-8")
    Path("prompts/old.prompty").write_text(OLDER, "utf-8")
    result = promptgrid("prompts")
    bad, old = result.stdout.splitlines()
    assert bad.split()[:2] == ["bad", "broken"]
    assert old.endswith("  Two lines of it.")
    assert "old: model.parameters.tools is not taken over." in result.stderr
