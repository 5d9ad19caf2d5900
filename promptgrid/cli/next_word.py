"""`promptgrid next`: the likeliest next tokens of a text."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from promptgrid.nextword import Look, Shares

_LONG = 4000  # characters: a small model on the CPU reads longer ones for some seconds


@click.command("next")
@click.argument("text")
@click.option("--model", help="ENDPOINT/MODEL; the built-in one without it.")
@click.option("--top", type=click.IntRange(1, 1000), default=10, show_default=True, help="How many tokens to list.")
@click.option("--temperature", type=click.FloatRange(0, 2), default=1.0, show_default=True)
@click.option("--top-p", type=click.FloatRange(0, 1, min_open=True), default=1.0, show_default=True)
@click.option("--json", "as_json", is_flag=True)
def next_word(text: str, model: str | None, top: int, temperature: float, top_p: float, as_json: bool) -> None:
    """List the likeliest next tokens of a text, reshaped by temperature and top_p: one call for one token.

    promptgrid next "The quick brown fox" --temperature 0.7
    """
    from promptgrid import connections, loop, nextword
    from promptgrid.cases.decoding import read_text
    from promptgrid.store import Database

    text = read_text(text.encode("utf-8", "surrogateescape"), "The text")
    if len(text) > _LONG:
        click.echo(f"Reading {len(text):,} characters …", err=True)
    database = Database()
    try:
        asker = nextword.Asker(model or connections.DEFAULT_MODEL, database)
        seen = loop.run_sync(nextword.look(asker, nextword.Continuation(text)))
    finally:
        database.close()
    shares = nextword.reshape(seen.chances, temperature, top_p)
    if as_json:
        found = {
            "model": asker.model_ref,
            "text": text,
            "temperature": temperature,
            "top_p": top_p,
            "sent_as": seen.api,
        }
        rest = {"low": shares.rest.low, "high": shares.rest.high}
        click.echo(json.dumps({**found, "tokens": _rows(seen, shares)[:top], "not_told": rest}, ensure_ascii=False))
        return
    rows = _rows(seen, shares)[:top]
    for row in rows:
        click.echo(f"{_said(row['low'], row['high']):>16}  {nextword.shown(bytes.fromhex(row['bytes']))}")
    if any("to" in _said(row["low"], row["high"]) for row in rows):
        held = 100 * sum(math.exp(token.logprob) for token in seen.chances.tokens)
        told = f"{len(seen.chances.tokens):,} tokens told; they hold {held:.1f} % at temperature 1"
        click.echo(f"{told}: a range says what the others leave open.", err=True)
    if seen.api == "chat":
        click.echo("The text was sent as a message: this endpoint does not continue texts.", err=True)


def _rows(seen: Look, shares: Shares) -> list[dict[str, Any]]:
    return [
        {
            "id": token.id,
            "token": token.data.decode("utf-8", "replace"),
            "bytes": token.data.hex(),
            "logprob": token.logprob,
            "probability": math.exp(token.logprob),
            "low": share.low,
            "high": share.high,
        }
        for token, share in zip(seen.chances.tokens, shares.tokens, strict=True)
    ]


def _said(low: float, high: float) -> str:
    """`53.8 %`; a range where the tokens that are not told leave it open."""
    first, last = f"{100 * low:.2f}", f"{100 * high:.2f}"
    return f"{first} %" if first == last else f"{first} to {last} %"
