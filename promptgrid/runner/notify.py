"""Tells the outside world that a run has ended: starts the command that PROMPTGRID_NOTIFY names, and forgets it."""

from __future__ import annotations

import logging
import os
import shlex
import subprocess
import threading

from promptgrid.paths import environment
from promptgrid.store.runs import RunInfo, RunProgress

log = logging.getLogger("promptgrid.runner")


def notify(info: RunInfo, progress: RunProgress) -> None:
    """Starts the command, if there is one, with the run in its environment: PROMPTGRID_RUN (the id),
    PROMPTGRID_RUN_NAME, PROMPTGRID_STATUS and PROMPTGRID_SUMMARY.

    No shell reads the command, and no foreign text is in it. What goes wrong is logged, and never raised: nothing of
    the command is, since it may hold a secret.
    """
    command = environment().get("PROMPTGRID_NOTIFY", "")
    try:
        words = shlex.split(command, posix=os.name != "nt")
        if words:
            _start(words, told(info, progress))
    except (OSError, ValueError) as error:  # not there, not executable; a quotation without its end
        reason = error.strerror if isinstance(error, OSError) else error
        log.error("run %s: the command of PROMPTGRID_NOTIFY cannot be started: %s", info.id, reason)


def told(info: RunInfo, progress: RunProgress) -> dict[str, str]:
    """What the command learns of the run."""
    answered = progress.by_status.get("answered", 0)
    spent = f", ${progress.spent_usd:,.4f}" if progress.spent_usd else ""
    why = f". {info.message}" if info.message else ""
    return {
        "PROMPTGRID_RUN": info.id,
        "PROMPTGRID_RUN_NAME": info.name,
        "PROMPTGRID_STATUS": info.status,
        "PROMPTGRID_SUMMARY": f"{info.status}: {answered:,} of {progress.total:,} answered{spent}{why}",
    }


def _start(words: list[str], told: dict[str, str]) -> None:
    child = subprocess.Popen(
        words,
        env={**os.environ, **told},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    # Somebody has to take its exit code, or it stays in the list of processes.
    threading.Thread(target=_see_off, args=(child, told["PROMPTGRID_RUN"]), name="notify", daemon=True).start()


def _see_off(child: subprocess.Popen[bytes], run_id: str) -> None:
    if code := child.wait():
        log.warning("run %s: the command of PROMPTGRID_NOTIFY ended with exit code %d", run_id, code)
