"""The model server's own process: `python -m promptgrid.builtin.server_main FOLDER WEIGHTS …`, started by `process`.

It loads the weights, publishes its address and a key that it generates (never on a command line), and ends when it has
been idle for a while, or when its folder has been deleted.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
import time
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from promptgrid.builtin.server_folder import Listening, ServerFolder

PROBE_S = 10.0  # other processes hold the lock for microseconds when they check whether the server is alive


def main() -> None:
    arguments = _arguments()
    place = ServerFolder(arguments.folder)
    alive, seats = place.lock("alive"), place.seats()  # a garbage-collected lock is released
    try:
        alive.acquire(timeout=PROBE_S)
    except Timeout:
        sys.exit("Another server lives here already.")
    key = secrets.token_urlsafe(32)
    place.touch()
    server = _server(arguments, key)
    hashes = tuple(sha256 for sha256, _ in arguments.adapter)
    place.publish(Listening(server.listening_address, key, os.getpid(), hashes))
    _wait_until_idle(place, seats, arguments.idle)
    place.withdraw()
    # llama.cpp's threads need not be waited for
    os._exit(0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--name", action="append", required=True)
    parser.add_argument("--context", type=int, required=True)
    parser.add_argument("--slots", type=int, required=True)
    parser.add_argument("--idle", type=float, required=True)
    parser.add_argument("--repeatable", action="store_true", help="replies that no other request changes")
    parser.add_argument("--adapter", nargs=2, action="append", default=[], metavar=("SHA256", "PATH"))
    return parser.parse_args()


def _server(arguments: argparse.Namespace, key: str) -> Any:
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(arguments.weights)
    parameters.model_alias = set(arguments.name)
    parameters.api_keys = [key]
    parameters.port = 0
    parameters.n_ctx = arguments.context
    parameters.n_parallel = arguments.slots
    parameters.kv_unified = True  # else the context is divided among the slots
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = cores()
    parameters.ui = False
    parameters.endpoint_slots = False
    parameters.verbosity = -1
    # llama.cpp's store of earlier prompts does not know by which adapter they were read: the base would go on from them
    parameters.cache_ram_mib = 0
    parameters.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(path, 0.0) for _, path in arguments.adapter]
    if arguments.repeatable:
        disabled = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
        parameters.flash_attn_type = disabled
        parameters.cache_type_k = parameters.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    return xllamacpp.Server(parameters)


def cores() -> int:
    """The number of cores that this process may use: in a container fewer than the machine has."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _wait_until_idle(place: ServerFolder, seats: list[FileLock], idle: float) -> None:
    """Waits until there was no request for `idle` seconds, then returns with all `seats` held, so that no request is
    interrupted. Returns without them when the folder has been deleted."""
    while True:
        time.sleep(min(idle / 4, 5.0))
        try:
            if time.time() - place.used.stat().st_mtime < idle:
                continue
            for seat in seats:
                seat.acquire(blocking=False)
            return
        except FileNotFoundError:
            return
        except Timeout:
            for seat in seats:
                seat.release()


if __name__ == "__main__":
    main()
