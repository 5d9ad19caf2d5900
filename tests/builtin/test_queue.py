"""One request at a time, in a fair order."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from filelock import Timeout

from promptgrid import loop
from promptgrid.builtin.queue import turn
from promptgrid.builtin.server_folder import ServerFolder


def waited_for(folder: ServerFolder) -> bool:
    """Whether a request waits for its turn."""
    following = folder.lock("next")
    try:
        following.acquire(blocking=False)
    except Timeout:
        return True
    following.release()
    return False


def test_one_at_a_time_and_a_request_that_waits_goes_before_the_next_of_a_long_run(tmp_path: Path) -> None:
    folder = ServerFolder(tmp_path)
    order: list[str] = []

    async def ask(name: str, *, until_waited_for: bool = False) -> None:
        async with turn(folder):
            order.append(f"{name}+")
            while until_waited_for and not waited_for(folder):
                await asyncio.sleep(0.001)
            await asyncio.sleep(0.001)
            order.append(f"{name}-")

    async def long_run() -> None:
        await ask("long", until_waited_for=True)
        await ask("long")
        await ask("long")

    async def both() -> None:
        async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
            tasks.create_task(long_run())
            while not order:
                await asyncio.sleep(0.001)
            tasks.create_task(ask("once"))

    asyncio.run(both())
    assert order == ["long+", "long-", "once+", "once-", "long+", "long-", "long+", "long-"]


def test_a_request_that_gives_up_waiting_blocks_no_other(tmp_path: Path) -> None:
    async def scene() -> None:
        async with turn(ServerFolder(tmp_path)):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05), turn(ServerFolder(tmp_path)):
                    pytest.fail("two had the turn")
        async with asyncio.timeout(5), turn(ServerFolder(tmp_path)):
            pass

    loop.run_sync(scene())
