"""Stores what was retrieved for the cells of a run, and gives it back: to the runner, and to whatever measures it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from promptgrid.cases.table import Case
from promptgrid.grid import Point
from promptgrid.prompt import Parameters
from promptgrid.prompt.retrieval import retrieval_id
from promptgrid.store.database import Database, Row, storable, write_many
from promptgrid.store.documents.tables import document_texts, retrieved
from promptgrid.store.schema import cases, cells
from promptgrid.techniques.passages import Context, Passages, RetrievedPassage, context_id

_INSERT = insert(retrieved).on_conflict_do_nothing()
_ASKS = (cells.c.query.not_in(["as-asked"])) | (cells.c.rerank.not_in(["none"]))  # a model decides what is shown
_CONTEXT = sa.case((_ASKS, sa.func.coalesce(cells.c.shown, "")), else_=cells.c.retrieval)
_SHOW = (
    cells.update()
    .where(cells.c.run_id == sa.bindparam("of_run"), cells.c.position == sa.bindparam("at"))
    .values(shown=sa.bindparam("context"))
)
_TEXTS = 64  # kept in memory
_CASES = 256  # whose passages are read at once
_FIELDS = ("document", "digest", "title", "page", "start", "end", "rank", "score")
_COLUMNS = [retrieved.c[name] for name in _FIELDS]

ContextsByCase = dict[tuple[str, str], Context]
"""What was retrieved, by the id of the case and of the setting of retrieval."""


def contexts_of(points: Iterable[Point]) -> ContextsByCase:
    """Returns what was retrieved for the points."""
    return {(one.case.id, one.context.id): one.context for one in points if one.context.passages}


def retrieved_of(database: Database, run_id: str, position: int) -> Passages:
    """Returns the passages that the prompt of the run's cell at `position` shows, in the order of the prompt: the one
    at index n - 1 is called [n] there. Each has its document (name and digest of the text), start and end in that text,
    rank (1: the best), score and text. Empty if the cell retrieves nothing, or if nothing was found."""
    mine = (cells.c.run_id == run_id) & (cells.c.position == position)
    joined = cells.join(cases, (cases.c.run_id == cells.c.run_id) & (cases.c.position == cells.c.case_position))
    with database.read() as connection:
        cell = connection.execute(sa.select(_CONTEXT, cases.c.case_id).select_from(joined).where(mine)).first()
    return StoredContexts(database, run_id, at_once=1).of(*cell) if cell else ()


class StoredContexts:
    """What was retrieved when the run was planned. A collection that has changed or was deleted since changes
    nothing."""

    notes: Sequence[str] = ()

    def __init__(self, database: Database, run_id: str, *, at_once: int = _CASES) -> None:
        self._database, self._run_id, self._at_once = database, run_id, at_once
        self._text = lru_cache(maxsize=_TEXTS)(self._read_text)
        self._lot: Mapping[str, Mapping[str, Passages]] = {}  # by case and setting

    def passages(self, parameters: Parameters, case: Case) -> Passages:
        """Returns the passages of the case by these parameters, in the order of the prompt."""
        return self.of(retrieval_id(parameters), case.id)

    def of(self, retrieval: str, case_id: str) -> Passages:
        """Returns the passages of the case by the setting with this `retrieval_id`, in the order of the prompt."""
        case_id = storable(case_id)
        if case_id not in self._lot:
            self._lot = self._read(case_id)
        return self._lot[case_id].get(retrieval, ())

    def search(self, parameters: Parameters, case: Case, queries: Sequence[str]) -> Context:
        """Returns what these queries have found for the run before; no passages if they have not been searched for."""
        name = context_id(retrieval_id(parameters), queries)
        return Context(name, self.of(name, case.id))

    def _read(self, case_id: str) -> Mapping[str, Mapping[str, Passages]]:
        """Returns the passages of this case and of those that follow it in the run, which are asked for next."""
        mine = cases.c.run_id == self._run_id
        first = sa.select(cases.c.position).where(mine, cases.c.case_id == case_id).scalar_subquery()
        ids = sa.select(cases.c.case_id).where(mine, cases.c.position >= first).order_by(cases.c.position)
        with self._database.read() as connection:
            lot = {case_id: dict[str, Passages]()} | {
                one: dict[str, Passages]() for one in connection.scalars(ids.limit(self._at_once))
            }
            query = sa.select(retrieved.c.case_id, retrieved.c.retrieval, *_COLUMNS)
            query = query.where(retrieved.c.run_id == self._run_id, retrieved.c.case_id.in_(lot))
            rows = connection.execute(query.order_by(retrieved.c.number)).all()
        for one, setting, *values in rows:
            passage = self._passage(dict(zip(_FIELDS, values, strict=True)))
            lot[one][setting] = (*lot[one].get(setting, ()), passage)
        return lot

    def _passage(self, fields: dict[str, Any]) -> RetrievedPassage:
        return RetrievedPassage(**fields, text=self._text(fields["digest"])[fields["start"] : fields["end"]])

    def _read_text(self, digest: str) -> str:
        with self._database.read() as connection:
            query = sa.select(document_texts.c.text).where(document_texts.c.digest == digest)
            return str(connection.scalars(query).one())


class RetrievalSetting(NamedTuple):
    """How the cells with one context retrieve, as they were planned; None: that parameter is not set."""

    collection: str | None
    chunker: str | None
    retriever: str | None
    chunks: int | None


@dataclass(frozen=True, slots=True)
class RunRetrieval:
    """What the cells of a run show of documents.

    settings  the settings of retrieval, by the id of a context (`Context.id`)
    of_cell   for each cell that retrieves, (the id of its context, the id of its case), by the cell's position; a cell
              whose model has not decided yet what it is shown is missing
    shown     the passages by (the id of the context, the id of the case), in the order of the prompt; their `text` is
              left out (""). A pair is missing if nothing was found
    """

    settings: Mapping[str, RetrievalSetting]
    of_cell: Mapping[int, tuple[str, str]]
    shown: Mapping[tuple[str, str], Passages]


def retrieval_of_run(database: Database, run_id: str) -> RunRetrieval | None:
    """Returns what the cells of the run show of documents; None if none of its cells retrieves."""
    of_case = (cases.c.run_id == cells.c.run_id) & (cases.c.position == cells.c.case_position)
    mine = (cells.c.run_id == run_id) & (_CONTEXT != "")
    settings = sa.select(_CONTEXT, *(cells.c[name] for name in RetrievalSetting._fields)).where(mine)
    of_cell = sa.select(cells.c.position, _CONTEXT, cases.c.case_id).join(cases, of_case).where(mine)
    passages = sa.select(retrieved.c.retrieval, retrieved.c.case_id, *_COLUMNS).where(retrieved.c.run_id == run_id)
    shown: dict[tuple[str, str], Passages] = {}
    with database.read() as connection:
        by_id = {row[0]: RetrievalSetting(*row[1:]) for row in connection.execute(settings.distinct())}
        if not by_id:
            return None
        for setting, case_id, *values in connection.execute(passages.order_by(retrieved.c.number)):
            fields: dict[str, Any] = dict(zip(_FIELDS, values, strict=True))
            shown[setting, case_id] = (*shown.get((setting, case_id), ()), RetrievedPassage(**fields, text=""))
        return RunRetrieval(by_id, {row[0]: (row[1], row[2]) for row in connection.execute(of_cell)}, shown)


def insert_contexts(connection: sa.Connection, run_id: str, contexts: Mapping[tuple[str, str], Context]) -> None:
    """Stores the contexts, by the id of the case and of the setting; one that the run has stays as it is."""
    rows = [row for (case_id, _), context in contexts.items() for row in _rows(run_id, case_id, context)]
    write_many(connection, _INSERT, rows)


@dataclass(frozen=True, slots=True)
class CellContext:
    """What a search has found while a run is carried out, for a case. `position` is that of the cell whose prompt shows
    it (None: it is not shown as it was found)."""

    case_id: str
    context: Context
    position: int | None = None


def insert_found(connection: sa.Connection, run_id: str, found: Sequence[CellContext]) -> None:
    """Stores what searches have found, and which cells show it."""
    if found:
        insert_contexts(connection, run_id, {(one.case_id, one.context.id): one.context for one in found})
        rows = [(one.position, one.context.id) for one in found if one.position is not None]
        write_many(connection, _SHOW, [{"of_run": run_id, "at": at, "context": name} for at, name in rows])


def _rows(run_id: str, case_id: str, context: Context) -> Sequence[Row]:
    return [
        {"run_id": run_id, "retrieval": context.id, "case_id": storable(case_id), "number": number}
        | {name: getattr(one, name) for name in _FIELDS}
        for number, one in enumerate(context.passages, 1)
    ]
