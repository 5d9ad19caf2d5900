"""Converts the form to a Plan and back, and computes preflights in the background."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import streamlit as st

from promptgrid import api
from promptgrid.cases.table import cases_jsonl
from promptgrid.errors import PromptgridError
from promptgrid.grading import parse_check
from promptgrid.grading.python_switch import check_switch
from promptgrid.grid import Plan
from promptgrid.grid.preflight import Preflight
from promptgrid.library.chains import with_texts
from promptgrid.models import learned
from promptgrid.prompt import Prompt
from promptgrid.prompt.parameters import NAMES
from promptgrid.runner import client
from promptgrid.store import Database, runs
from promptgrid.ui import server
from promptgrid.ui.run.axes import form_values, plan_values
from promptgrid.ui.run.form import FormValues, replace_form
from promptgrid.ui.run.tables import store_upload
from promptgrid.ui.widgets.feedback import show_error
from promptgrid.ui.widgets.tables import CasesTable

CACHED_PREFLIGHTS = 16
# The fields of a plan that have the same name in the form, with the prefix `run_`.
_SAME = (
    "max_tokens",
    "top_p",
    "seed",
    "length_penalty",
    "examples_k",
    "examples_as",
    "budget",
    "max_calls",
    "concurrency",
    "retries",
)


def load_prompts(refs: Sequence[str]) -> list[Prompt]:
    """Returns the prompts that these references name (a name, or name@version). Shows an error for each that cannot be
    loaded, and leaves it out."""

    def load(ref: str) -> Prompt:
        return api.load(ref, server.database())

    prompts = []
    for ref in refs:
        try:
            prompts.append(with_texts(load(ref), load))
        except PromptgridError as error:
            show_error(error)
    return prompts


def plan_of(form: FormValues, prompts: Sequence[Prompt], table: CasesTable) -> Plan:
    """Returns the plan that the form describes. Raises PlanError if the form is not valid, or has a check in Python
    while these are switched off."""
    checks = None if form["run_checks"] is None else tuple(map(parse_check, form["run_checks"]))
    check_switch(checks or ())
    return Plan.of(
        prompts=tuple(prompts),
        cases=table.cases,
        models=tuple(form["run_models"]),
        techniques=tuple(form["run_techniques"]),
        **plan_values(form),
        **{name: form[f"run_{name}"] for name in _SAME},
        samples=form["run_samples"] or 1,
        early_stop=form["run_early_stop"] or None,  # else it would overrule that of a prompt
        checks=checks,
        fresh=form["run_fresh"],
        name=form["run_name"].strip(),
    )


def form_of(plan: Plan, upload: str) -> FormValues:
    """Returns the values of the form that describe this plan. `upload` is the name of the stored file with its
    cases."""
    return {
        "run_prompts": [_ref(prompt) for prompt in plan.prompts],
        "run_techniques": list(plan.techniques),
        "run_models": list(plan.models),
        **form_values(plan),
        **{f"run_{name}": getattr(plan.parameters if name in NAMES else plan, name) for name in _SAME},
        "run_samples": plan.samples,
        "run_early_stop": bool(plan.parameters.early_stop),
        "run_checks": None if plan.checks is None else [str(check) for check in plan.checks],
        "cases_source": "upload",
        "cases_upload": {"file": upload, "name": "cases of that run"},
    }


def _ref(prompt: Prompt) -> str:
    """Returns the reference of the prompt for the form: its name if the library has this version, else name@version."""
    try:
        current = server.library().load(prompt.name)[0].version
    except PromptgridError:
        current = ""
    return prompt.name if current == prompt.version else f"{prompt.name}@{prompt.version[:6]}"


def preflight_key(form: FormValues, prompts: Sequence[Prompt], table: CasesTable, database: Database) -> str:
    """Returns a digest of everything that a preflight depends on: the form, the prompts, the cases, the recent runs,
    and the parameters that models have refused."""
    settings = {name: value for name, value in form.items() if name.startswith("run_") and name != "run_name"}
    versions = [[p.name, p.version] for p in prompts]
    recent_runs = [[run.id, run.status, run.total] for run in runs.list_runs(database, limit=20)]
    refusals = [[refusal.identity, refusal.model, refusal.at] for refusal in learned.all_refusals()]
    text = json.dumps([settings, versions, table.digest, recent_runs, refusals], sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass
class PreflightCache:
    """Preflights by key. They are computed in a background thread, because a large plan takes seconds; pages poll for
    the result."""

    _futures: dict[str, Future[Preflight]] = field(default_factory=dict)
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "preflight"))

    def request(self, key: str, plan: Plan) -> Future[Preflight]:
        """Returns the future of the preflight with this key. If the key is new, starts to compute it for `plan`, and
        cancels other preflights that have not started."""
        if key not in self._futures:
            for other, future in list(self._futures.items()):
                if future.cancel() or len(self._futures) >= CACHED_PREFLIGHTS:
                    del self._futures[other]
            self._futures[key] = self._pool.submit(client.preflight, server.database(), plan)
        return self._futures[key]

    def knows(self, key: str) -> bool:
        """Returns whether the preflight with this key is done or in progress."""
        return key in self._futures

    def forget(self, key: str) -> None:
        """Removes a preflight that has failed, so that the next `request` computes it again."""
        self._futures.pop(key, None)


@st.cache_resource
def preflights() -> PreflightCache:
    return PreflightCache()


def run_again_button(run_id: str) -> None:
    """Draws a button that fills the form with the plan of the run. Answered cells are not sent again."""
    st.button("Change and run again", key="run_again", on_click=_fill, args=(run_id,))


def _fill(run_id: str) -> None:
    plan = runs.plan_of(server.database(), run_id)
    table = cases_jsonl(plan.cases)  # JSONL keeps the types of values
    text = f"The form has the plan of the run {runs.find_run(server.database(), run_id).name} now."
    replace_form(form_of(plan, store_upload(table.encode(), "cases.jsonl")), text)
    del st.query_params["run"]
