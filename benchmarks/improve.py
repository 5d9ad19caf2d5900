"""Measures whether Improve claims only what is there, with scripted models: none of its gains is believed unproved.

    python -m benchmarks.improve [--searches 1000] [--only null|planted]

`null`     a model that ignores wording: how often the chosen prompt is called better, and how good it looked on choose
`planted`  a model whose score rises by 25 points when one instruction is there; the checks name it in the failures, and
           the writer takes it up in one of four rewrites
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from promptgrid.cases.parts import of_part, parted
from promptgrid.cases.table import Case
from promptgrid.improve.candidates import Candidate, CandidateScores, CaseResult, ScoreAsk, WriteAsk
from promptgrid.improve.guards import copied_run, message_text
from promptgrid.improve.search import Improved, ImproveTask, search
from promptgrid.prompt import Message, Prompt

PLANTED = "Name the unit in the answer."
GAIN = 0.25
SAMPLES = 5
_PROMPT = Prompt("invoice", (Message("system", "Read the total of an invoice."), Message("user", "{{ text }}")))
_TAKEN_UP = 0.25  # the share of rewrites that take up the reason that the check gives
_WORDS = "alder basin copper dune ember fjord gravel hazel inlet juniper kelp lichen marsh nectar onyx pebble".split()  # noqa: SIM905


@dataclass
class Scripted:
    """A model with a chance of its own to be right for each case, and a writer; both count their calls."""

    cases: list[Case]
    seed: int
    gain: float
    calls: int = 0

    def __post_init__(self) -> None:
        self._draw = random.Random(self.seed)
        top = 1 - self.gain
        self._right = {case.id: min(top, self._draw.betavariate(1.4, 0.6) * top) for case in self.cases}

    def chance(self, one: Candidate, case: Case) -> float:
        return self._right[case.id] + (self.gain if PLANTED in message_text(one.prompt) else 0.0)

    def score(self, ask: ScoreAsk) -> CandidateScores:
        self.calls += len(ask.candidates) * len(ask.cases) * ask.samples
        results = {}
        for one in ask.candidates:
            for case in ask.cases:
                right = sum(self._draw.random() < self.chance(one, case) for _ in range(ask.samples)) / ask.samples
                results[one.number, case.id] = CaseResult(right, "12", "" if right == 1 else f"Wrong. {PLANTED}")
        return results

    def write(self, ask: WriteAsk) -> list[str]:
        self.calls += len(ask.requests)
        return [f"<prompt>{self._instruction(request)}</prompt>" for request in ask.requests]

    def _instruction(self, request: str) -> str:
        before = request.split("<prompt>\n", 1)[1].split("\n</prompt>", 1)[0]
        if self.gain and "why it is wrong" in request and self._draw.random() < _TAKEN_UP:
            return f"{before} {PLANTED}"
        if self._draw.random() < 0.2:  # a writer that copies a case, which a guard must refuse
            learned = [line for line in request.splitlines() if line.startswith("- text: ")]
            return f"{before} For instance {learned[0][8:]}" if learned else before
        return f"{before} {' '.join(self._draw.sample(_WORDS, 4)).capitalize()}."


def searched(seed: int, gain: float, cases: int = 150) -> tuple[Improved, Scripted, ImproveTask]:
    """Carries out one search on invented cases, with as many candidates as the budget of calls buys."""
    draw = random.Random(seed)
    table = [
        Case(str(n), {"text": " ".join(draw.choices(_WORDS, k=9)) + f" {n}"}, str(draw.randrange(3)))
        for n in range(cases)
    ]
    whole = parted(table, alike={})
    learn, choose, prove = (of_part(whole, part) for part in ("learn", "choose", "prove"))
    model = Scripted(table, seed, gain)
    task = ImproveTask(_PROMPT, "zero-shot", learn, choose, prove, 24, lambda text: len(text.split()), SAMPLES, seed)
    going = search(task)
    ask = next(going)
    while True:
        try:
            ask = going.send(model.score(ask) if isinstance(ask, ScoreAsk) else model.write(ask))
        except StopIteration as end:
            return end.value, model, task


def true_gain(found: Improved, model: Scripted, task: ImproveTask) -> float:
    """Returns the gain of the chosen prompt over the original that the script gives it, over all cases."""
    return sum(model.chance(found.chosen, case) - model.chance(found.original, case) for case in task.prove) / len(
        task.prove
    )


def measure(name: str, gain: float, searches: int) -> Iterator[str]:
    better = changed = covered = copied = most = missing = 0
    promised, proved = 0.0, 0.0
    for seed in range(searches):
        found, model, task = searched(seed, gain)
        most = max(most, model.calls)
        copied += bool(copied_run(message_text(found.chosen.prompt), message_text(_PROMPT), task.learn))
        if found.proved is None or found.proved.interval is None:
            missing += 1
            continue
        changed += 1
        better += found.proved.verdict == "better"
        promised += found.promised.difference or 0.0
        proved += found.proved.difference or 0.0
        covered += found.proved.interval.low <= true_gain(found, model, task) <= found.proved.interval.high
    yield f"{name}: {searches:,} searches, 150 cases, at most {most:,} calls"
    yield f"  called better after the proof: {100 * better / searches:.1f} %"
    yield f"  the original was chosen, so nothing was proved: {100 * missing / searches:.1f} %"
    looked, is_ = 100 * promised / changed, 100 * proved / changed
    yield f"  looked {looked:+.1f} points on choose, is {is_:+.1f} on prove, on average"
    yield f"  the true gain, and so what choose promised too much, is in the interval: {100 * covered / changed:.1f} %"
    yield f"  winners with five words of a learn case: {copied}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--searches", type=int, default=1000)
    parser.add_argument("--only", choices=["null", "planted"], default="")
    options = parser.parse_args()
    runs: dict[str, Callable[[], Iterator[str]]] = {
        "null": lambda: measure("null", 0.0, options.searches),
        "planted": lambda: measure("planted", GAIN, options.searches),
    }
    for name, run in runs.items():
        if options.only in ("", name):
            print(*run(), sep="\n", flush=True)


if __name__ == "__main__":
    main()
