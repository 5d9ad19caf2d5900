"""From the form's fields to a Plan, and the plan's preflight sheet, worked out in the background."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import streamlit as st

from promptgrid import api
from promptgrid.cases.table import EXPECTED, cases_csv
from promptgrid.errors import PromptgridError
from promptgrid.grading import parse_check
from promptgrid.grid import Plan
from promptgrid.grid.preflight import Preflight
from promptgrid.models import learned
from promptgrid.prompt import Prompt
from promptgrid.runner import client
from promptgrid.store import Database, runs
from promptgrid.ui import server
from promptgrid.ui.run.cases import CasesTable, keep_upload
from promptgrid.ui.run.form import FormValues, fill_form
from promptgrid.ui.widgets.feedback import show_error

KEPT_SHEETS = 16


def chosen_prompts(refs: Sequence[str]) -> list[Prompt]:
    """The prompts of these references; what is wrong with one is said and leaves it out."""
    found = []
    for ref in refs:
        try:
            found.append(api.load(ref, server.database()))
        except PromptgridError as error:
            show_error(error)
    return found


def plan_of(form: FormValues, prompts: Sequence[Prompt], table: CasesTable) -> Plan:
    """The plan that the form describes. Raises PlanError."""
    checks = form["run_checks"]
    return Plan(
        prompts=tuple(prompts),
        cases=table.cases,
        models=tuple(form["run_models"]),
        techniques=tuple(form["run_techniques"]),
        temperatures=tuple(float(text) for text in form["run_temperatures"]),
        samples=form["run_samples"] or 1,
        max_tokens=form["run_max_tokens"],
        top_p=form["run_top_p"],
        seed=form["run_seed"],
        examples_k=form["run_examples_k"],
        examples_as=form["run_examples_as"],
        checks=None if checks is None else tuple(map(parse_check, checks)),
        budget=form["run_budget"],
        concurrency=form["run_concurrency"],
        retries=form["run_retries"],
        fresh=form["run_fresh"],
        name=form["run_name"].strip(),
    )


def usual_name(plan: Plan) -> str:
    """What tells a run from its neighbours where nobody named it: `sentiment × 3 techniques × 2 temperatures`."""
    axes = {"techniques": plan.techniques, "models": plan.models, "temperatures": plan.temperatures}
    several = [f"{len(values)} {name}" for name, values in axes.items() if len(values) > 1]
    return " × ".join([" + ".join(dict.fromkeys(prompt.name for prompt in plan.prompts)), *several])


def form_of(plan: Plan, upload: str) -> FormValues:
    """The fields that describe this plan again; `upload` is the kept table of its cases."""
    return {
        "run_prompts": [_ref(prompt) for prompt in plan.prompts],
        "run_techniques": list(plan.techniques),
        "run_models": list(plan.models),
        "run_temperatures": [f"{value:g}" for value in plan.temperatures],
        "run_samples": plan.samples,
        "run_max_tokens": plan.max_tokens,
        "run_seed": plan.seed,
        "run_top_p": plan.top_p,
        "run_examples_k": plan.examples_k,
        "run_examples_as": plan.examples_as,
        "run_budget": plan.budget,
        "run_concurrency": plan.concurrency,
        "run_retries": plan.retries,
        "run_name": plan.name,
        "run_checks": None if plan.checks is None else [str(check) for check in plan.checks],
        "cases_source": "upload",
        "cases_upload": {"file": upload, "name": "cases of that run"},
    }


def _ref(prompt: Prompt) -> str:
    """Its name where the library still holds this version, else name@version."""
    try:
        current = server.library().load(prompt.name)[0].version
    except PromptgridError:
        current = ""
    return prompt.name if current == prompt.version else f"{prompt.name}@{prompt.version[:6]}"


def digest(form: FormValues, prompts: Sequence[Prompt], table: CasesTable, database: Database) -> str:
    """The same for the same sheet: what is asked, and what may have been answered or refused since."""
    asked = {name: value for name, value in form.items() if name.startswith("run_") and name != "run_name"}
    versions = [[p.name, p.version] for p in prompts]
    known = [[run.id, run.status, run.total] for run in runs.list_runs(database, limit=20)]
    refused = [[refusal.identity, refusal.model, refusal.at] for refusal in learned.all_refusals()]
    text = json.dumps([asked, versions, table.digest, known, refused], sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass
class Sheets:
    """Preflight sheets by digest. A large plan takes seconds to count: pages look in again instead of waiting."""

    _sheets: dict[str, Future[Preflight]] = field(default_factory=dict)
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "preflight"))

    def ask(self, key: str, plan: Plan) -> Future[Preflight]:
        """The sheet under that key, begun unless it is known; an older one that has not begun is given up."""
        if key not in self._sheets:
            for other, waiting in list(self._sheets.items()):
                if waiting.cancel() or len(self._sheets) >= KEPT_SHEETS:
                    del self._sheets[other]
            self._sheets[key] = self._pool.submit(client.preflight, server.database(), plan)
        return self._sheets[key]

    def knows(self, key: str) -> bool:
        """The sheet is there, or under way."""
        return key in self._sheets

    def forget(self, key: str) -> None:
        """Drops a sheet that could not be made, so that it is tried again."""
        self._sheets.pop(key, None)


@st.cache_resource
def sheets() -> Sheets:
    """One a server."""
    return Sheets()


def run_again_button(run_id: str) -> None:
    """Fills the form with the run's prompts, cases and settings; what is answered already will not be sent again."""
    st.button("Change and run again", key="run_again", on_click=_fill, args=(run_id,))


def _fill(run_id: str) -> None:
    plan = runs.plan_of(server.database(), run_id)
    columns = dict.fromkeys(name for case in plan.cases for name in case.inputs)
    expected = [EXPECTED] if any(case.expected is not None for case in plan.cases) else []
    table = cases_csv(plan.cases, [*columns, *expected])
    fill_form(form_of(plan, keep_upload(table.encode("utf-8", "replace"))))
    del st.query_params["run"]
