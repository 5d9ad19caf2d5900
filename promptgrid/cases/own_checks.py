"""Reads the checks that a case brings itself, from the column `checks` of its table.

They score the replies to that case only, beside the checks of the run. They run on any machine that opens the table, so
those that run Python or call a model are refused: the user must name such a check for the run.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from promptgrid.errors import CasesError, PlanError
from promptgrid.grading import CheckSpec, parse_check

CHECKS = "checks"
"""The name of the column."""

_HINT = 'Write a list of checks as `--check` takes them: ["please=contains:text=please", "length:max=50"].'


def own_checks(value: Any, where: str) -> tuple[CheckSpec, ...]:
    """Returns the checks in a cell: a list of texts, the same as JSON, or the text of a single check; none for an empty
    cell. `where` names the row in errors. Raises CasesError for a check that cannot be read or may not come with a
    case, and for two checks of the same name."""
    if value == "":
        return ()
    checks = tuple(_check(text, where) for text in _texts(value, where))
    if twice := [name for name, count in Counter(check.name for check in checks).items() if count > 1]:
        raise CasesError(
            f"{where}: two checks are called {twice[0]!r}.", hint="Name them: please=contains:text=please."
        )
    return checks


def checks_text(checks: Sequence[CheckSpec]) -> str:
    """Returns the checks as JSON, as `own_checks` reads them; "" for none."""
    return json.dumps([str(check) for check in checks], ensure_ascii=False) if checks else ""


def _texts(value: Any, where: str) -> Sequence[str]:
    listed = value
    if isinstance(value, str):
        text = value.strip()
        try:
            listed = json.loads(text) if text.startswith("[") else [text] if text else []
        except (ValueError, RecursionError) as error:
            raise CasesError(f"{where}: the checks are no JSON: {error}.", hint=_HINT) from error
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        raise CasesError(f"{where}: the checks are no list of texts.", hint=_HINT)
    return listed


def _check(text: str, where: str) -> CheckSpec:
    try:
        check = parse_check(text)
    except PlanError as error:
        raise CasesError(f"{where}: {error.message}", hint=error.hint) from error
    if check.plain:
        return check
    does = {"python": "runs Python", "usual": "stands for the usual checks"}.get(check.kind, "calls a model")
    message = f"{where}: the check {check.name!r} {does}, and may not come with a case."
    hint = "Leave it out of the table."
    if check.kind != "usual":
        hint = f"{hint} To agree to it, name it for the run: --check '{check}'."
    raise CasesError(message, hint=hint)
