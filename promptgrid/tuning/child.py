"""The process of one tuning: `python -m promptgrid.tuning.child NAME`, started by `jobs`."""

from __future__ import annotations

import logging
import os
import sys
import time
from contextlib import suppress
from dataclasses import replace

from filelock import FileLock, Timeout

from promptgrid.builtin import adapters, weights
from promptgrid.errors import PromptgridError
from promptgrid.tuning.job import TuningJob, TuningState, turn_lock
from promptgrid.tuning.lora_gguf import write_adapter
from promptgrid.tuning.prepared import PreparedData

log = logging.getLogger("promptgrid.tuning")
_POLL_S = 0.2
_PROBE_S = 10.0  # other processes hold the lock for microseconds when they check whether this one lives


def main(name: str) -> None:
    """Carries out the tuning of that name and writes its end into its state."""
    job, turn = TuningJob(name), turn_lock()
    alive = job.lock()  # a garbage-collected lock is released
    try:
        alive.acquire(timeout=_PROBE_S)
    except Timeout:
        sys.exit("The tuning has a process already.")
    with suppress(AttributeError, OSError):
        os.nice(5)  # pages and runs go before
    try:
        _await(turn, job)
        state = _tune(job)
    except PromptgridError as error:
        state = replace(job.state(), status="failed", error=str(error))
    except Exception as error:
        log.exception("the tuning %s failed", name)
        message = f"Promptgrid failed: {type(error).__name__}. The log {job.log} has the details."
        state = replace(job.state(), status="failed", error=message)
    job.write_state(replace(state, left_s=None))


def _await(turn: FileLock, job: TuningJob) -> None:
    """Waits until no other tuning goes on."""
    while True:
        try:
            turn.acquire(timeout=0)
            return
        except Timeout:
            if job.wanted():
                return
            time.sleep(_POLL_S)


def _tune(job: TuningJob) -> TuningState:
    """Carries the tuning out, saves its adapter and returns its last state."""
    if wanted := job.wanted():
        return _ended(job, job.state(), wanted)
    from promptgrid.tuning import base
    from promptgrid.tuning.training import Stopped, Tuning

    job.write_state(replace(job.state(), status="loading"))
    path = weights.require()
    settings = job.settings()
    model, tokenizer = base.load(base.base_folder(path), settings)
    tuning = Tuning(job, model, tokenizer)
    try:
        tuning.run()
        if settings.method == "dpo":
            from promptgrid.tuning.preference_report import measured

            tuning.update(status="judging", result=measured(tuning))
    except Stopped as stopped:
        return _ended(job, tuning.state, stopped.wanted)
    made = job.folder / "adapter.gguf"
    write_adapter(made, base.gguf_arrays(tuning.best, model.config), settings.alpha)
    adapters.save(
        job.name,
        made,
        base_sha256=weights.identity().removeprefix("sha256:"),
        data_sha256=PreparedData(job.examples("learn"), job.examples("held_out")).sha256,
        settings=settings.to_json(),
        curve=tuning.state.curve,
    )
    made.unlink()
    job.checkpoint.unlink(missing_ok=True)
    return replace(tuning.state, status="done")


def _ended(job: TuningJob, state: TuningState, wanted: str) -> TuningState:
    """Returns the state of a tuning that was asked to pause or cancel, and removes what is no longer needed."""
    job.ask("")
    if wanted == "pause":
        return replace(state, status="paused")
    job.checkpoint.unlink(missing_ok=True)
    return replace(state, status="cancelled")


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    main(sys.argv[1])
