"""Checks ▾ on the Compare page: what scores the run's replies, to be added, changed, removed and run again.

Nothing is sent to the model under test. The work goes on in this server whatever becomes of the page; one that ended
with its server can be gone on with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from promptgrid import humanize
from promptgrid.budget import BudgetReached, parse_budget
from promptgrid.errors import PromptgridError
from promptgrid.grading import CheckSpec
from promptgrid.grading.judge_prompts import shipped_prompt
from promptgrid.grid.preflight import ModelPreflight
from promptgrid.judging import rescore, session
from promptgrid.judging.rescore import Recheck
from promptgrid.runner import phrases
from promptgrid.store import Database, runs, scores
from promptgrid.store.runs import ACTIVE, RunInfo
from promptgrid.store.scores import Total
from promptgrid.ui import server
from promptgrid.ui.compare.check_form import check_form, check_in, fill_form
from promptgrid.ui.compare.rescoring import RescoringTask, progress, works
from promptgrid.ui.widgets.feedback import show_error
from promptgrid.ui.widgets.plain import plain

WIDTH = 440


@dataclass(frozen=True)
class ScoringOffer:
    """What somebody is asked to agree to, and what it will take; stands where the button was."""

    planned: Recheck
    sheets: Sequence[ModelPreflight]
    check: CheckSpec | None  # the one of the form; None: all checks again, or what was stopped


def checks_popover(database: Database, run: RunInfo) -> None:
    """The run's checks with what they said, and the fields for another."""
    with st.popover("Checks", key="compare_checks", on_change="rerun") as popover:
        if popover.open:
            with st.container(width=WIDTH, key="compare_checks_body"):
                _body(database, run)
    if not popover.open and (begun := session.left(run.id, rescore.KIND)) and not session.at_work(run.id):
        st.badge(f"Scoring stopped at {begun.done:,} of {begun.total:,}", color="orange")


def _body(database: Database, run: RunInfo) -> None:
    work = works().by_run.get(run.id)
    if work is not None and not work.future.done():
        progress(lambda: None if work.future.done() else work)
        st.caption("Goes on when you leave the page. If the dashboard is stopped, it can be gone on with here.")
    elif run.status in ACTIVE:
        st.caption("The run is at work: its checks can be changed when it rests.")
    elif session.at_work(run.id):
        progress(lambda: (session.left(run.id, rescore.KIND) or RescoringTask()) if session.at_work(run.id) else None)
        st.caption("Another process, a terminal perhaps, judges this run's replies.")
    elif work is not None and not work.drawn:
        work.drawn = True
        st.rerun()  # it may have ended after this page had read the scores
    else:
        _told(run.id, work)
        _stopped(database, run.id)
        _checks(database, run.id)


def _stopped(database: Database, run_id: str) -> None:
    """What was begun and has not come to its end, by this server or another."""
    found = rescore.stopped(database, run_id)
    if found is None or _offered_to(run_id) is not None:
        return
    with st.container(border=True, key="checks_stopped"):
        st.markdown(f"**Stopped at {found[1].done:,} of {humanize.many(found[1].total, 'score')}.**")
        st.caption("What judges have said is kept, and is not asked again.")
        with st.container(horizontal=True):
            st.button("Go on", type="primary", key="checks_go_on", on_click=_go_on, args=(database, run_id))
            forget = (run_id, rescore.KIND)
            st.button("Leave it so", key="checks_forget", on_click=session.forget, args=forget, type="tertiary")


def _told(run_id: str, work: RescoringTask | None) -> None:
    """What ended the last pass, unless all went well; once."""
    if work is None:
        return
    del works().by_run[run_id]
    try:
        work.future.result()
    except BudgetReached as reached:
        st.error(plain(str(reached)))
    except PromptgridError as error:
        show_error(error)


@st.fragment
def _checks(database: Database, run_id: str) -> None:
    """What is pressed in here is done by callbacks, before this draws what has become of it."""
    if run_id in works().by_run:
        st.rerun()
    if (error := st.session_state.pop("checks_error", None)) is not None:
        show_error(error)
    plan = runs.plan_of(database, run_id)
    said = {total.check: total for total in scores.totals(database, run_id)}
    for one in plan.all_checks:
        _row(database, run_id, one, said)
    offered = _offered_to(run_id)
    if offered is not None and offered.check is None:
        _offered(database, offered)
    elif plan.all_checks:
        with st.container(horizontal=True, vertical_alignment="center"):
            if any(one.kind == "judge" for one in plan.all_checks):
                st.toggle("Ask judges again", key="checks_fresh")
            st.button("Run all again", key="checks_again", on_click=_again, args=(database, run_id))
    st.markdown("**Add or change a check**")
    spec = check_form(_prefix(run_id))
    if spec is not None and spec.kind == "judge":
        st.button("Copy our prompt into the library", key="checks_copy", type="tertiary", on_click=_copy_of_ours)
    if offered is not None and spec is not None and offered.check == spec:  # else it was changed since
        _offered(database, offered)
    else:
        changes = spec is not None and spec.name in [one.name for one in plan.all_checks]
        label, add = "Change and score" if changes else "Add and score", (database, run_id)
        st.button(label, type="primary", key="checks_add", disabled=spec is None, on_click=_add, args=add)


def _offered_to(run_id: str) -> ScoringOffer | None:
    offered: ScoringOffer | None = st.session_state.get("checks_offered")
    return offered if offered is not None and offered.planned.run_id == run_id else None


def _prefix(run_id: str) -> str:
    """Of the keys of the form's fields."""
    return f"check_{run_id}"


def _row(database: Database, run_id: str, spec: CheckSpec, said: Mapping[str, Total]) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        with st.container(width="stretch", gap=None):
            st.markdown(f"**{plain(spec.name)}** {plain(_set(spec), limit=160)}")
            st.caption(plain(_said(said.get(spec.name))))
        change, remove = f"check_change_{spec.name}", f"check_remove_{spec.name}"
        st.button("Change", key=change, on_click=fill_form, args=(_prefix(run_id), spec), type="tertiary")
        st.button("Remove", key=remove, on_click=_offer, args=(database, run_id, (), (spec.name,)), type="tertiary")
    if (total := said.get(spec.name)) and total.telling:
        for why, count in scores.complaints(database, run_id, spec.name, limit=2):
            st.caption(f":orange[{count:,} × {plain(why, limit=200)}]")


def _set(spec: CheckSpec) -> str:
    """Its kind, unless the name says it, and how it is set."""
    parts = [] if spec.kind == spec.name else [spec.kind]
    parts += [f"{name} {_value(value)}" for name, value in spec.options.items() if name not in ("sha", "prompt")]
    parts += [f"prompt {str(spec.options['prompt'])[:-6]}"] if "prompt" in spec.options else []  # six digits are enough
    return " · ".join(parts)


def _value(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _said(total: Total | None) -> str:
    if total is None:
        return "no scores yet"
    mean = (
        "nothing scored" if total.mean is None else f"mean {total.mean:.2f} over {humanize.many(total.scored, 'score')}"
    )
    counts = {"not scored": total.unscored - total.failed, "failed": total.failed}
    return ", ".join([mean, *(f"{count:,} {what}" for what, count in counts.items() if count)])


def _copy_of_ours() -> None:
    """Our judge's prompt as a file of the library, to be edited on the Compose page."""
    try:
        server.library().save(shipped_prompt("judge"), None)
    except PromptgridError as error:
        st.toast(plain(error))
    else:
        st.toast("It is in the library as judge: change it on Compose.")


def _add(database: Database, run_id: str) -> None:
    try:
        _offer(database, run_id, (check_in(_prefix(run_id)),))
    except PromptgridError as error:
        st.session_state.checks_error = error


def _again(database: Database, run_id: str) -> None:
    _offer(database, run_id, fresh=st.session_state.get("checks_fresh", False))


def _offer(
    database: Database, run_id: str, add: Sequence[CheckSpec] = (), remove: Sequence[str] = (), fresh: bool = False
) -> None:
    """Begins what costs nothing at once; what asks a judge shows first what that will take."""
    try:
        planned = rescore.plan_recheck(database, run_id, add=add, remove=remove, fresh=fresh)
        _offer_planned(database, planned, add[0] if add else None)
    except PromptgridError as error:
        st.session_state.checks_error = error


def _go_on(database: Database, run_id: str) -> None:
    try:
        if (found := rescore.stopped(database, run_id)) is not None:
            _offer_planned(database, found[0], None, found[1].budget)
    except PromptgridError as error:
        st.session_state.checks_error = error


def _offer_planned(database: Database, planned: Recheck, check: CheckSpec | None, budget: str = "") -> None:
    sheets = rescore.sheets(database, planned)
    if any(sheet.calls for sheet in sheets):
        st.session_state.checks_offered = ScoringOffer(planned, sheets, check)
        st.session_state.checks_budget = budget
    else:
        works().start(database, planned)


def _offered(database: Database, offered: ScoringOffer) -> None:
    for sheet in offered.sheets:
        st.markdown(f"**{plain(sheet.ref)}** {'embeds' if sheet.embeds else 'judges'}: {_takes(sheet)}")
    st.text_input(
        "Budget",
        key="checks_budget",
        placeholder="none; 2.50usd, 100000tok, 500calls, 30min",
        help="The most that this may take, with what was asked before it was stopped.",
    )
    with st.container(horizontal=True):
        st.button("Ask and score", type="primary", key="checks_go", on_click=_go, args=(database,))
        st.button("Back", key="checks_leave", on_click=st.session_state.pop, args=("checks_offered",))
    st.caption("Nothing is sent to the model whose replies these are.")


def _go(database: Database) -> None:
    budget = str(st.session_state.checks_budget)
    try:
        parse_budget(budget)
    except PromptgridError as error:
        st.session_state.checks_error = error
    else:
        works().start(database, st.session_state.pop("checks_offered").planned, budget)


def _takes(sheet: ModelPreflight) -> str:
    about = "" if sheet.exact else "≈ "
    parts = [f"**{humanize.many(sheet.calls, 'call')}**", f"{about}{sheet.prompt_tokens:,} prompt tokens"]
    parts += [f"**{plain(phrases.cost(sheet))}**", humanize.duration(sheet.seconds)]
    what = "texts embedded" if sheet.embeds else "judged"
    parts += [f"{sheet.answered:,} {what} already"] if sheet.answered else []
    return " · ".join(part for part in parts if part)
