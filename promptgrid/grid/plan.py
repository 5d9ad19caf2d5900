"""Defines a plan: prompts × techniques × cases × models × values of parameters (temperatures …) × samples."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

from promptgrid import techniques
from promptgrid.budget import parse_budget
from promptgrid.cases.case_list import CaseList, case_list
from promptgrid.cases.table import Case
from promptgrid.connections import DEFAULT_MODEL, split_model
from promptgrid.errors import MissingVariables, PlanError
from promptgrid.grading import USUAL, CheckSpec, default_checks
from promptgrid.grid.contexts import Contexts, Vectors
from promptgrid.prompt import EMPTY, Parameters, Prompt, parameters_from
from promptgrid.prompt.chained import needed_variables, step_models
from promptgrid.prompt.parameters import AXIS_SPECS, NAMES, SPECS, ParameterSpec, Value
from promptgrid.prompt.retrieval import CHUNKS, CONTEXT
from promptgrid.suggestions import closest, listed
from promptgrid.techniques import ExamplesAs

MAX_SAMPLES = 1000
MAX_EXAMPLES = 10_000_000
MAX_CALLS = 1_000_000_000
MAX_CONCURRENCY = 1024
MAX_RETRIES = 100


@dataclass(frozen=True)
class Plan:
    """What to run: every prompt with every technique, case, model and combination of axis values, `samples` times.

    `axes` holds the values of the varied parameters, by column (AXIS_SPECS), such as `temperature`; `parameters` holds
    the parameters with one value. A parameter that is in neither has each prompt's own value. `checks` None means the
    default checks of each prompt's answer rule; a check `usual` in `checks` stands for them. `examples_k`
    None means all examples. `budget` is such as `2.50usd`; empty means none. `max_calls` is the most calls that the run
    may make, judges and lost calls included (None: any number). `concurrency` None means the endpoint's own. `retries`
    is how often a failed call is sent again. `fresh` sends calls even if their replies are stored. `contexts` finds
    what is retrieved (None: the points of a plan that retrieves cannot be made yet), `vectors` computes results of
    tools, and which examples are near to a case.
    """

    prompts: tuple[Prompt, ...]
    cases: Sequence[Case]
    models: tuple[str, ...] = (DEFAULT_MODEL,)
    techniques: tuple[str, ...] = ("zero-shot",)
    axes: Mapping[str, tuple[Value, ...]] = field(default_factory=lambda: EMPTY)
    samples: int = 1
    parameters: Parameters = field(default_factory=Parameters)
    examples_k: int | None = None
    examples_as: ExamplesAs = "turns"
    checks: tuple[CheckSpec, ...] | None = None
    budget: str = ""
    max_calls: int | None = None
    concurrency: int | None = None
    retries: int = 5
    fresh: bool = False
    name: str = ""
    contexts: Contexts | None = field(default=None, compare=False, repr=False)
    vectors: Vectors | None = field(default=None, compare=False, repr=False)

    @classmethod
    def of(cls, **settings: Any) -> Plan:
        """Returns a plan from keywords: its fields, its parameters (`seed=1`) and its axes (`temperatures=[0,
        0.7]`). `beams` is both: a number is the one value, a list an axis.

        Raises PlanError for a value that is out of range, or a plan with nothing to run.
        """
        single = {spec.name for spec in AXIS_SPECS if not isinstance(settings.get(spec.name), Iterable)}
        varied = [spec for spec in AXIS_SPECS if spec.plural in settings and spec.plural not in single]
        axes = {spec.column: settings.pop(spec.plural) for spec in varied}
        parameters = parameters_from({name: settings.pop(name) for name in NAMES if name in settings})
        return cls(parameters=parameters, axes=axes, **settings)

    def __post_init__(self) -> None:
        object.__setattr__(self, "cases", case_list(self.cases))
        for what in ("prompts", "cases", "models", "techniques"):
            if not getattr(self, what):
                raise PlanError(f"The plan has no {what}.", hint=f"Choose at least one of the {what}.")
        object.__setattr__(self, "models", tuple(ref.strip() for ref in self.models))
        object.__setattr__(self, "models", tuple(dict.fromkeys(self.models)))
        object.__setattr__(self, "techniques", tuple(dict.fromkeys(map(techniques.known_technique, self.techniques))))
        axes = {spec.column: spec.values(self.axes[spec.column]) for spec in AXIS_SPECS if self.axes.get(spec.column)}
        object.__setattr__(self, "axes", MappingProxyType(axes))
        parse_budget(self.budget)
        self._check_numbers()
        self._check_names()
        self._check_own_checks()

    def _check_numbers(self) -> None:
        ranges: tuple[tuple[str, str, float, float], ...] = (
            ("Samples", "samples", 1, MAX_SAMPLES),
            ("Examples shown", "examples_k", 0, MAX_EXAMPLES),
            ("Max calls", "max_calls", 1, MAX_CALLS),
            ("Concurrency", "concurrency", 1, MAX_CONCURRENCY),
            ("Retries", "retries", 0, MAX_RETRIES),
        )
        for label, name, low, high in ranges:
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise PlanError(f"{label} {value:,} is out of range.", hint=f"It goes from {low:,} to {high:,}.")
        self.parameters.check()
        if self.examples_k is not None and (self.parameters.shots is not None or "shots" in self.axes):
            raise PlanError("The plan has examples and shots.", hint="Give one of them: shots may be several numbers.")
        for spec in SPECS:
            own = getattr(self.parameters, spec.name)
            values = self.axes.get(spec.column, ())
            if values and own is not None:
                raise PlanError(f"The plan has {spec.axis} and a {spec.name}.", hint="Give one of them.")
            for value in values:
                spec.check(value)

    def _check_names(self) -> None:
        repeated_id = self._case_list.repeated_id
        by_name = {
            "cases": [repeated_id] * 2 if repeated_id else [],
            "checks": [check.name for check in self.checks or ()],
            "prompts": [f"{p.name}@{p.version[:6]}" for p in self.prompts],
        }
        for what, names in by_name.items():
            if twice := [name for name, count in Counter(names).items() if count > 1]:
                raise PlanError(f"Two {what} are called {twice[0]!r}.", hint="Give each a name of its own.")

    def _check_own_checks(self) -> None:
        """Raises PlanError if a case brings a check with the name of a check of the run: two meanings in one column."""
        names = {check.name for check in self.all_checks}
        for case in self.cases if names.intersection(self.own_checks) else ():
            for check in case.checks:
                if check.name in names:
                    message = f"Case {case.id} brings a check called {check.name!r}, as the run has for all cases."
                    renamed = replace(check, name=f"own {check.name}"[:40])
                    hint = f"Leave it out of the table, or give it a name of its own, such as {renamed}."
                    raise PlanError(message, hint=hint)

    def values_of(self, spec: ParameterSpec) -> tuple[Value, ...]:
        """Returns the values that the plan gives a parameter: one, or those of its axis; empty if each prompt's own
        value applies."""
        own = getattr(self.parameters, spec.name)
        return self.axes.get(spec.column, ()) if own is None else (own,)

    def checks_for(self, prompt: Prompt) -> tuple[CheckSpec, ...]:
        """Returns the checks that score this prompt's replies: the plan's, or the default ones of the prompt's answer
        rule."""
        usual = default_checks(prompt.answer, self.has_expected, tools=bool(prompt.tools))
        if self.checks is None:
            return usual
        checks = [check for one in self.checks for check in (usual if one.kind == USUAL else (one,))]
        return tuple({check.name: check for check in checks}.values())  # a named check replaces a usual one

    def checks_of(self, prompt: Prompt, case: Case) -> tuple[CheckSpec, ...]:
        """Returns the checks that score this prompt's replies to this case: the run's, then the case's own."""
        return (*self.checks_for(prompt), *case.checks)

    @property
    def own_checks(self) -> Mapping[str, int]:
        """The names of the checks that cases bring, each with its number of cases."""
        return self._case_list.own_checks

    @property
    def columns(self) -> list[str]:
        """The names of the inputs that cases have."""
        return list(self._case_list.columns)

    @property
    def has_expected(self) -> bool:
        """Whether any case has an expected answer."""
        return self._case_list.has_expected

    @property
    def _case_list(self) -> CaseList:
        return case_list(self.cases)

    @property
    def usual_name(self) -> str:
        """The default name of a run: `sentiment × 3 techniques × 2 temperatures`."""
        axes: dict[str, tuple[Value, ...]] = {"techniques": self.techniques, "models": self.models}
        axes |= {spec.axis: self.values_of(spec) for spec in AXIS_SPECS}
        counts = [f"{len(values)} {axis}" for axis, values in axes.items() if len(values) > 1]
        return " × ".join([" + ".join(dict.fromkeys(prompt.name for prompt in self.prompts)), *counts])

    @property
    def all_checks(self) -> tuple[CheckSpec, ...]:
        """The checks of all prompts of the plan; a check that several prompts have stands once."""
        return tuple({str(check): check for prompt in self.prompts for check in self.checks_for(prompt)}.values())

    @cached_property
    def step_models(self) -> tuple[str, ...]:
        """The models, ENDPOINT/MODEL, that steps of the prompts' chains ask instead of the plan's; each once."""
        return tuple(dict.fromkeys(ref for prompt in self.prompts for ref in step_models(prompt)))

    @property
    def endpoint_names(self) -> tuple[str, ...]:
        """The names of the endpoints of all models that the plan asks, each once."""
        return tuple(dict.fromkeys(split_model(ref)[0] for ref in (*self.models, *self.step_models)))

    def check_variables(self) -> None:
        """Raises MissingVariables with all required variables of the prompts for which some case has no value."""
        missing: dict[str, list[str]] = {}
        columns = self._case_list.columns
        filled = (CONTEXT, CHUNKS) if self.parameters.collection or self.axes.get("collection") else ()
        for prompt in self.prompts:
            needed = [v for v in needed_variables(prompt) if v.required and v.name not in filled]
            for variable in needed:
                if columns.get(variable.name, 0) < len(self.cases):
                    missing.setdefault(variable.name, []).extend(variable.places)
        if missing:
            raise MissingVariables(missing, hint=columns_hint(missing, self.columns))


def columns_hint(missing: Iterable[str], columns: Sequence[str]) -> str:
    """Returns a hint for variables that no column provides: the columns, and those that the variables may mean; "" if
    there are no columns."""
    if not columns:
        return ""
    names = list(missing)
    spelled = {re.sub(r"\W+", "_", column).casefold(): column for column in columns}
    near = {name: spelled.get(name.casefold()) or closest(name, columns) for name in names}
    meant = " ".join(f"Did you mean {column} by {name}?" for name, column in near.items() if column)
    dashed = [c for c in columns if not c.isidentifier() and set(re.split(r"\W+", c)) <= set(names)]
    renamed = " ".join(f"A variable cannot be called {c}: name the column {_as_name(c)}." for c in dashed)
    return f"{listed('The columns are', columns)} {renamed or meant}".strip()


def _as_name(column: str) -> str:
    return re.sub(r"\W+", "_", column).strip("_")
