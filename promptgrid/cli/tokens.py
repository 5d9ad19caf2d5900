"""`promptgrid tokens`: counts the tokens of a text, in total and by line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from promptgrid.cli.output import echo, echo_json
from promptgrid.text import cut, printable

if TYPE_CHECKING:
    from promptgrid.tokens import Tokenization

COSTLIEST = 20  # lines shown
WIDTH = 80  # characters of a line


@click.command()
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--model", help="ENDPOINT/MODEL, or an encoding such as o200k_base; default: the built-in model.")
@click.option("--by-line", is_flag=True, help="Also list the lines with the most tokens.")
@click.option("--json", "as_json", is_flag=True)
def tokens(file: BinaryIO, model: str | None, by_line: bool, as_json: bool) -> None:
    """Count the tokens of a text file, or of standard input.

    promptgrid tokens README.md --model openai/gpt-4.1 --by-line
    """
    from promptgrid.cases.decoding import read_text
    from promptgrid.connections import DEFAULT_MODEL, context_limit
    from promptgrid.tokens import ENCODINGS, tokenize

    ref = model or DEFAULT_MODEL
    text = read_text(file.read(), getattr(file, "name", "The text"))
    limit = None if ref in ENCODINGS else context_limit(ref)
    _start(ref)
    tokenization = tokenize(text, ref)
    if as_json:
        body = {"model": ref, "characters": len(text), "context_limit": limit, **asdict(tokenization.count)}
        echo_json(json.dumps({**body, "lines": _lines(tokenization)} if by_line else body, ensure_ascii=False))
        return
    about, of = ("" if tokenization.count.exact else "≈ "), (f" of {limit:,}" if limit else "")
    echo(f"{about}{tokenization.count.tokens:,}{of} tokens, {len(text):,} characters ({ref})")
    if by_line:
        echo("\n".join(_table(tokenization)))
    if tokenization.count.reason:
        echo(f"≈: {tokenization.count.reason}", err=True)


def _start(ref: str) -> None:
    """Starts the built-in model if `ref` names it and its weights are present: only the running model counts exactly.
    `ref` is ENDPOINT/MODEL, or the name of an encoding, for which nothing is started."""
    from promptgrid import builtin
    from promptgrid.connections import BUILTIN, split_model
    from promptgrid.tokens import ENCODINGS

    if ref not in ENCODINGS and split_model(ref)[0] == BUILTIN and builtin.status().ready:
        builtin.ensure()


def _lines(tokenization: Tokenization) -> list[dict[str, Any]]:
    """Returns line number, token count and text of each line of the text, as dicts. An empty text behind the last line
    break is no line."""
    texts = tokenization.text.split("\n")
    lines = [
        {"line": number, "tokens": count, "text": text}
        for number, (count, text) in enumerate(zip(tokenization.by_line(), texts, strict=True), 1)
    ]
    return lines if texts[-1] else lines[:-1]


def _table(tokenization: Tokenization) -> Sequence[str]:
    """Returns the printed lines of a table: the lines of the text with the most tokens, in descending order, at most
    COSTLIEST."""
    lines = sorted(_lines(tokenization), key=lambda line: -line["tokens"])
    rows = [
        f"{each['tokens']:>8,}{each['line']:>8,}  {cut(printable(each['text']), WIDTH)}".rstrip()
        for each in lines[:COSTLIEST]
    ]
    more = [f"and {len(lines) - COSTLIEST:,} more lines"] if len(lines) > COSTLIEST else []
    return ["  tokens    line", *rows, *more]
