"""Beam search on the built-in model against transformers on the same weights: tokens and log probability.

    python -m benchmarks.beams [--reference PYTHON] [--golden FILE]

PYTHON is an interpreter with torch, transformers and gguf (default: this one); without them, only promptgrid's own
search is run and timed. With --golden, what the reference found is written to FILE, which tests compare with.

The weights are the built-in model's, unpacked to 16 bit: on quantised weights llama.cpp computes with quantised
activations, so that neither its probabilities nor its beams are the reference's. transformers computes in 32 bit.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from itertools import product
from pathlib import Path
from typing import Any

from promptgrid import builtin, loop
from promptgrid.builtin import unpacking, weights
from promptgrid.endpoint import Request
from promptgrid.endpoint.base import BeamPath
from promptgrid.prompt import Message, Parameters

TEXTS = ("The quick brown fox", "我今天真", "Q: What is the capital of France?\nA:", "Once upon a time there was a")
SEARCHES = ((5, 1.0, False), (4, 0.0, False), (4, 2.0, True))
TOKENS = 24
REFERENCE = Path(__file__).with_name("beams_reference.py")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reference", default=sys.executable)
    parser.add_argument("--golden", type=Path)
    arguments = parser.parse_args()
    builtin.fetch()
    requests = [_request(text, *search) for text, search in product(TEXTS, SEARCHES)]
    ours = loop.run_sync(_searched(requests))
    reference = _reference(arguments.reference, [ids for ids, _, _ in ours[:: len(SEARCHES)]])
    for request, (_, paths, seconds), found in zip(requests, ours, reference or [None] * len(ours), strict=True):
        print(f"{_name(request)}  {seconds:.1f} s  {_difference(request, paths, found) if found else ''}")
    if reference is None:
        print(f"{arguments.reference} has no torch and transformers: nothing to compare with.")
    elif arguments.golden:
        arguments.golden.write_text(json.dumps(_golden(requests, reference), ensure_ascii=False, indent=1) + "\n")
    builtin.stop()


def _request(text: str, beams: int, penalty: float, early_stop: bool) -> Request:
    parameters = Parameters(max_tokens=TOKENS, beams=beams, length_penalty=penalty, early_stop=early_stop)
    return Request(builtin.MODEL, (Message("user", text),), "completion", parameters)


async def _searched(requests: list[Request]) -> list[tuple[list[int], tuple[BeamPath, ...], float]]:
    """Returns for each request the token ids of its prompt, its beams, and the seconds that the search took."""
    endpoint, searches = builtin.BuiltinEndpoint(), []
    for request in requests:
        tokens = await endpoint.tokenize(request.model, request.messages[0].text) or []
        started = time.perf_counter()
        deltas = [delta async for delta in endpoint.stream(request)]
        seconds = time.perf_counter() - started
        searches.append(([token.id for token in tokens], deltas[-2].finished, seconds))
    await endpoint.aclose()
    return searches


def _reference(python: str, prompts: list[list[int]]) -> list[Any] | None:
    """Returns what transformers finds for each prompt and search, in order; None if it is not installed."""
    fields = ("beams", "length_penalty", "early_stop")
    searches = [dict(zip(fields, search, strict=True)) | {"max_tokens": TOKENS, "ends": [2]} for search in SEARCHES]
    path = unpacking.unpacked(weights.require())
    task = json.dumps({"prompts": prompts, "searches": searches})
    passive = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}  # spinning threads make a busy machine many times slower
    child = subprocess.run(
        [python, REFERENCE, path], input=task, stdout=subprocess.PIPE, text=True, env=passive, check=False
    )
    return [found for of_prompt in json.loads(child.stdout) for found in of_prompt] if child.returncode == 0 else None


def _difference(request: Request, paths: tuple[BeamPath, ...], found: list[dict[str, Any]]) -> str:
    same = [[token.id for token in path.tokens] == one["ids"] for path, one in zip(paths, found, strict=True)]
    penalty = request.parameters.length_penalty or 0.0
    pairs = [(path.logprob, one["score"] * len(one["ids"]) ** penalty) for path, one in zip(paths, found, strict=True)]
    largest = max(abs(a - b) for (a, b), equal in zip(pairs, same, strict=True) if equal) if any(same) else float("nan")
    best = f"best {pairs[0][0]:.4f} for {pairs[0][1]:.4f}"
    return f"best beam {'equal' if same[0] else 'DIFFERS'}, {best}; {sum(same)} of {len(same)}, within {largest:.4f}"


def _golden(requests: list[Request], reference: list[Any]) -> list[dict[str, Any]]:
    golden = []
    for request, found in zip(requests, reference, strict=True):
        best, parameters = found[0], request.parameters
        logprob = best["score"] * len(best["ids"]) ** (parameters.length_penalty or 0.0)
        text = request.messages[0].text
        golden.append({"text": text, **parameters.as_json(), "ids": best["ids"], "logprob": round(logprob, 5)})
    return golden


def _name(request: Request) -> str:
    parameters = request.parameters
    ends = "early stop" if parameters.early_stop else "to the end"
    return (
        f"{request.messages[0].text[:20]!r:24} {parameters.beams} beams, penalty {parameters.length_penalty:g}, {ends}"
    )


if __name__ == "__main__":
    main()
