"""How long the sheet before a run of 100,000 cells takes, after the first load; each text should be counted once."""

from __future__ import annotations

import os
import resource
import tempfile
import time
from collections import Counter
from typing import Any

from benchmarks.harness import MODEL, PROMPT, machine

CELLS = 100_000


def counting(counts: Counter[str]) -> None:
    """Notes every text that goes through the tokenizer."""
    import tiktoken

    encode = tiktoken.Encoding.encode_ordinary

    def noted(self: tiktoken.Encoding, text: str) -> list[int]:
        counts[text] += 1
        return encode(self, text)

    tiktoken.Encoding.encode_ordinary = noted  # type: ignore[method-assign]


def timed(name: str, counts: Counter[str], cases: int, **settings: Any) -> None:
    from promptgrid import api
    from promptgrid.prompt import loads
    from promptgrid.runner import client
    from promptgrid.store import Database

    rows = [{"number": f"{name} {number}"} for number in range(cases)]
    plan = api.plan(loads(PROMPT), rows, models=f"openai/{MODEL}", **settings)
    database = Database()
    counts.clear()
    begun = time.perf_counter()
    sheet = client.preflight(database, plan)
    seconds = time.perf_counter() - begun
    print(
        f"{name:<40} {sheet.cells:>7,} cells in {seconds:.2f} s, {sheet.cells / seconds:,.0f} a second;"
        f" {sheet.replies.calls:,} calls, {sum(counts.values()):,} texts counted, {len(counts):,} different"
    )


def main() -> None:
    print(machine())
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as home:
        os.environ.update(PROMPTGRID_HOME=home, OPENAI_API_KEY="none")
        os.environ.pop("OPENAI_BASE_URL", None)  # at OpenAI the count is exact; nothing is sent
        counting(counts)
        timed("the first load", counts, 10)
        many = {"techniques": ["zero-shot", "chain-of-thought"], "temperatures": [0, 0.25, 0.5, 0.75, 1]}
        timed("1,000 cases × 2 techniques × 5 × 10", counts, 1000, samples=10, **many)
        timed("10,000 cases × 10 samples", counts, CELLS // 10, samples=10)
    print(f"peak RSS {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
