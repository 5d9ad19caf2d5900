"""The tables of cases in the library's folder, which prompts name by their paths."""

from __future__ import annotations

from pathlib import Path

from promptgrid.errors import CasesError


def own_table(folder: Path, cases: str, prompt: str) -> Path:
    """Returns the path of the table `cases`, which is relative to the library's `folder`. `prompt` is the name of the
    prompt whose file has `cases`; error messages name it.

    Raises CasesError if the table does not exist, or is not in the folder: a prompt file may come from a stranger, and
    the rows of its table are sent and stored.
    """
    path = folder / cases
    if not _is_inside(folder, path):
        raise CasesError(
            f'The prompt "{prompt}" names cases outside of its library: {cases}.',
            hint="If you want them, name the file yourself: --cases FILE, or upload it.",
        )
    if not path.is_file():
        raise CasesError(f'The cases of "{prompt}" are not at {path}.', hint="Give --cases FILE.csv.")
    return path


def tables(folder: Path) -> list[Path]:
    """Returns the paths of the tables in cases/*.csv, without links that lead out of the library's `folder`."""
    return [path for path in (folder / "cases").glob("*.csv") if _is_inside(folder, path)]


def _is_inside(folder: Path, path: Path) -> bool:
    """Returns whether the file is in the folder, after `..` and links have been followed."""
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):  # a circle of links, a NUL in the name
        return False
