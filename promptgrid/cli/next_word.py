"""`promptgrid next`: the likeliest next tokens of a text."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import click

from promptgrid.cli.output import echo, echo_json

if TYPE_CHECKING:
    from promptgrid.nextword import Prediction, Shares

_LONG = 4000  # characters: a small model on the CPU takes several seconds for longer texts


@click.command("next")
@click.argument("text")
@click.option("--model", help="ENDPOINT/MODEL. Default: the built-in model.")
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
        echo(f"Reading {len(text):,} characters …", err=True)
    database = Database()
    try:
        client = nextword.ModelClient(model or connections.DEFAULT_MODEL, database)
        prediction = loop.run_sync(nextword.predict(client, nextword.Continuation(text)))
    finally:
        database.close()
    shares = nextword.reshape(prediction.chances, temperature, top_p)
    if as_json:
        body: dict[str, Any] = {
            "model": client.model_ref,
            "text": text,
            "temperature": temperature,
            "top_p": top_p,
            "sent_as": prediction.api,
        }
        rest = {"low": shares.rest.low, "high": shares.rest.high}
        echo_json(json.dumps({**body, "tokens": _rows(prediction, shares)[:top], "not_told": rest}, ensure_ascii=False))
        return
    rows = _rows(prediction, shares)[:top]
    for row in rows:
        echo(f"{_percent(row['low'], row['high']):>16}  {nextword.token_label(bytes.fromhex(row['bytes']))}")
    if any("to" in _percent(row["low"], row["high"]) for row in rows):
        probability = 100 * sum(math.exp(token.logprob) for token in prediction.chances.tokens)
        listed = f"{len(prediction.chances.tokens):,} tokens returned, which hold {probability:.1f} % at temperature 1"
        echo(f"{listed}. A range depends on the others.", err=True)
    if prediction.api == "chat":
        echo("The text was sent as a message: this endpoint does not continue texts.", err=True)


def _rows(prediction: Prediction, shares: Shares) -> list[dict[str, Any]]:
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
        for token, share in zip(prediction.chances.tokens, shares.tokens, strict=True)
    ]


def _percent(low: float, high: float) -> str:
    """Returns a share, 0 to 1, as `53.80 %`; as a range if `low` and `high` differ, because the endpoint did not report
    all tokens."""
    first, last = f"{100 * low:.2f}", f"{100 * high:.2f}"
    return f"{first} %" if first == last else f"{first} to {last} %"
