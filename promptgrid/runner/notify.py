"""Starts the command in PROMPTGRID_NOTIFY when a run has ended, without waiting for the command."""

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
    """Starts the notify command, if one is set, with the run in its environment: PROMPTGRID_RUN (the id),
    PROMPTGRID_RUN_NAME, PROMPTGRID_STATUS and PROMPTGRID_SUMMARY.

    The command does not pass through a shell, and no foreign text becomes part of it. Errors are logged, not raised;
    the command itself is never logged, since it may contain a secret.
    """
    command = environment().get("PROMPTGRID_NOTIFY", "")
    try:
        words = shlex.split(command, posix=os.name != "nt")
        if words:
            _start(words, variables(info, progress))
    except (OSError, ValueError) as error:  # missing, not executable, or an unclosed quotation mark
        reason = error.strerror if isinstance(error, OSError) else error
        log.error("run %s: the command of PROMPTGRID_NOTIFY cannot be started: %s", info.id, reason)


def variables(info: RunInfo, progress: RunProgress) -> dict[str, str]:
    """Returns the environment variables that describe the run to the notify command, by name."""
    answered = progress.by_status.get("answered", 0)
    spent = f", ${progress.spent_usd:,.4f}" if progress.spent_usd else ""
    reason = f". {info.message}" if info.message else ""
    return {
        "PROMPTGRID_RUN": info.id,
        "PROMPTGRID_RUN_NAME": info.name,
        "PROMPTGRID_STATUS": info.status,
        "PROMPTGRID_SUMMARY": f"{info.status}: {answered:,} of {progress.total:,} answered{spent}{reason}",
    }


def _start(words: list[str], run_variables: dict[str, str]) -> None:
    all_variables, null = {**os.environ, **run_variables}, subprocess.DEVNULL
    child = subprocess.Popen(words, env=all_variables, stdin=null, stdout=null, stderr=null, start_new_session=True)
    # Reads the exit code; otherwise the command stays a zombie process.
    run_id = run_variables["PROMPTGRID_RUN"]
    threading.Thread(target=_log_exit, args=(child, run_id), name="notify", daemon=True).start()


def _log_exit(child: subprocess.Popen[bytes], run_id: str) -> None:
    if code := child.wait():
        log.warning("run %s: the command of PROMPTGRID_NOTIFY ended with exit code %d", run_id, code)
