"""A PostgreSQL server for tests, from the distribution's programs."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import tempfile
from itertools import count
from pathlib import Path

_numbers = count()


def missing() -> str:
    """Returns what a PostgreSQL store needs and this machine lacks; "": nothing, or POSTGRES_EXTRA=1 requires it."""
    if os.environ.get("POSTGRES_EXTRA") == "1":
        return ""
    if importlib.util.find_spec("psycopg") is None:
        return "the extra `postgres` is not installed"
    return "" if programs() else "PostgreSQL's server is not installed"


def programs() -> Path | None:
    """The folder of initdb and pg_ctl; None: there is none."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    found = shutil.which("initdb")
    return folders[-1] if folders else Path(found).parent if found else None


class Server:
    """A cluster of its own in a folder, reached by a Unix socket there. Each store is a database. Without `durable`, no
    commit waits for the disk."""

    def __init__(self, *, durable: bool = False) -> None:
        self._settings = "" if durable else "-c fsync=off -c synchronous_commit=off"
        bin_folder = programs()
        assert bin_folder, "PostgreSQL's server is missing"
        self.folder, self._bin = Path(tempfile.mkdtemp(prefix="postgres-")), bin_folder
        self._user: list[str] = []
        if os.getuid() == 0:  # the server refuses root; pytest's own folders are closed to other users
            self._user = ["runuser", "-u", "postgres", "--"]
            shutil.chown(self.folder, "postgres")
        self._run(
            "initdb",
            "-D",
            f"{self.folder}/data",
            "-A",
            "trust",
            "-U",
            "postgres",
            "-N",
            "--locale=C.UTF-8",
            "-E",
            "UTF8",
        )
        self.start()

    def start(self) -> None:
        options = f"-k {self.folder} -c listen_addresses= -c max_connections=200 {self._settings}"
        self._run("pg_ctl", "-D", f"{self.folder}/data", "-w", "-l", f"{self.folder}/log", "-o", options, "start")

    def stop(self, how: str = "fast") -> None:
        self._run("pg_ctl", "-D", f"{self.folder}/data", "-w", "-m", how, "stop")

    def remove(self) -> None:
        self.stop("immediate")
        shutil.rmtree(self.folder)

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._user, str(self._bin / program), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self.folder)

    def url(self, name: str) -> str:
        return f"postgresql://postgres@/{name}?host={self.folder}"

    def execute(self, sql: str) -> None:
        import psycopg

        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(sql)

    def ask_for_password(self, user: str, password: str) -> None:
        """Creates the user, which has to give the password on every connection."""
        file = self.folder / "data" / "pg_hba.conf"
        file.write_text(f"local all {user} scram-sha-256\n{file.read_text()}")
        self.execute(f"CREATE ROLE {user} LOGIN PASSWORD '{password}'; SELECT pg_reload_conf()")

    def new_store(self) -> str:
        """Returns the URL of an empty store."""
        number = next(_numbers)
        self.execute(f"CREATE DATABASE store_{number}")
        return self.url(f"store_{number}")
