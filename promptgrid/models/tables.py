"""Reads promptgrid's models.toml, and the user's models.toml in the config folder, which has the same form."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from promptgrid.errors import PromptgridError
from promptgrid.models.known import POLICIES
from promptgrid.paths import config_folder

FactsTable = Mapping[str, Any]

_VARIANTS = "free|beta|extended|thinking|online|nitro|floor|exacto"  # of OpenRouter, after a colon


def shipped(model: str) -> FactsTable:
    """The model's facts in promptgrid's models.toml; empty if the model is not listed."""
    return _row(_shipped(), model)


def users(model: str) -> FactsTable:
    """The model's facts in the user's models.toml; empty if there are none. Raises PromptgridError for a broken file,
    with its path and the model."""
    path = config_folder() / "models.toml"
    try:
        changed = path.stat().st_mtime_ns
    except OSError:
        return {}
    return _row(_table_of(path, changed), model)


def spellings(model: str) -> list[str]:
    """The names under which a table may list the model, the most exact first.

    >>> spellings("openai/gpt-4o-2024-08-06")
    ['openai/gpt-4o-2024-08-06', 'gpt-4o-2024-08-06', 'gpt-4o']

    The suffix of a router (`openai/gpt-4o:free`) is dropped, and Azure's spelling (`gpt-35-turbo`) is replaced by
    OpenAI's.
    """
    name = model.strip().lower()
    names = [name, name.rsplit("/", 1)[-1]]
    if names[-1].startswith("ft:"):
        names.append(names[-1].split(":")[1])
    names.append(re.sub(rf":({_VARIANTS})$", "", names[-1]))
    names.append(re.sub(r"^gpt-35(?=-|$)", "gpt-3.5", names[-1]))
    names.append(re.sub(r"-(\d{4}-\d{2}-\d{2}|\d{8}|\d{4}(-preview)?)$", "", names[-1]))
    names.append(names[-1].removesuffix("-latest"))
    return list(dict.fromkeys(names))


def _row(table: Mapping[str, FactsTable], model: str) -> FactsTable:
    """Returns the model's facts from the table: the entry under the most exact of its spellings, else the entry with
    the longest matching prefix (`gpt-4o*`); empty if none matches."""
    names = spellings(model)
    for name in names:
        if name in table:
            return table[name]
    prefixes = [key for key in table if key.endswith("*") and any(name.startswith(key[:-1]) for name in names)]
    return table[max(prefixes, key=len)] if prefixes else {}


@cache
def _shipped() -> Mapping[str, FactsTable]:
    return _table(Path(__file__).with_name("models.toml"))


@lru_cache(maxsize=4)
def _table_of(path: Path, changed: int) -> Mapping[str, FactsTable]:
    """Reads the table in the file. The result is cached; `changed` is the file's modification time, so a changed file
    is read again."""
    return _table(path)


def _table(path: Path) -> Mapping[str, FactsTable]:
    """Reads the facts of each model, by lower-case name. Raises PromptgridError, which names the file and the model."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise PromptgridError(f"{path} is not valid TOML: {error}.", hint="Correct that line.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise PromptgridError(f"{path} cannot be read: {error}.", hint="Correct or remove the file.") from error
    rows = data.get("models", {})
    if not isinstance(rows, dict):
        raise PromptgridError(f"{path}: models is not a table.", hint='Write a line [models."NAME"] above the facts.')
    source = f"{data.get('source', path)}, as of {data['as_of']}" if "as_of" in data else str(path)
    return {name.lower(): {"source": source, **_checked(path, name, row)} for name, row in rows.items()}


def _checked(path: Path, name: str, row: Any) -> dict[str, Any]:
    """Returns the facts in a `row` of the file `path`, for the model `name`, with the types of ModelFacts. Raises
    PromptgridError for a field that is unknown or has a wrong value."""
    if not isinstance(row, dict):
        raise PromptgridError(
            f"{path}: {name} is not a table.", hint=f'Write a line [models."{name}"] above its facts.'
        )
    values = {}
    for key, value in row.items():
        if key not in FIELDS or not FIELDS[key](value):
            raise PromptgridError(f"{path}: {key} = {value!s} is not valid for {name}.", hint=_hint(key))
        values[key] = Decimal(value) if key.endswith("_price") else value
    return values


def _hint(key: str) -> str:
    if key in ("temperature", "top_p"):
        return f"{key} is one of {', '.join(POLICIES if key == 'top_p' else TEMPERATURE_POLICIES)}."
    if key == "price_date":
        return 'It is a day in quotes: price_date = "2026-11-30".'
    if key in ("logprobs", "seed", "n"):
        return f"{key} is true or false; leave it out if it is not known."
    return f"Valid are {', '.join(sorted(FIELDS))}."


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_date(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(date.fromisoformat(value))
    except ValueError:
        return False


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_price(value: Any) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool) and value >= 0


TEMPERATURE_POLICIES = tuple(policy for policy in POLICIES if policy != "not_with_temperature")
FIELDS: Mapping[str, Callable[[Any], bool]] = {
    **dict.fromkeys(("context", "max_output"), _is_count),
    **dict.fromkeys(("encoding", "default_effort", "token_parameter", "source"), _is_text),
    "price_date": _is_date,
    **dict.fromkeys(("input_price", "output_price", "cached_price"), _is_price),
    **dict.fromkeys(("logprobs", "seed", "n"), _is_flag),
    "temperature": lambda value: value in TEMPERATURE_POLICIES,
    "top_p": lambda value: value in POLICIES,
}
