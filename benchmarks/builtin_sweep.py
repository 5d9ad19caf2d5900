"""A sweep on the built-in model, 1 prompt × 5 temperatures × 8 samples, against the same 40 calls one by one.

The weights must be on the machine (`promptgrid run sentiment` fetches them). The two ways take turns; the model's
server is warm before the clock starts.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.harness import machine

if TYPE_CHECKING:
    from promptgrid.grid import Plan

TEMPERATURES = (0.2, 0.5, 0.8, 1.0, 1.2)
SAMPLES = 8
PROMPT = """---
name: story
inputs: [{name: animal, kind: string}]
model: {options: {maxOutputTokens: 24}}
template: {format: {kind: jinja2}, parser: {kind: prompty}}
---
system:
You write the first sentence of a story for children between six and nine years of age. The sentence names an animal,
the place where it lives and the time of the day. It has at most twenty words, it is in the past tense, and it ends
with a full stop. There is no violence in it, nobody is hurt, and nobody is made fun of. Do not write a title. Do not
explain what you have written. Do not use words that a child of six would have to look up in a dictionary. If the
animal is dangerous, let it be asleep, or very small, or afraid of something even smaller than itself.
user:
The animal of today is: {{ animal }}. Write the first sentence.
"""


def sweep(plan: Plan) -> float:
    """Seconds of the run, as anybody starts it from Python."""
    from promptgrid import api

    begun = time.perf_counter()
    frame = api.run(plan)
    assert (frame["status"] == "answered").all(), frame["error"].unique()
    return time.perf_counter() - begun


def one_by_one(animal: str) -> float:
    """Seconds of the same requests, each sent when the one before is answered."""
    from promptgrid import builtin, connections, loop
    from promptgrid.endpoint import Request
    from promptgrid.prompt import Parameters, loads, render

    prompt, endpoint = loads(PROMPT), connections.connect(connections.BUILTIN)
    messages = render(prompt.messages, {"animal": animal}, prompt.inputs)
    begun = time.perf_counter()
    for temperature in TEMPERATURES:
        request = Request(builtin.MODEL, messages, parameters=Parameters(temperature=temperature, max_tokens=24))
        for _ in range(SAMPLES):
            loop.run_sync(endpoint.complete(request))
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    from promptgrid import api, builtin
    from promptgrid.prompt import loads

    weights = builtin.fetch()
    print(machine())
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        os.environ["PROMPTGRID_HOME"] = home
        (Path(home) / "cache").mkdir()
        (Path(home) / "cache" / weights.name).symlink_to(weights)
        prompt = loads(PROMPT)
        plan = api.plan(prompt, [{"animal": "fox"}], temperatures=TEMPERATURES, samples=SAMPLES, fresh=True)
        try:
            sweep(api.plan(prompt, [{"animal": "cat"}]))
            times = [(sweep(plan), one_by_one("owl")) for _ in range(rounds)]
        finally:
            builtin.stop()
    together, apart = (statistics.median(seconds) for seconds in zip(*times, strict=True))
    print(f"{len(TEMPERATURES)} temperatures × {SAMPLES} samples, median of {rounds}")
    print(f"  as a run    {together:6.1f} s")
    print(f"  one by one  {apart:6.1f} s: {apart / together:.2f} × as long")


if __name__ == "__main__":
    main()
