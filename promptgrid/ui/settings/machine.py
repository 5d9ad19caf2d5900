"""The sections of the Settings page on this machine: refused parameters, the built-in model, the data, health."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import streamlit as st

from promptgrid import builtin, humanize, paths
from promptgrid.builtin import unpacking, weights
from promptgrid.grading.python_switch import LINE, switch_file, switched_on
from promptgrid.library.folder import library_folder
from promptgrid.models import learned
from promptgrid.runner.process import log_path
from promptgrid.store import conversations, runs
from promptgrid.ui import server
from promptgrid.ui.widgets.callbacks import close_popover
from promptgrid.ui.widgets.endpoints import weights_notice
from promptgrid.ui.widgets.plain import copied, plain
from promptgrid.ui.widgets.undo import offer_undo, undo_note

DOCTOR_MARKS = {True: ":green[ok]", False: ":red[fix]", None: ":gray[note]"}


def builtin_model() -> None:
    """Shows the model's size, state and file, and the button that stops its server."""
    st.subheader("Built-in model")
    if not weights_notice():
        return
    status = builtin.status()
    running = "running" if status.running else "stopped; it starts at the first request"
    st.caption(f"{plain(', '.join(builtin.names()))} · {humanize.size(status.size)} · {running}.")
    st.caption("This small model runs on your machine for free. It is often wrong.")
    st.code(str(status.weights), language=None, wrap_lines=True)
    _unpacked(status)
    if status.running and st.button("Stop", key="builtin_stop", help="Frees its memory; it starts again when needed."):
        builtin.stop()
        st.rerun()


def _unpacked(status: builtin.BuiltinStatus) -> None:
    """Says how the weights are served, with a button that removes the unpacked file or makes it again."""
    path = status.weights
    if path is None:
        return
    if status.slow:
        st.caption(f"It answers one request at a time and has no beam search: {plain(status.slow, limit=300)}.")
        if st.button("Unpack the weights", key="builtin_unpack"):
            with st.spinner("Unpacking …"):
                unpacking.restore(path)
            _served_anew()
    elif status.unpacked:
        size = humanize.size(status.unpacked.stat().st_size)
        st.caption(f"Unpacked to 16 bit ({size}), so that its replies repeat while it answers several requests.")
        effect = (
            "Frees the disk space. It then answers one request at a time; earlier replies stay, and are not reused."
        )
        if st.button("Remove the unpacked weights", key="builtin_pack", help=effect):
            unpacking.remove(path)
            _served_anew()
    elif path == weights.download_path():
        st.caption("Its weights are unpacked to 16 bit (271 MB) at the first request.")


def _served_anew() -> None:
    builtin.stop()
    disk_usage.clear()
    st.rerun()


def refused_parameters() -> None:
    """Lists the parameters that models refused. A button per model and endpoint forgets the model's refusals.

    Later plans take the refusals into account.
    """
    st.subheader("Refused parameters")
    undo_note("refusals")
    refusals = learned.all_refusals()
    if not refusals:
        st.caption(
            "None so far. When a model refuses a parameter, Promptgrid keeps the model's message here for 30 days, and "
            "the preflight of later runs shows it."
        )
    for number, (identity, model) in enumerate(dict.fromkeys((r.identity, r.model) for r in refusals)):
        text, button = st.columns([5, 1], vertical_alignment="center")
        sentences = [plain(r.sentence, limit=400) for r in refusals if (r.identity, r.model) == (identity, model)]
        text.caption("  \n".join([*sentences, plain(f"at {identity}")]))
        button.button(
            "Forget", key=f"forget_{number}", on_click=_forget, args=(identity, model),
            help="The next run sends the parameters again.",
        )  # fmt: skip


def _forget(identity: str, model: str) -> None:
    refusals = learned.refusals(identity, model)
    learned.forget(identity, model)
    offer_undo("refusals", f"Forgot what {model} refused.", partial(_remember, refusals))


def _remember(refusals: Sequence[learned.Refusal]) -> None:
    for one in refusals:
        learned.remember(one.identity, one.model, one.parameter, one.value, one.reason, effort=one.effort or None)


def data() -> None:
    st.subheader("Data")
    folders = {
        "data": paths.data_folder(),
        "cache": paths.cache_folder(),
        "config": paths.config_folder(),
        "prompts": library_folder(),
        "log": log_path(),
    }
    st.dataframe(
        {
            "What": list(folders),
            "Where": [str(path) for path in folders.values()],
            "Size": [humanize.size(disk_usage(path)) for path in folders.values()],
        },
        column_config={
            "What": st.column_config.TextColumn(width=70),
            "Size": st.column_config.TextColumn(width=80, alignment="right"),
        },
    )
    st.caption(
        "In the environment (not in .env), PROMPTGRID_HOME moves data, cache and config, and PROMPTGRID_NOTIFY names a "
        "command that starts when a run ends."
    )
    state = "on" if switched_on() else "off: the command line alone runs them"
    st.caption(f"Checks in Python are {state}. `{LINE}` in {copied(switch_file())} switches them on for these pages.")
    _purge_popover()


@st.cache_data(ttl=30, show_spinner=False)
def disk_usage(path: Path) -> int:
    """Returns the size in bytes of a file, or of all files in a folder; 0 if `path` does not exist."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def _purge_popover() -> None:
    run_count = len(runs.list_runs(server.database(), deleted=True, limit=10_000))
    conversation_count = len(conversations.listed(server.database(), deleted=True))
    counts = {"run": run_count, "conversation": conversation_count}
    deleted = " and ".join(humanize.many(count, what) for what, count in counts.items() if count)
    if not deleted:
        st.caption("No deleted runs or conversations take up space.")
        return
    with st.popover(f"Remove {deleted} for good"):
        st.caption("Removes them with the replies that no other run uses. This cannot be undone.")
        if st.button("Remove for good", key="purge"):
            with st.spinner("Removing …"):
                runs.purge(server.database())
                conversations.purge(server.database())
            disk_usage.clear()
            close_popover()
            st.toast(f"{deleted} removed.")
            st.rerun()


def health() -> None:
    """Draws a button that checks every endpoint and folder, and lists the findings of `promptgrid doctor`."""
    from promptgrid import doctor

    st.subheader("Health")
    if not st.button("Check everything", key="doctor", help="The same as `promptgrid doctor`."):
        return
    with st.spinner("Checking …"):
        findings = doctor.checks()
    for finding in findings:
        fix = f"  \n{plain(finding.fix, limit=400)}" if finding.fix else ""
        st.caption(f"{DOCTOR_MARKS[finding.ok]} **{finding.area}** {plain(finding.message, limit=400)}{fix}")
