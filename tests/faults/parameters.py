"""Models that are particular about parameters: they refuse them, ignore them, or change them and do not say so."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.faults.answers import completion, error, ok, produced, recorded
from tests.faults.books import Body

Mode = Callable[[Request, Body, str], Awaitable[Response]]  # (request, its JSON, the answer to give)


def refuses(name: str, *, but: tuple[Any, ...] = (), message: str = "") -> Mode:
    """400 where the parameter has another value than `but`, worded as OpenAI does."""

    async def mode(request: Request, body: Body, answer: str) -> Response:
        value = body.get(name)
        if value is None or value in but:
            return await ok(request, body, answer)
        sentence = message or f"Unsupported value: '{name}' does not support {value} with this model."
        code = "unsupported_parameter" if message else "unsupported_value"
        return error(400, sentence, param=name, code=code)

    return mode


async def refuses_both(request: Request, body: Body, answer: str) -> Response:
    """Temperature or top_p, never the two together; the error names no parameter."""
    if body.get("temperature") is None or body.get("top_p") is None:
        return await ok(request, body, answer)
    return error(400, "`temperature` and `top_p` cannot both be specified for this model. Please use only one.")


async def few_choices(request: Request, body: Body, answer: str) -> Response:
    """Half of the choices that were asked for, and at least one."""
    n = body.get("n") or 1
    return await ok(request, {**body, "n": max(n // 2, 1)}, answer)


def draws(temperature: Callable[[float], float], *, says_so: bool = False) -> Mode:
    """Replies that vary with the temperature that the model really uses: at 0 all alike, and alike for equal seeds.

    `says_so` adds what was used, in a field that clients do not expect.
    """

    async def mode(request: Request, body: Body, answer: str) -> Response:
        used = temperature(float(body.get("temperature", 1)))
        luck = body.get("seed") or f"call {recorded(request).number}"
        texts = [f"{answer} {_drawn(used, luck, index)}" for index in range(body.get("n") or 1)]
        if body.get("stream"):
            return await ok(request, body, texts[0])
        choices = [{**completion(body, text)["choices"][0], "index": index} for index, text in enumerate(texts)]
        extra = {"generation_settings": {"temperature": used, "seed": body.get("seed")}} if says_so else {}
        return JSONResponse(produced(request, body, texts[0], choices=choices, **extra))

    return mode


def _drawn(temperature: float, luck: object, index: int) -> int:
    """0 at temperature 0, of a thousand numbers at 1."""
    return random.Random(f"{luck}/{index}").randint(0, round(1000 * temperature))


MODES: dict[str, Mode] = {
    "refuses-temperature": refuses("temperature", but=(1,)),
    "refuses-top-p": refuses("top_p", but=(1,)),
    "refuses-temperature-with-top-p": refuses_both,
    "refuses-n": refuses("n", but=(1,)),
    "refuses-beams": refuses("use_beam_search"),
    "refuses-seed": refuses("seed"),
    "refuses-logprobs": refuses("logprobs", but=(False,)),
    "refuses-max-tokens": refuses(
        "max_tokens",
        message="Unsupported parameter: 'max_tokens' is not supported with this model."
        " Use 'max_completion_tokens' instead.",
    ),
    "few-choices": few_choices,
    "honours-temperature": draws(lambda asked: asked),
    "ignores-temperature": draws(lambda _: 1.0),
    "clamps-temperature": draws(lambda asked: min(asked, 1.0)),
    "clamps-temperature-and-says-so": draws(lambda asked: min(asked, 1.0), says_so=True),
}
