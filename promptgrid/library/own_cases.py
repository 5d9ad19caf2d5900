"""The tables of cases in the library's folder, which prompts name by their paths."""

from __future__ import annotations

from pathlib import Path

from promptgrid.errors import CasesError, LibraryError
from promptgrid.library.files import failed, safe_name, write

TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".xlsx", ".parquet")
"""The endings of the tables in the library: all that can be read, but .txt, which may be a note."""

MOST_ALIKE = 1000


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
    """Returns the paths of the tables in cases/, without links that lead out of the library's `folder`."""
    paths = (path for suffix in TABLES for path in (folder / "cases").glob(f"*{suffix}"))
    return [path for path in paths if _is_inside(folder, path)]


def add_table(folder: Path, name: str, data: bytes) -> Path:
    """Writes `data` as a table with the file name `name` into cases/ of the library's `folder` and returns its path. If
    a table of that name exists, the new one gets a number (`name-2.csv`); a name with another ending gets `.csv`.
    Raises LibraryError for a name that is not a safe file name, and if the system does not allow writing."""
    stem, suffix = (name.removesuffix(Path(name).suffix), Path(name).suffix.lower())
    stem, suffix = safe_name(stem), suffix if suffix in TABLES else ".csv"
    for number in range(1, MOST_ALIKE):
        path = folder / "cases" / (f"{stem}{suffix}" if number == 1 else f"{stem}-{number}{suffix}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(exist_ok=False)  # no other process takes the name meanwhile
        except FileExistsError:
            continue
        except OSError as error:
            raise failed("write", path, error) from error
        write(path, data)
        return path
    raise LibraryError(f"There are {MOST_ALIKE:,} tables called {stem}.", hint="Choose another name.")


def _is_inside(folder: Path, path: Path) -> bool:
    """Returns whether the file is in the folder, after `..` and links have been followed."""
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):  # a circle of links, a NUL in the name
        return False
