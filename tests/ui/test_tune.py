"""The page Tune: a training file out of a run, and a file of the user's own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from promptgrid import api
from promptgrid.builtin import adapters
from promptgrid.paths import install_command
from promptgrid.prompt import AnswerRule, Message, Prompt
from promptgrid.store import Database
from promptgrid.tuning import jobs
from promptgrid.tuning.job import TuningJob, TuningState
from promptgrid.tuning.settings import TuningSettings
from tests.faults.server import HostileServer
from tests.ui.pages import opened, press, ran, shown

FILE = "12_Tune.py"


@pytest.fixture
def checked_run(database: Database, hostile: HostileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", hostile.url)
    hostile.answer = lambda body: "red" if body.get("temperature") == 0 else "blue"
    rule = AnswerRule("label", ("red", "blue"))
    prompt = Prompt("colour", (Message("user", "Colour of {{ thing }}?"),), answer=rule)
    rows = [{"thing": f"thing {n}", "expected": "red"} for n in range(20)]
    api.run(api.plan(prompt, rows, models="openai/ok", temperatures=[0, 1]))


def test_without_runs_the_page_says_what_to_do(database: Database) -> None:
    assert "No runs yet" in shown(opened(FILE))


@pytest.mark.usefixtures("checked_run")
def test_a_run_becomes_a_file_and_its_faults_are_listed() -> None:
    page = press(opened(FILE), "tune_make")
    assert "from checks" in shown(page)
    assert "kept for the verdict" in shown(page)
    (faults,) = page.dataframe
    assert set(faults.value["what"]) >= {"every example has the same reply"}
    page.selectbox(key="tune_method").select("kto")
    page = press(ran(page), "tune_make")
    assert page.selectbox(key="tune_dialect_kto").options == ["trl"]
    assert "nothing is wrong with it" in shown(page)


def test_a_file_of_the_users_own_is_checked(database: Database) -> None:
    page = opened(FILE)
    lines = [json.dumps({"messages": [{"role": "user", "content": "Hi"}]}), "not json"]
    page.file_uploader(key="tune_file").upload("own.jsonl", "\n".join(lines).encode(), "application/jsonl")
    page = ran(page)
    assert "would refuse this file" in shown(page)
    (faults,) = page.dataframe
    assert {"a line that is not JSON", "the last message is not the assistant's"} <= set(faults.value["what"])


@pytest.mark.usefixtures("checked_run")
def test_without_the_extra_the_page_says_what_is_missing_and_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "PACKAGES", ("json", "no_such_package"))
    page = opened(FILE)
    assert "not installed: no_such_package, about 1.2 GB" in shown(page)
    assert install_command("tune") in shown(page)


@pytest.mark.usefixtures("checked_run")
def test_a_run_is_tuned_on_with_one_press_by_the_rule_of_its_prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "missing", list)
    monkeypatch.setattr(jobs, "_spawn", lambda job: None)
    monkeypatch.setattr("promptgrid.builtin.weights.require", lambda: Path(__file__))
    page = opened(FILE)
    page.selectbox(key="tuning_target").select("expected")
    page = press(ran(page), "tuning_start")
    (job,) = jobs.jobs()
    assert job.name == "tuned-1"
    assert job.settings().rule == AnswerRule("label", ("red", "blue"))
    cases = [{example["messages"][0]["content"] for example in job.examples(part)} for part in ("learn", "held_out")]
    assert cases[0].isdisjoint(cases[1])
    assert len(cases[0]) >= 8
    assert page.button(key="tuning_resume")  # no process was started here, so that it counts as killed


def test_a_tuning_is_drawn_with_its_curve_and_can_be_cancelled(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = TuningJob("mood")
    job.folder.mkdir()
    job.write_settings(TuningSettings())
    points = [(0, 2.0, 0.25), (1, 0.4, 0.75)]
    curve = [
        {"epoch": n, "step": 3 * n, "loss": 0.5, "held_out_loss": loss, "accuracy": accuracy, "cpu_s": 9.0}
        for n, loss, accuracy in points
    ]
    job.write_state(TuningState("paused", 3, 6, curve=curve, notes=["slow"], best=1))
    for step in (1, 2, 3):
        job.add_step(step=step, epoch=1, loss=1.0 / step)
    page = opened(FILE)
    assert "Slow" in shown(page)
    assert len(page.get("vega_lite_chart")) == 2
    page = press(page, "tuning_cancel")
    assert job.state().status == "cancelled"


def test_a_deleted_model_comes_back_with_undo(database: Database, tmp_path: Path) -> None:
    (tmp_path / "made.gguf").write_bytes(b"GGUF")
    curve = [{"epoch": n, "accuracy": share} for n, share in enumerate((0.25, 0.75))]
    settings = TuningSettings().to_json()
    adapters.save(
        "mood", tmp_path / "made.gguf", base_sha256="b" * 64, data_sha256="d" * 64, settings=settings, curve=curve
    )
    page = opened(FILE)
    assert "held out 25 % → 75 %" in shown(page)
    page = press(page, "tuned_delete_mood")
    assert adapters.adapters() == []
    press(page, "tune_undo")
    assert [adapter.name for adapter in adapters.adapters()] == ["mood"]
