"""Tunings as other processes see them. No tuning is carried out here: that needs the extra (`test_training.py`)."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from promptgrid.cli import main
from promptgrid.errors import TuningError
from promptgrid.tuning import jobs
from promptgrid.tuning.job import TuningJob, TuningState, TuningStatus
from promptgrid.tuning.prepared import PreparedData
from promptgrid.tuning.settings import TuningSettings

DATA = PreparedData([{"messages": [], "reply": "a"}] * 8, [{"messages": [], "reply": "b"}] * 2)


@pytest.fixture
def spawned(monkeypatch: pytest.MonkeyPatch, weights: Path) -> list[str]:
    """The names of the jobs for which a process would have been started."""
    names: list[str] = []
    monkeypatch.setattr(jobs, "missing", list)
    monkeypatch.setattr(jobs, "_spawn", lambda job: names.append(job.name))
    return names


def in_state(status: TuningStatus, at_a_time: int = 8) -> TuningJob:
    job = TuningJob("mood")
    job.folder.mkdir()
    job.write_settings(TuningSettings())
    job.write_state(TuningState(status, step=3, steps=6, at_a_time=at_a_time))
    return job


def test_without_the_extra_a_tuning_says_what_is_missing_and_what_it_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "PACKAGES", ("json", "no_such_package"))
    with pytest.raises(TuningError, match=r"needs no_such_package: about 1.2 GB.*pip install .*\[tune\]"):
        jobs.start("mood", DATA, TuningSettings())


@pytest.mark.usefixtures("spawned")
def test_a_started_tuning_keeps_its_data_and_settings() -> None:
    job = jobs.start("mood", DATA, TuningSettings(epochs=3))
    assert job.examples("learn") == DATA.learn
    assert job.examples("held_out") == DATA.held_out
    assert job.settings().epochs == 3
    assert [one.name for one in jobs.jobs()] == ["mood"]
    assert PreparedData(job.examples("learn"), job.examples("held_out")).sha256 == DATA.sha256


def test_the_name_of_a_tuning_that_can_go_on_is_taken_and_that_of_an_ended_one_free(spawned: list[str]) -> None:
    in_state("paused")
    with pytest.raises(TuningError, match="already: it is paused"):
        jobs.start("mood", DATA, TuningSettings())
    jobs.cancel(jobs.job_of("mood"))
    jobs.start("mood", DATA, TuningSettings())
    assert spawned == ["mood"]


def test_a_process_that_died_without_a_word_is_seen_and_resumes_with_fewer_examples_at_a_time(
    spawned: list[str],
) -> None:
    job = in_state("tuning")
    assert job.state().status == "stopped"
    jobs.resume(job)
    assert spawned == ["mood"]
    with job.lock():
        state = job.state()
        assert state.status == "waiting"
        assert state.at_a_time == 4
        assert "4 examples at a time instead of 8" in state.notes[0]
        jobs.pause(job)
        assert job.wanted() == "pause"
        with pytest.raises(TuningError, match="is waiting"):
            jobs.resume(job)


def test_a_paused_tuning_resumes_as_it_was(spawned: list[str]) -> None:
    job = in_state("paused")
    job.ask("pause")
    jobs.resume(job)
    assert job.wanted() == ""
    with job.lock():
        assert (job.state().at_a_time, job.state().notes) == (8, [])


@pytest.mark.usefixtures("spawned")
def test_what_has_ended_is_neither_paused_nor_cancelled_nor_resumed() -> None:
    job = in_state("done")
    for act in (jobs.pause, jobs.cancel, jobs.resume):
        with pytest.raises(TuningError, match="is done"):
            act(job)


def test_steps_after_the_checkpoint_are_forgotten_and_half_a_line_is_left_out() -> None:
    job = in_state("paused")
    for step in range(1, 6):
        job.add_step(step=step, epoch=1, loss=1.0 / step)
    with (job.folder / "steps.jsonl").open("a") as file:
        file.write('{"step": 6, "ep')
    assert [step["step"] for step in job.steps()] == [1, 2, 3, 4, 5]
    job.forget_steps(after=3)
    assert [step["step"] for step in job.steps()] == [1, 2, 3]


def test_the_command_line_lists_and_shows_tunings() -> None:
    assert "Start one with: promptgrid tune start" in CliRunner().invoke(main, ["tune", "list"]).output
    job = in_state("done")
    curve: list[dict[str, float | None]] = [
        {"epoch": 0, "loss": None, "held_out_loss": 2.0, "accuracy": 0.25, "cpu_s": 1},
        {"epoch": 1, "loss": 0.5, "held_out_loss": 0.4, "accuracy": 0.75, "cpu_s": 9},
    ]
    job.write_state(TuningState("done", 6, 6, curve=curve, notes=["slow"], best=1))
    listed = CliRunner().invoke(main, ["tune", "list"])
    assert "25 % → 75 %" in listed.output
    shown = CliRunner().invoke(main, ["tune", "show", "mood"])
    assert "note: slow" in shown.output
    assert "1 (kept)" in shown.output
    missing = CliRunner().invoke(main, ["tune", "show", "moo"])
    assert missing.exit_code == 2
