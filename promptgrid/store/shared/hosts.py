"""The processes that carry out runs of a store on a server: each says every second what it does, and learns of the
others."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import sqlalchemy as sa

from promptgrid.store.database import Database, storable
from promptgrid.store.dialects.sql import DatabaseTime
from promptgrid.store.shared.leases import LEASE_S
from promptgrid.store.shared.tables import hosts

_FORGET_S = 86_400.0  # after which the row of a dead process is removed


@dataclass(frozen=True, slots=True)
class Work:
    """What a process says of itself: the ids of the `runs` that it carries out, the names of the `endpoints` that it
    may call, the identities of those that it calls now (`calling`), and its `models` as ENDPOINT/MODEL, as far as its
    files name them."""

    runs: Sequence[str] = ()
    endpoints: Sequence[str] = ()
    calling: Sequence[str] = ()
    models: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Host:
    """A process that carries out runs: its random `id`, its `name`, how long it has been there and when it last said
    so, in seconds ago, and its `work`."""

    id: str
    name: str
    there_s: float
    silent_s: float
    work: Work

    @property
    def alive(self) -> bool:
        """Whether it was heard of within the time of a lease."""
        return self.silent_s <= LEASE_S


def announce(database: Database, id_: str, name: str, work: Work) -> None:
    """Says that the process `id_` is there and what it does."""
    said = {"seen": DatabaseTime(), "work": storable(json.dumps(asdict(work)))}
    with database.touch() as connection:
        if connection.execute(hosts.update().where(hosts.c.id == id_).values(said)).rowcount:
            return
        connection.execute(hosts.insert().values(id=id_, name=storable(name), started=DatabaseTime(), **said))
        connection.execute(hosts.delete().where(DatabaseTime() - hosts.c.seen > _FORGET_S))


def leave(database: Database, id_: str) -> None:
    """Says that the process is gone."""
    with database.touch() as connection:
        connection.execute(hosts.delete().where(hosts.c.id == id_))


def listed(database: Database) -> list[Host]:
    """Returns the processes of the last day, the longest there first; those that ended in order are not among them."""
    since = {"there_s": hosts.c.started, "silent_s": hosts.c.seen}
    ages = (sa.type_coerce(DatabaseTime() - column, sa.Float).label(name) for name, column in since.items())
    query = sa.select(hosts.c.id, hosts.c.name, *ages, hosts.c.work).order_by(hosts.c.started)
    with database.read() as connection:
        rows = connection.execute(query).all()
    return [Host(row.id, row.name, row.there_s, row.silent_s, Work(**json.loads(row.work))) for row in rows]
