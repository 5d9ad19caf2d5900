"""The Python interface: `run(plan("sentiment", cases="cases.csv", temperatures=[0, 0.7]))` returns a data frame."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from promptgrid.cases.raw import json_value, listed
from promptgrid.cases.table import EXPECTED, TOO_LARGE, Case, Cases, case_of, is_too_large, read_cases
from promptgrid.compact import Packed
from promptgrid.connections import DEFAULT_MODEL
from promptgrid.errors import CasesError
from promptgrid.fewshot import pooled
from promptgrid.grading import parse_check
from promptgrid.grid import Plan
from promptgrid.grid.doubts import doubts as doubts_of
from promptgrid.library.chains import with_texts
from promptgrid.library.folder import library_folder
from promptgrid.library.own_cases import own_table
from promptgrid.prompt import Prompt
from promptgrid.prompt.parameters import AXIS_SPECS
from promptgrid.runner import client, here
from promptgrid.store import Database, cell_columns, plans
from promptgrid.store.across.parts import cases_of_part
from promptgrid.store.runs import RunProgress

if TYPE_CHECKING:
    import pandas as pd

CasesLike = str | Path | Cases | Iterable[Mapping[str, Any] | Case] | None


def load(ref: str | Path, database: Database | None = None) -> Prompt:
    """Returns the prompt that `ref` names: a file, a name in the library, or `name@version` for a version stored in the
    `database` (None: the one in the data folder). Raises LibraryError or PromptError."""
    return plans.named_prompt(database or Database(), str(ref))


def plan(
    prompts: str | Path | Prompt | Sequence[str | Path | Prompt],
    cases: CasesLike = None,
    *,
    models: str | Sequence[str] = (),
    techniques: str | Sequence[str] = ("zero-shot",),
    checks: Sequence[str] | None = None,
    expected: str = "",
    encoding: str = "",
    part: str = "",
    group: str = "",
    examples_from: str | Path = "",
    show: Callable[[str], object] | None = None,
    doubts: bool = True,
    **settings: Any,
) -> Plan:
    """Makes a plan of prompts (objects, files or names), cases (the file of a table, or rows), models (ENDPOINT/MODEL;
    empty: the built-in one), techniques (names) and checks (texts; None: the usual ones of each prompt's answer rule).

    Without cases the first prompt's own table is used or, if it has none, one case of its example inputs. `expected`
    names the column with the expected answers, `encoding` the encoding of a file that is not UTF-8. `part` selects the
    cases of one part (learn, choose or prove); cases with the same value in the column `group` are always in the same
    part. `examples_from` is the file of a table: its cases of the part *learn* take the place of the prompts' examples.

    `show` is called with each note; by default a note becomes a warning. The notes are about the cases (tolerated
    errors of the file, duplicates), the prompts (`Prompt.notes`) and, with `doubts`, what may be wrong with the plan
    (such as replies that will not be scored).

    `settings` are the other arguments of `Plan.of`: temperatures (one or several), samples, max_tokens, seed, budget …
    Raises PlanError, CasesError, LibraryError, PromptError.
    """
    settings |= {s.plural: _listed(settings[s.plural]) for s in AXIS_SPECS if s.plural in settings}
    named = (p if isinstance(p, Prompt) else load(p) for p in _listed(prompts))
    loaded = tuple(with_texts(prompt, load) for prompt in named)
    if examples_from:
        loaded = tuple(pooled(prompt, learned_from(examples_from, loaded, group)) for prompt in loaded)
    table = _table(cases, loaded, expected, encoding)
    part_cases, notes = cases_of_part(Database(), table.cases, loaded, part=part, group=group)
    new = Plan.of(
        prompts=loaded,
        cases=part_cases,
        models=_listed(models) or (DEFAULT_MODEL,),
        techniques=_listed(techniques),
        checks=None if checks is None else tuple(map(parse_check, checks)),
        **settings,
    )
    of_prompts = [f"{prompt.name}: {note}" for prompt in loaded for note in prompt.notes]
    for note in (*of_prompts, *table.notes, *notes, *(doubts_of(new) if doubts else ())):
        if show is None:
            warnings.warn(note, stacklevel=2)
        else:
            show(note)
    return new


def run(
    plan: Plan, *, database: Database | None = None, progress: Callable[[RunProgress], None] | None = None
) -> pd.DataFrame:
    """Carries out the plan in this process and returns a data frame with one row per cell and the columns of the
    results file. The run is stored in the `database` (None: the one in the data folder). `progress` is called about
    once a second."""
    database = database or Database()
    run_id = client.submit(database, plan)
    with here.carried_out_here(database, run_id) as watch:
        for _, state in here.follow(database, run_id, watch):
            if progress:
                progress(state)
    return frame(database, run_id)


def frame(database: Database, run_id: str) -> pd.DataFrame:
    """Returns the results of a run as a data frame: one row per cell, with the columns of the results file in its
    order."""
    import pandas as pd

    from promptgrid.export import columns_for
    from promptgrid.export.retrieved import named_rows

    names = columns_for(*cell_columns.columns_of(database, run_id))
    rows = list(named_rows(database, run_id, names))
    try:
        return pd.DataFrame(rows, columns=names)
    except UnicodeEncodeError:  # half a character (a lone surrogate), which only a column of objects can hold
        return pd.DataFrame({name: _column([row[name] for row in rows]) for name in names})


def _column(values: list[Any]) -> pd.Series[Any]:
    import pandas as pd

    try:
        return pd.Series(values)
    except UnicodeEncodeError:
        return pd.Series(values, dtype=object)


def learned_from(path: str | Path, prompts: Sequence[Prompt], group: str = "") -> Sequence[Case]:
    """Returns the cases of a table that may be shown as examples: those of the part *learn* with an expected answer.
    Raises CasesError if there is none."""
    table = cases_table(str(path), prompts)
    cases, _ = cases_of_part(Database(), table.cases, prompts, part="learn", group=group)
    known = [case for case in cases if case.expected]
    if not known:
        raise CasesError(f"{path} has no case of the part learn with an expected answer to show as an example.")
    return known


def _listed(value: Any) -> tuple[Any, ...]:
    one = isinstance(value, (str, Path, Prompt, int, float))
    return (value,) if one else tuple(value)


def _table(source: CasesLike, prompts: Sequence[Prompt], expected: str, encoding: str) -> Cases:
    if isinstance(source, Cases):
        return source
    if source is None or isinstance(source, (str, Path)):
        return cases_table(source, prompts, expected=expected, encoding=encoding)
    large: list[str] = []
    cases = Packed(_small(source, expected, large))
    notes = (f"{listed('case', large)} {TOO_LARGE}",) if large else ()
    if notes and not cases:
        raise CasesError(f"No case can be run: {notes[0]}.", hint="Split each into several.")
    return Cases(cases, tuple(dict.fromkeys(name for case in cases for name in case.inputs)), notes)


def _small(rows: Iterable[Mapping[str, Any] | Case], expected: str, large: list[str]) -> Iterator[Case]:
    """Yields the case of each row that a prompt can take, and adds the ids of the others to `large`."""
    for number, row in enumerate(rows, 1):
        case = _case(row, number, expected)
        if is_too_large((*case.inputs.values(), case.expected)):
            large.append(case.id)
        else:
            yield case


def _case(row: Mapping[str, Any] | Case, number: int, expected: str) -> Case:
    if isinstance(row, Case):
        return row
    values = {name: json_value(value, f"case {number}: {name!r}") for name, value in row.items()}
    named = {EXPECTED if name == expected else name: value for name, value in values.items()}
    return case_of(number, named, f"case {number}")


def cases_table(
    source: str | Path | None, prompts: Sequence[Prompt], *, expected: str = "", encoding: str = ""
) -> Cases:
    """Returns the cases in the file `source`; `expected` names the column of expected answers, `encoding` the encoding
    of a file that is not UTF-8. If `source` is None, returns those of the first prompt's own table, or one case with
    the examples of its inputs. Raises CasesError."""
    if source is not None:
        return read_cases(Path(source), expected=expected, encoding=encoding)
    prompt = prompts[0]
    if prompt.cases:
        path = own_table(library_folder(), prompt.cases, prompt.name)
        return read_cases(path, expected=expected, encoding=encoding)
    inputs = prompt.given_examples
    return Cases((Case(id="1", inputs=inputs, expected=None),), tuple(inputs))
