"""Three lines of Python, against the hostile endpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from promptgrid import Message, Prompt, api, plan, run
from promptgrid.errors import CasesError, LibraryError
from promptgrid.export import columns_for, read_csv, write_csv

pytestmark = pytest.mark.usefixtures("endpoint")
PROMPT = Prompt("say", (Message("user", "Say {{ word }}."),))


def test_a_run_is_a_data_frame_with_one_row_a_cell() -> None:
    counts: list[int] = []
    frame = run(
        plan(PROMPT, [{"word": "hi", "expected": "hi"}], models="openai/ok", temperatures=[0, 1]),
        progress=lambda state: counts.append(state.done),
    )
    assert isinstance(frame, pd.DataFrame)
    assert list(frame.columns) == list(columns_for(["word"], ["contains"]))
    assert list(frame["temperature"]) == [0.0, 1.0]
    assert frame["output"].str.contains("Say hi.").all()
    assert list(frame["score.contains"]) == [1.0, 1.0]
    assert counts[-1] == 2


def test_prompts_are_taken_from_the_library_with_their_own_cases() -> None:
    this_plan = plan("sentiment", models="openai/ok")
    assert this_plan.prompts[0].name == "sentiment"
    assert len(this_plan.cases) >= 12


def test_a_prompt_without_cases_runs_on_its_examples(tmp_path: Path) -> None:
    file = tmp_path / "own.prompty"
    file.write_text("---\nname: own\ninputs:\n  - {name: word, example: hello}\n---\nuser:\n{{ word }}\n", "utf-8")
    assert [dict(case.inputs) for case in plan(file, models="openai/ok").cases] == [{"word": "hello"}]


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match="sentiment"):
        api.load("sentimental")
    with pytest.raises(CasesError, match=r"none\.csv"):
        plan(PROMPT, "none.csv")


def test_half_a_character_in_an_input_does_not_take_the_data_frame() -> None:
    frame = run(plan(PROMPT, [{"word": "a\ud800b"}, {"word": "ok"}], models="openai/ok"))
    assert list(frame["var.word"]) == ["a\ud800b", "ok"]
    assert list(frame["status"]) == ["failed", "answered"]
    assert frame["sample"].dtype.kind == "i"


def test_the_results_file_is_read_with_numbers_for_scores_and_text_for_ids(tmp_path: Path) -> None:
    """As the guide to the results file has it."""
    path = tmp_path / "out.csv"
    rows: list[dict[str, Any]] = [
        {"case_id": "007", "answer": "NA", "score.label": 1.0, "sample": 0},
        {"case_id": "008", "answer": "", "score.label": None, "sample": 1},
    ]
    with path.open("wb") as file:
        write_csv(rows, file, variables=[], checks=["label"])
    numbers = {"score.label": [""]}
    alone = pd.read_csv(path, keep_default_na=False, dtype={"case_id": str}, na_values=numbers)
    for frame in (pd.DataFrame(read_csv(path)), alone):
        assert list(frame["case_id"]) == ["007", "008"]
        assert list(frame["answer"]) == ["NA", ""]
        assert frame["score.label"].mean() == 1.0
        assert frame["sample"].dtype.kind == "i"


def test_what_a_plan_should_be_warned_of_is_a_warning_or_is_shown(tmp_path: Path) -> None:
    file = tmp_path / "add.prompty"
    front = "metadata: {answer: {kind: number}}\nnonsense: 1\ninputs:\n  - {name: a}\n"
    file.write_text(f"---\n{front}---\nuser:\nAdd {{{{ a }}}}.\n", "utf-8")
    cases = [{"a": 1, "expected": "2"}, {"a": 2, "expected": "two or three"}]
    with pytest.warns(UserWarning, match="add") as warned:
        plan(file, cases, models="openai/ok")
    texts = [str(warning.message) for warning in warned]
    assert [text for text in texts if "nonsense" in text] == [f"add: {note}" for note in api.load(file).notes]
    assert any("1 of 2 cases are not scored (2)" in text for text in texts)
    assert [warning.filename for warning in warned] == [__file__] * len(texts)
    shown: list[str] = []
    plan(file, cases, models="openai/ok", show=shown.append)
    assert shown == texts
    shown.clear()
    plan(file, cases, models="openai/ok", show=shown.append, doubts=False)
    assert shown == [text for text in texts if "scored" not in text]


def test_a_case_of_five_megabytes_is_named_and_the_others_are_planned() -> None:
    prompt, notes = Prompt("repeat", (Message("user", "Repeat: {{ text }}"),)), list[str]()
    rows = [{"text": "a"}, {"text": "x" * 5_000_000}, {"text": "c"}]
    assert [case.id for case in plan(prompt, rows, show=notes.append).cases] == ["1", "3"]
    assert "case 2 left out: more than 2,000,000 characters, which no prompt takes" in notes
    with pytest.raises(CasesError, match="No case can be run: case 1 left out"):
        plan(prompt, rows[1:2], show=notes.append)
