"""Says to the other hosts of a store what this process carries out, and learns which endpoints they call."""

from __future__ import annotations

import asyncio
import logging
import os
import platform
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from promptgrid import builtin, connections, loop, paths
from promptgrid.calls.shared import Shared, shared_by_loop
from promptgrid.errors import PromptgridError, StoreError
from promptgrid.judging.scoring import slow_checks
from promptgrid.store import Database
from promptgrid.store.runs import plan_of
from promptgrid.store.shared import hosts
from promptgrid.store.shared.hosts import Work

_SAY_S = 1.0

log = logging.getLogger("promptgrid.runner")


@asynccontextmanager
async def presence(database: Database) -> AsyncIterator[None]:
    """While the block runs, this process is among the hosts of the store, and the calls that an endpoint allows in
    flight are divided among the hosts that call it. A store in a file has no other hosts: the block just runs."""
    if database.is_file:
        yield
        return
    id_, shared = uuid.uuid4().hex, shared_by_loop()
    await _say(database, id_, shared)
    saying = asyncio.create_task(_go_on_saying(database, id_, shared))
    try:
        yield
    finally:
        await loop.cancel(saying)
        shared.share({})
        with suppress(StoreError):  # the others notice its silence
            await asyncio.to_thread(hosts.leave, database, id_)


async def _go_on_saying(database: Database, id_: str, shared: Shared) -> None:
    while True:
        await asyncio.sleep(_SAY_S)
        await _say(database, id_, shared)


async def _say(database: Database, id_: str, shared: Shared) -> None:
    try:
        work = Work(sorted(shared.run_ids), sorted(available()), sorted(shared.calling), _models())
        await asyncio.to_thread(hosts.announce, database, id_, _name(), work)
        others = [host for host in await asyncio.to_thread(hosts.listed, database) if host.alive and host.id != id_]
    except PromptgridError as error:  # the runs report their own errors
        log.warning("this host is not announced: %s", error)
    else:
        shared.share(Counter(identity for host in others for identity in host.work.calling))


def _name() -> str:
    return f"{platform.node()} (process {os.getpid()}, {paths.data_folder()})"


def available() -> set[str]:
    """Returns the names of the endpoints that this host may call: those that are configured, and the built-in one where
    its model is there."""
    ready = builtin.status().ready
    return {*connections.settings(), *([connections.BUILTIN] if ready else [])}


def _models() -> list[str]:
    """Returns the models that the settings name, as ENDPOINT/MODEL; an endpoint that names none may have any."""
    configured = connections.settings().values()
    named = [f"{one.name}/{model}" for one in configured for model in one.models or ("*",)]
    return [*named, *([connections.DEFAULT_MODEL] if builtin.status().ready else [])]


def needed(database: Database, run_id: str) -> set[str]:
    """Returns the names of the endpoints that the run calls, for its cells and for the judges among its checks; none
    if its plan cannot be read, which the run itself reports."""
    try:
        plan = plan_of(database, run_id)
    except PromptgridError:
        return set()
    judges = (check.model for check in slow_checks(plan) if check.model)
    return {ref.partition("/")[0] for ref in (*plan.models, *plan.step_models, *judges)}
