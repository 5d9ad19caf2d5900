"""The Checks popover of the Compare page: add, change and remove the checks of a run, and score its replies again.

Scoring sends nothing to the model under test. It continues in this server when the user leaves the page. If the server
stops, the user can resume the scoring later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import streamlit as st

from promptgrid import humanize
from promptgrid.budget import BudgetReached, parse_budget
from promptgrid.errors import PromptgridError
from promptgrid.grading import CheckSpec
from promptgrid.grading.judge_prompts import shipped_prompt
from promptgrid.grading.python_switch import check_switch
from promptgrid.grid.preflight import ModelPreflight
from promptgrid.judging import rescore, session
from promptgrid.judging.rescore import Recheck
from promptgrid.judging.session import JudgingSession
from promptgrid.runner import phrases
from promptgrid.store import Database, runs, scores
from promptgrid.store.runs import ACTIVE, RunInfo
from promptgrid.store.scores import Total
from promptgrid.ui import server
from promptgrid.ui.compare.check_form import check_form, check_of, fill_form
from promptgrid.ui.compare.rescoring import RescoringTask, progress, rescorings
from promptgrid.ui.widgets.callbacks import leaving_error
from promptgrid.ui.widgets.feedback import calls_label, show_error, show_left_error
from promptgrid.ui.widgets.plain import plain
from promptgrid.ui.widgets.undo import offer_undo, undo_note

WIDTH = 440


@dataclass(frozen=True)
class ScoringOffer:
    """A rescoring (`recheck`) that costs money and waits for the user's consent, with the preflight of each judge. The
    page draws the offer in place of the button that the user pressed. `check` is the check that the rescoring adds or
    changes; None if it scores all checks again or resumes."""

    recheck: Recheck
    preflights: Sequence[ModelPreflight]
    check: CheckSpec | None  # the check in the form; None to score all checks again or to resume


def checks_popover(database: Database, run: RunInfo) -> None:
    """Draws the popover with the checks of the run, their mean scores, and the form for another check."""
    with st.popover("Checks", key="compare_checks", on_change="rerun") as popover:
        if popover.open:
            with st.container(width=WIDTH, key="compare_checks_body"):
                _body(database, run)
    if not popover.open and (stopped := session.unfinished(run.id, rescore.KIND)) and not session.in_progress(run.id):
        st.badge(f"Scoring stopped at {stopped.done:,} of {stopped.total:,}", color="orange")


def _body(database: Database, run: RunInfo) -> None:
    task = rescorings().by_run.get(run.id)
    if task is not None and not task.future.done():
        progress(lambda: None if task.future.done() else task)
        st.caption("Scoring continues when you leave the page. If the dashboard stops, you can resume it here.")
    elif run.status in ACTIVE:
        st.caption("The run is active. You can change its checks when it is done or paused.")
    elif session.in_progress(run.id):
        progress(lambda: _elsewhere(run.id))
        st.caption("Another process is scoring the replies of this run.")
    elif task is not None and not task.drawn:
        task.drawn = True
        st.rerun()  # the task may have ended after this page read the scores
    else:
        _failure(run.id, task)
        _resume_box(database, run.id)
        _checks(database, run.id)


def _resume_box(database: Database, run_id: str) -> None:
    """Offers to resume a rescoring that was stopped before its end, in this server or in another process."""
    stopped = rescore.stopped(database, run_id)
    if stopped is None or _offer_for(run_id) is not None:
        return
    with st.container(border=True, key="checks_stopped"):
        st.markdown(f"**Stopped at {stopped[1].done:,} of {humanize.many(stopped[1].total, 'score')}.**")
        st.caption("The scores so far are stored and not paid for again.")
        with st.container(horizontal=True):
            st.button("Resume", type="primary", key="checks_go_on", on_click=_resume, args=(database, run_id))
            forget = (run_id, rescore.KIND)
            st.button("Do not resume", key="checks_forget", on_click=session.forget, args=forget, type="tertiary")


def _failure(run_id: str, task: RescoringTask | None) -> None:
    """Shows once the error of `task`, a rescoring that has ended; nothing if it has no error, or if there is no task
    (None)."""
    if task is None:
        return
    del rescorings().by_run[run_id]
    try:
        task.future.result()
    except BudgetReached as reached:
        st.error(plain(str(reached)))
    except PromptgridError as error:
        show_error(error)


@st.fragment
def _checks(database: Database, run_id: str) -> None:
    """Draws the run's checks and the form for another one. If a callback has just started a rescoring, reruns the page
    instead."""
    if run_id in rescorings().by_run:
        st.rerun()
    show_left_error("checks_error")
    undo_note(_prefix(run_id))
    plan = runs.plan_of(database, run_id)
    totals = {total.check: total for total in scores.totals(database, run_id)}
    for spec in plan.all_checks:
        _row(database, run_id, spec, totals)
    for name, count in plan.own_checks.items():
        st.markdown(f"**{plain(name)}** of {humanize.many(count, 'case')} alone, from the table")
        st.caption(plain(_total_words(totals.get(name))))
    offer = _offer_for(run_id)
    if offer is not None and offer.check is None:
        _consent(database, offer)
    elif plan.all_checks or plan.own_checks:
        with st.container(horizontal=True, vertical_alignment="center"):
            if any(spec.kind == "judge" for spec in plan.all_checks):
                st.toggle("Ask judges again", key="checks_fresh")
            st.button("Run all again", key="checks_again", on_click=_again, args=(database, run_id))
    st.markdown("**Add or change a check**")
    new = check_form(_prefix(run_id), plan.prompts)
    if new is not None and new.kind == "judge":
        label = "Copy the built-in prompt to the library"
        st.button(label, key="checks_copy", type="tertiary", on_click=_copy_judge_prompt)
    if offer is not None and new is not None and offer.check == new:  # otherwise the form has changed since
        _consent(database, offer)
    else:
        changes = new is not None and new.name in [spec.name for spec in plan.all_checks]
        label, add = "Change and score" if changes else "Add and score", (database, run_id)
        st.button(label, type="primary", key="checks_add", disabled=new is None, on_click=_add, args=add)


def _offer_for(run_id: str) -> ScoringOffer | None:
    offer: ScoringOffer | None = st.session_state.get("checks_offer")
    return offer if offer is not None and offer.recheck.run_id == run_id else None


def _prefix(run_id: str) -> str:
    return f"check_{run_id}"


def _row(database: Database, run_id: str, spec: CheckSpec, totals: Mapping[str, Total]) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        with st.container(width="stretch", gap=None):
            st.markdown(f"**{plain(spec.name)}** {plain(_kind_and_options(spec), limit=160)}")
            st.caption(plain(_total_words(totals.get(spec.name))))
        change, remove = f"check_change_{spec.name}", f"check_remove_{spec.name}"
        st.button("Change", key=change, on_click=fill_form, args=(_prefix(run_id), spec), type="tertiary")
        st.button("Remove", key=remove, on_click=_remove, args=(database, run_id, spec), type="tertiary")
    if (total := totals.get(spec.name)) and total.telling:
        for why, count in scores.complaints(database, run_id, spec.name, limit=2):
            st.caption(f":orange[{count:,} × {plain(why, limit=200)}]")


def _kind_and_options(spec: CheckSpec) -> str:
    """Returns the options of the check in words, after its kind if that differs from its name."""
    parts = [] if spec.kind == spec.name else [spec.kind]
    parts += [
        f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in spec.options.items()
        if name not in ("sha", "prompt")
    ]
    parts += [f"prompt {str(spec.options['prompt'])[:-6]}"] if "prompt" in spec.options else []  # 6 digits of its hash
    return " · ".join(parts)


def _total_words(total: Total | None) -> str:
    if total is None:
        return "no scores yet"
    count = humanize.many(total.scored, "score")
    mean = "no scores" if total.mean is None else f"mean {total.mean:.2f} over {count}"
    counts = {"not scored": total.unscored - total.failed, "failed": total.failed}
    return ", ".join([mean, *(f"{count:,} {what}" for what, count in counts.items() if count)])


def _copy_judge_prompt() -> None:
    try:
        server.library().save(shipped_prompt("judge"), None)
    except PromptgridError as error:
        st.toast(plain(error))
    else:
        st.toast("Copied to the library as judge. Change it on Compose.")


@leaving_error("checks_error")
def _add(database: Database, run_id: str) -> None:
    _offer(database, run_id, (check_of(_prefix(run_id)),))


def _remove(database: Database, run_id: str, spec: CheckSpec) -> None:
    _offer(database, run_id, remove=(spec.name,))
    if "checks_error" not in st.session_state:
        offer_undo(_prefix(run_id), f"Removed the check {spec.name}.", partial(_offer, database, run_id, (spec,)))


def _again(database: Database, run_id: str) -> None:
    _offer(database, run_id, fresh=st.session_state.get("checks_fresh", False))


@leaving_error("checks_error")
def _offer(
    database: Database, run_id: str, add: Sequence[CheckSpec] = (), remove: Sequence[str] = (), fresh: bool = False
) -> None:
    """Plans the rescoring after the checks `add` are added and those named in `remove` removed. If it calls no model,
    starts it at once, else stores an offer with its preflight. With `fresh`, judges are called again even where their
    replies are stored."""
    recheck = rescore.plan_recheck(database, run_id, add=add, remove=remove, fresh=fresh)
    _offer_or_start(database, recheck, add[0] if add else None)


@leaving_error("checks_error")
def _resume(database: Database, run_id: str) -> None:
    if (stopped := rescore.stopped(database, run_id)) is not None:
        _offer_or_start(database, stopped[0], None, stopped[1].budget)


def _offer_or_start(database: Database, recheck: Recheck, check: CheckSpec | None, budget: str = "") -> None:
    check_switch(recheck.score)
    preflights = rescore.preflights(database, recheck)
    if any(preflight.calls for preflight in preflights):
        st.session_state.checks_offer = ScoringOffer(recheck, preflights, check)
        st.session_state.checks_budget = budget
    else:
        _start_rescoring(database, recheck, check)


def _start_rescoring(database: Database, recheck: Recheck, check: CheckSpec | None, budget: str = "") -> None:
    """Starts the rescoring. If `check` replaces a check of the same name, the earlier one can be brought back."""
    run_id, name = recheck.run_id, check.name if check else ""
    before = next((spec for spec in runs.plan_of(database, run_id).all_checks if spec.name == name), None)
    rescorings().start(database, recheck, budget)
    if before is not None and before != check:
        offer_undo(_prefix(run_id), f"Changed the check {name}.", partial(_offer, database, run_id, (before,)))


def _consent(database: Database, offer: ScoringOffer) -> None:
    """Draws the preflight of the offer, the field for its budget, and the button that starts the rescoring."""
    for preflight in offer.preflights:
        st.markdown(f"**{plain(preflight.ref)}** {'embeds' if preflight.embeds else 'judges'}: {_figures(preflight)}")
    st.text_input(
        "Budget",
        key="checks_budget",
        placeholder="none; 2.50usd, 100000tok, 500calls, 30min",
        help="The limit for this scoring, including the calls before it was stopped.",
    )
    with st.container(horizontal=True):
        label = calls_label("Score", sum(preflight.calls for preflight in offer.preflights))
        st.button(label, type="primary", key="checks_go", on_click=_start, args=(database,))
        st.button("Back", key="checks_leave", on_click=st.session_state.pop, args=("checks_offer",))
    st.caption("Nothing is sent to the model that wrote the replies.")


@leaving_error("checks_error")
def _start(database: Database) -> None:
    budget = str(st.session_state.checks_budget)
    parse_budget(budget)
    offer: ScoringOffer = st.session_state.pop("checks_offer")
    _start_rescoring(database, offer.recheck, offer.check, budget)


def _elsewhere(run_id: str) -> JudgingSession | RescoringTask | None:
    """Returns the session in which another process judges the run's replies now, with its progress; None if there is no
    such session. If no progress of a rescoring is stored, returns a RescoringTask with 0 of 0 scores instead."""
    return (session.unfinished(run_id, rescore.KIND) or RescoringTask()) if session.in_progress(run_id) else None


def _figures(preflight: ModelPreflight) -> str:
    mark = "" if preflight.exact else "≈ "
    parts = [f"**{humanize.many(preflight.calls, 'call')}**", f"{mark}{preflight.prompt_tokens:,} prompt tokens"]
    parts += [f"**{plain(phrases.dated_cost(preflight, [preflight]))}**", humanize.duration(preflight.seconds)]
    what = "texts embedded" if preflight.embeds else "judged"
    parts += [f"{preflight.answered:,} {what} already"] if preflight.answered else []
    return " · ".join(part for part in parts if part)
