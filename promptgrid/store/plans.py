"""Stores plans and prompt versions: a plan as JSON, its cases as rows, its prompts as the text of their files."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, overload

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from promptgrid.cases.case_list import CaseList
from promptgrid.cases.own_checks import own_checks
from promptgrid.cases.table import Case
from promptgrid.errors import LibraryError, PromptError, StoreError
from promptgrid.grading import CheckSpec, parse_check
from promptgrid.grid import Decided, Plan, WireVariant
from promptgrid.library.files import SUFFIX
from promptgrid.library.folder import Library, library_folder, load_prompt
from promptgrid.library.versions import kept_prompt, kept_versions, marks
from promptgrid.models.parameters import Sent
from promptgrid.prompt import Prompt, dumps, loads, parameters_from
from promptgrid.prompt.parameters import AXIS_SPECS
from promptgrid.store.database import Database, now
from promptgrid.store.documents.retrieved import StoredContexts
from promptgrid.store.schema import cases, prompt_versions, runs
from promptgrid.suggestions import closest, listed

_ROWS = 500  # cases read at once
_SPECIAL = ("prompts", "cases", "checks", "parameters", "axes", "contexts", "vectors")


def plan_json(plan: Plan) -> str:
    """Returns the plan as JSON, without its cases. The keys are the arguments of `Plan.of`; prompts are pairs of name
    and version, checks are texts as the user types them."""
    body: dict[str, Any] = {f.name: getattr(plan, f.name) for f in fields(Plan) if f.name not in _SPECIAL}
    body |= plan.parameters.as_json() | {s.plural: plan.axes[s.column] for s in AXIS_SPECS if s.column in plan.axes}
    body["prompts"] = [[p.name, p.version] for p in plan.prompts]
    body["checks"] = None if plan.checks is None else [str(check) for check in plan.checks]
    return json.dumps(body)


def load_plan(database: Database, run_id: str) -> Plan:
    """Returns the run's plan, with the prompts in the versions that the run was planned with. Its cases are read from
    the database whenever they are needed."""
    with database.read() as connection:
        body = json.loads(connection.scalars(sa.select(runs.c.plan).where(runs.c.id == run_id)).one())
        prompts = tuple(_prompt(connection, name, version) for name, version in body.pop("prompts"))
    checks = body.pop("checks")
    settings: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in body.items()
    }
    return Plan.of(
        prompts=prompts,
        cases=StoredCases(database, run_id),
        contexts=StoredContexts(database, run_id),
        checks=None if checks is None else tuple(parse_check(text) for text in checks),
        **settings,
    )


def planned_as(database: Database, run_id: str) -> str:
    """Returns the run's plan as the JSON that is stored. If two calls return equal texts, the plan has not changed
    between them."""
    with database.read() as connection:
        return str(connection.scalars(sa.select(runs.c.plan).where(runs.c.id == run_id)).one())


def planned_checks(database: Database, run_id: str) -> list[CheckSpec]:
    """Returns the checks that the run's plan names, without those that follow from the prompts' answer rules. Reads no
    cases, which `runs.plan_of` does."""
    return [parse_check(text) for text in json.loads(planned_as(database, run_id)).get("checks") or ()]


def checks_in_order(database: Database, run_id: str, checks: Collection[str]) -> list[str]:
    """Returns the names of these checks of the run: first those that its plan names, in the order of the plan; of the
    others, those of an answer's form last, since a well-formed answer may be wrong."""
    names = [check.name for check in planned_checks(database, run_id)]
    others = sorted(set(checks).difference(names), key=lambda name: (name.endswith("-schema"), name))
    return [*filter(checks.__contains__, names), *others]


def decided_json(decided: Decided) -> str:
    """Returns, as JSON for `decided_of`, which parameters are sent to each model with each prompt version."""
    return json.dumps([[key, [_variant_json(variant) for variant in variants]] for key, variants in decided.items()])


def _variant_json(variant: WireVariant) -> dict[str, Any]:
    return {
        "same": [parameters.as_json() for parameters in variant.same],
        "sent": variant.sent.parameters.as_json(),
        "notes": variant.sent.notes,
        "honoured": dict(variant.sent.honoured),
        "token_parameter": variant.token_parameter,
    }


def decided_of(database: Database, run_id: str) -> Decided:
    """Returns which parameters are sent to each model with each prompt version, as decided when the run was planned."""
    with database.read() as connection:
        body = json.loads(connection.scalars(sa.select(runs.c.decided).where(runs.c.id == run_id)).one())
    return {tuple(key): [_variant(fields) for fields in variants] for key, variants in body}


def _variant(fields: Mapping[str, Any]) -> WireVariant:
    sent = Sent(parameters_from(fields["sent"]), tuple(fields["notes"]), fields["honoured"])
    return WireVariant(tuple(map(parameters_from, fields["same"])), sent, fields["token_parameter"])


def as_stored(plan: Plan) -> Plan:
    """Returns the plan with each prompt written to a text and read back, as it will be stored: line endings, for
    example, become newlines."""
    return replace(plan, prompts=tuple(loads(dumps(prompt), prompt.name) for prompt in plan.prompts))


def _prompt(connection: sa.Connection, name: str, version: str) -> Prompt:
    mine = (prompt_versions.c.version == version) & (prompt_versions.c.name == name)
    return loads(connection.scalars(sa.select(prompt_versions.c.text).where(mine)).one(), name)


class StoredCases(CaseList):
    """The cases of a run in the order of their positions, which are read a few hundred at a time. Raises StoreError if
    the run has been removed meanwhile."""

    repeated_id = ""  # its plan was checked

    def __init__(self, database: Database, run_id: str) -> None:
        self._database, self._run_id = database, run_id
        self._mine = cases.c.run_id == run_id
        with database.read() as connection:
            self._count = connection.scalar(sa.select(sa.func.count()).select_from(cases).where(self._mine)) or 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Case]:
        for start in range(0, self._count, _ROWS):
            yield from self._read(start, min(start + _ROWS, self._count))

    @overload
    def __getitem__(self, index: int) -> Case: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Case]: ...
    def __getitem__(self, index: int | slice) -> Case | Sequence[Case]:
        if isinstance(index, slice):
            return tuple(self)[index]
        at = range(self._count)[index]
        return self._read(at, at + 1)[0]

    @cached_property
    def own_checks(self) -> Mapping[str, int]:
        query = sa.select(cases.c.checks, sa.func.count()).where(self._mine, cases.c.checks != "")
        with self._database.read() as connection:
            rows = connection.execute(query.group_by(cases.c.checks).order_by(sa.func.min(cases.c.position))).all()
        counts = Counter[str]()
        for text, count in rows:
            counts.update({check.name: count for check in own_checks(text, f"run {self._run_id}")})
        return counts

    @cached_property
    def has_expected(self) -> bool:
        query = sa.select(sa.literal(1)).where(self._mine, cases.c.expected.is_not(None)).limit(1)
        with self._database.read() as connection:
            return connection.scalar(query) is not None

    def _read(self, start: int, end: int) -> list[Case]:
        """Returns the cases from the position `start` to that before `end`."""
        query = sa.select(cases).where(self._mine, cases.c.position >= start, cases.c.position < end)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(cases.c.position)).all()
        if len(rows) < end - start:
            raise StoreError(f"The run {self._run_id} has been removed.", hint="Start it again.")
        # One text for all rows, since the decoder keeps each name once a text
        inputs = json.loads(f"[{','.join(row.inputs for row in rows)}]")
        return [
            Case(row.case_id, values, row.expected, row.part, own_checks(row.checks, f"case {row.case_id}"))
            for row, values in zip(rows, inputs, strict=True)
        ]


def keep_version(connection: sa.Connection, prompt: Prompt) -> None:
    """Stores the text of the prompt under its version, permanently, so that a later run can use `name@version`."""
    row = {"version": prompt.version, "name": prompt.name, "text": dumps(prompt), "created": now()}
    connection.execute(insert(prompt_versions).values(row).on_conflict_do_nothing())


def versions(database: Database, name: str) -> list[tuple[str, float]]:
    """Returns the versions of a prompt that are stored in the database or kept in the library, newest first, as
    (version, time of first storing in seconds since 1970)."""
    times = kept_versions(Library(library_folder()), name) | _stored_versions(database, name)
    return sorted(times.items(), key=lambda item: item[1], reverse=True)


def copy_versions(database: Database, name: str, new_name: str) -> None:
    """Stores each version of the prompt `name` under `new_name` too, which it has from now on. The runs of the old
    name keep theirs."""
    old, columns = prompt_versions.c, ("version", "name", "text", "created")
    rows = sa.select(old.version, sa.literal(new_name), old.text, old.created).where(old.name == name)
    with database.write() as connection:
        connection.execute(insert(prompt_versions).from_select(columns, rows.where(sa.true())).on_conflict_do_nothing())


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """A version of a prompt: when it was first stored (Unix seconds), whether the prompt's file has it now, its labels
    and its note ("": none)."""

    version: str
    stored: float
    current: bool
    labels: Sequence[str]
    note: str


def listed_versions(database: Database, name: str) -> list[StoredVersion]:
    """Returns the versions of a prompt of the library, newest first. The version of its file comes first if it is not
    stored yet, with the time at which the file was saved. Raises LibraryError if there is neither such a prompt nor a
    version of it, or labels.toml cannot be read."""
    library = Library(library_folder())
    times = dict(versions(database, name))
    current = ""
    try:
        current = library.load(name)[0].version
        times.setdefault(current, library.path(name).stat().st_mtime)
    except (LibraryError, PromptError):
        if not times:
            raise
    of_name = marks(library, name)
    return [
        StoredVersion(version, stored, version == current, of_name.labels_of(version), of_name.notes.get(version, ""))
        for version, stored in sorted(times.items(), key=lambda item: item[1], reverse=True)
    ]


def named_prompt(database: Database, ref: str) -> Prompt:
    """Returns the prompt of a file, of a name in the library, of a version `name@version`, or of the version with a
    label, `name@label`. Raises LibraryError or PromptError."""
    name, at, version = ref.rpartition("@")
    if not at or not name or Path(ref).exists():
        return load_prompt(ref, Library(library_folder()))
    if name.endswith(SUFFIX):
        return prompt_at(database, Path(name).stem, version, Library(Path(name).expanduser().parent))
    return prompt_at(database, name, version)


def prompt_at(database: Database, name: str, ref: str, library: Library | None = None) -> Prompt:
    """Returns the version of the prompt `name` that `ref` names: by a label, or by the first characters of the version.
    Labels are read in the `library` (None: the usual one). Raises LibraryError when there is no such prompt, label or
    version, or more than one version matches."""
    library = library or Library(library_folder())
    labels, stored = marks(library, name).labels, _stored_versions(database, name)
    times = kept_versions(library, name) | stored
    if not labels and not times:
        library.load(name)  # raises the error, if there is no such prompt
    version = labels[ref] if ref in labels else _only_match(name, ref, list(times), labels)
    if version not in stored:
        return kept_prompt(library, name, version)
    with database.read() as connection:
        return _prompt(connection, name, version)


def _stored_versions(database: Database, name: str) -> dict[str, float]:
    query = sa.select(prompt_versions.c.version, prompt_versions.c.created).where(prompt_versions.c.name == name)
    with database.read() as connection:
        return {row.version: row.created for row in connection.execute(query)}


def _only_match(name: str, ref: str, known: Sequence[str], labels: Iterable[str]) -> str:
    """Returns the version among `known` that begins with `ref`. Raises LibraryError unless there is exactly one."""
    matches = [version for version in known if ref and version.startswith(ref)]
    if len(matches) == 1:
        return matches[0]
    kept = listed("Versions kept", [version[:6] for version in known])
    if matches:
        raise LibraryError(f'The version {ref} of "{name}" is not unique.', hint=kept)
    near = closest(ref, labels)
    there_are = " ".join(filter(None, [listed("Labels", labels), kept])) or "No version is kept yet: save or run it."
    hint = f"Did you mean {name}@{near}?" if near else there_are
    raise LibraryError(f'"{name}" has no label and no version {ref!r}.', hint=hint)


def roll_back(database: Database, library: Library, name: str, ref: str) -> tuple[bytes, str]:
    """Writes the version of the prompt that `ref` names (see `prompt_at`) into the prompt's file, whose comments,
    description, tags, table of cases and title stay. Stores the version that the file had before, so that it stays
    among the versions.

    Returns (the file's content before, its new etag), which `Library.replace` takes to undo this. Raises LibraryError
    or PromptError.
    """
    current, etag = library.load(name)
    before = library.path(name).read_bytes()
    old = prompt_at(database, current.name, ref)
    with database.write() as connection:
        keep_version(connection, current)
    of_file = {field: getattr(current, field) for field in ("description", "tags", "cases", "title")}
    return before, library.save(replace(old, **of_file), etag)
