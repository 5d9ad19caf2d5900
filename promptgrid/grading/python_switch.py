"""Whether the dashboard may run checks in Python: a setting in the user's config folder, off at first.

A check in Python is a program with the rights of the user. On the command line the user names its file; in the
dashboard it could come with a draft or a copied run.
"""

from __future__ import annotations

import shlex
import tomllib
from collections.abc import Iterable
from pathlib import Path

from promptgrid.errors import PlanError
from promptgrid.grading.spec import CheckSpec
from promptgrid.paths import config_folder

LINE = "python_checks = true"


def switch_file() -> Path:
    """Returns the path of settings.toml in the config folder, which holds the setting; it may not exist."""
    return config_folder() / "settings.toml"


def switched_on() -> bool:
    """Tells whether checks in Python are on: the file has the line `python_checks = true`. Raises PlanError if it
    cannot be read."""
    try:
        return tomllib.loads(switch_file().read_text("utf-8")).get("python_checks") is True
    except FileNotFoundError:
        return False
    except (OSError, ValueError) as error:
        raise PlanError(f"{switch_file()} cannot be read: {error}.", hint="Correct or remove the file.") from error


def check_switch(checks: Iterable[CheckSpec]) -> None:
    """Raises PlanError if one of the checks runs Python and `switched_on()` is False. Only the dashboard calls this:
    the command line runs such a check without the setting."""
    python = [check for check in checks if check.kind == "python"]
    if python and not switched_on():
        raise PlanError(
            f"The check {python[0].name!r} runs Python, which is off in the dashboard.",
            hint=f"To switch it on, write the line {LINE} into {switch_file()}. The command line runs a check that you "
            f"name: promptgrid check RUN --check {shlex.quote(str(python[0]))}",
        )
