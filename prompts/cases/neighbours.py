"""Writes the column `neighbours` of word-vectors.csv: what the tool of that prompt returns where its embedder is not
installed.

    python prompts/cases/neighbours.py

needs the extra `documents`. Each row's expected call names the words whose vectors are added and subtracted.
"""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

from promptgrid import api
from promptgrid.documents.contexts import with_contexts
from promptgrid.library.folder import Library
from promptgrid.store import Database

TABLE = Path(__file__).with_name("word-vectors.csv")


def words(call: str, name: str) -> list[str]:
    """Returns the words in the first list that the argument `name` of an expected call has."""
    match = re.search(rf"\b{name}\??=\[([^\]]*)\]", call)
    return re.findall(r'"([^"]+)"', match[1]) if match else []


def main() -> None:
    prompt, _ = Library(TABLE.parents[1]).load("word-vectors")
    nearest = prompt.tools[0].results[0].nearest
    vectors = with_contexts(Database(), api.plan(prompt)).vectors
    assert nearest
    assert vectors
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        plus, minus = words(row["expected"], "plus"), words(row["expected"], "minus")
        row["neighbours"] = str(vectors.nearest(nearest, {"plus": plus, "minus": minus})) if plus else "nothing"
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    TABLE.write_text(out.getvalue(), "utf-8", newline="\n")


if __name__ == "__main__":
    main()
