"""Starts, lists and ends tunings of the built-in model, each in a process of its own that outlives the one it was
started by."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

from promptgrid import files, paths
from promptgrid.builtin import adapters, unpacking, weights
from promptgrid.errors import TuningError
from promptgrid.paths import install_command
from promptgrid.tuning.job import ACTIVE, RESUMABLE, TuningJob, TuningState, jobs_folder
from promptgrid.tuning.prepared import PreparedData, lines, rule_of
from promptgrid.tuning.settings import TuningSettings

PACKAGES = ("torch", "transformers", "peft", "safetensors", "gguf")
_START_S, _POLL_S = 60.0, 0.05


def missing() -> list[str]:
    """Returns the packages of the extra `tune` that are not installed."""
    return [name for name in PACKAGES if importlib.util.find_spec(name) is None]


def require_extra() -> None:
    """Raises TuningError if a package of the extra `tune` is missing, with what it costs and how it is installed."""
    if names := missing():
        raise TuningError(f"Tuning needs {', '.join(names)}: about 1.2 GB on disk.", hint=how_to_install())


def how_to_install() -> str:
    """Returns how the extra `tune` is installed."""
    return (
        f"Install it with `{install_command('tune')}`. On Linux without an NVIDIA card, first install PyTorch's build"
        " for the CPU as its site says; else pip fetches some GB for the card."
    )


def start(name: str, data: PreparedData, settings: TuningSettings) -> TuningJob:
    """Starts to tune the built-in model on the data, in a process of its own, and returns the job; the adapter gets
    this name. It waits while another tuning goes on.

    Raises TuningError if the name is taken or impossible, a setting is out of range or the extra is missing,
    BuiltinError if the model's weights are missing, StoreError if the folder cannot be written.
    """
    require_extra()
    settings.check()
    adapters.check_name(name)
    if reason := unpacking.problem(weights.require()):
        raise TuningError(f"No tuning: {reason}.", hint="Set PROMPTGRID_BUILTIN_MODEL to a smaller file.")
    job = TuningJob(name)
    if job.folder.exists():
        _require_ended(job)
        shutil.rmtree(job.folder, ignore_errors=True)
    if settings.rule is None:
        settings = replace(settings, rule=rule_of(data.learn))
    with paths.writing(job.folder):
        job.folder.mkdir(mode=0o700)
        files.write(job.folder / "learn.jsonl", lines(data.learn))
        files.write(job.folder / "held_out.jsonl", lines(data.held_out))
    job.write_settings(settings)
    notes = [f"{count:,} left out: {reason}" for reason, count in data.left_out.items()]
    job.write_state(TuningState(examples=len(data.learn), held_out=len(data.held_out), notes=notes))
    _spawn(job)
    return job


def jobs() -> list[TuningJob]:
    """Returns all tunings, the last started first."""
    places = [place for place in jobs_folder().iterdir() if (place / "settings.json").is_file()]
    places.sort(key=lambda place: (place / "settings.json").stat().st_mtime, reverse=True)
    return [TuningJob(place.name) for place in places]


def job_of(name: str) -> TuningJob:
    """Returns the tuning of that name. Raises TuningError if there is none."""
    job = next((job for job in jobs() if job.name == name), None)
    if job is None:
        raise TuningError(f"There is no tuning {name!r}.", hint="`promptgrid tune list` lists them.")
    return job


def pause(job: TuningJob) -> None:
    """Asks the tuning to pause after its present step. Raises TuningError if it is not in progress."""
    _require_active(job)
    job.ask("pause")


def cancel(job: TuningJob) -> None:
    """Ends the tuning for good; what it learned is dropped. Raises TuningError if it has ended already."""
    state = job.state()
    if state.status in ACTIVE:
        job.ask("cancel")
    elif state.status in RESUMABLE:
        job.checkpoint.unlink(missing_ok=True)
        job.write_state(replace(state, status="cancelled", left_s=None))
    else:
        raise TuningError(f"The tuning {job.name!r} is {state.status}.", hint="Only one that goes on is cancelled.")


def resume(job: TuningJob) -> None:
    """Goes on with a tuning that was paused, failed or killed, from its last checkpoint. Raises TuningError for any
    other one."""
    require_extra()
    state = job.state()
    if state.status not in RESUMABLE:
        raise TuningError(f"The tuning {job.name!r} is {state.status}.", hint="Only a paused one is resumed.")
    if state.status == "stopped":  # perhaps by the system, which was out of memory
        at_a_time = max(1, (state.at_a_time or job.settings().batch) // 2)
        note = f"its process ended without a word: {at_a_time} examples at a time instead of {state.at_a_time}"
        state = replace(state, at_a_time=at_a_time, notes=[*state.notes, note] if state.at_a_time else state.notes)
    job.ask("")
    job.write_state(replace(state, status="waiting", error=""))
    _spawn(job)


def _require_active(job: TuningJob) -> None:
    if (status := job.state().status) not in ACTIVE:
        raise TuningError(f"The tuning {job.name!r} is {status}.", hint="Only one that goes on can be paused.")


def _require_ended(job: TuningJob) -> None:
    status = job.state().status if (job.folder / "state.json").is_file() else "failed"
    if status in (*ACTIVE, "paused", "stopped"):
        raise TuningError(
            f"There is a tuning {job.name!r} already: it is {status}.", hint="Cancel that one, or choose another name."
        )


def _spawn(job: TuningJob) -> None:
    """Starts the job's process and waits until it holds its lock. Raises TuningError if it ends before."""
    root = str(Path(__file__).resolve().parents[2])
    search = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    # without PASSIVE, idle OpenMP threads spin: on a busy machine everything is ten times slower
    environment = {**os.environ, "PYTHONPATH": search, "HF_HUB_OFFLINE": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    environment |= {"GOMP_SPINCOUNT": "0", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_DISABLE_TELEMETRY": "1"}
    command = [sys.executable, "-P", "-m", "promptgrid.tuning.child", job.name]
    with paths.writing(job.log), open(job.log, "ab", opener=files.private) as log:
        child = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    # keeps the object while the process lives, and leaves no zombie
    threading.Thread(target=child.wait, name="tuning-wait", daemon=True).start()
    deadline = time.monotonic() + _START_S
    while not job.alive() and time.monotonic() < deadline:
        if child.poll() is not None:
            if child.returncode == 0:
                return  # it has ended already, such as by a failure that its state names
            raise TuningError("The process of the tuning did not start.", hint=f"Its log is {job.log}.")
        time.sleep(_POLL_S)
