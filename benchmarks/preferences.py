"""Preferences on the built-in model (dpo): does what it says move towards what is voted for?

    python -m benchmarks.preferences

The model answers 96 questions twice: as they are, and with the wish for one short sentence. A voter of one rule stands
for people: the shorter reply is preferred. From the votes on 72 questions the model is tuned to answer them without the
wish; the other 24 are asked before and after, at temperature 0.
It needs the extra `tune`. Everything is in a folder of its own, which is removed at the end.
"""

from __future__ import annotations

import itertools
from statistics import fmean
from typing import Any

from benchmarks.harness import machine
from benchmarks.tune import own_home, print_state, wait_for
from promptgrid import api, builtin
from promptgrid.prompt import loads
from promptgrid.stats import mean_interval
from promptgrid.tuning import jobs
from promptgrid.tuning.job import TuningJob
from promptgrid.tuning.prepared import PreparedData
from promptgrid.tuning.settings import RATES, TuningSettings

HELD_OUT, LONGEST = 24, 96
_THINGS = (
    "kettle", "tent", "bicycle", "violin", "lamp", "ladder", "map", "camera", "boat", "oven", "garden", "library",
    "bridge", "passport", "battery", "mirror", "blanket", "whistle", "compass", "barometer", "hammer", "candle",
    "clock", "umbrella",
)  # fmt: skip
_FORMS = ("What is a {} good for?", "How does one look after a {}?", "How does one choose a {}?", "Who needs a {}?")
_WISH = " Answer in one short sentence."


def main() -> None:
    print(machine())
    with own_home(None):
        votes = _votes()
        learn, held_out = votes[:-HELD_OUT], votes[-HELD_OUT:]
        settings = TuningSettings(method="dpo", rate=RATES["dpo"])
        job = jobs.start("voted", PreparedData(learn, held_out), settings)
        state = wait_for(job)
        print_state(state, len(learn))
        print(", ".join(f"{name}: {value}" for name, value in state.result.items()))
        _print_preferred(job)
        builtin.stop()


def _votes() -> list[dict[str, Any]]:
    """The pair of each question whose two replies differ in length."""
    questions = [form.format(thing) for thing, form in itertools.product(_THINGS, _FORMS)]
    asked = "user:\n{{ question }}"
    prompts = [loads(f"---\nname: {name}\n---\n{asked}{wish}\n") for name, wish in (("plain", ""), ("short", _WISH))]
    cases = [{"question": question} for question in questions]
    model = f"builtin/{builtin.MODEL}"
    frame = api.run(
        api.plan(prompts, cases, models=model, temperatures=(0.0,), max_tokens=LONGEST, checks=(), doubts=False)
    )
    assert (frame["status"] == "answered").all(), frame["error"].unique()
    votes = []
    for question, replies in frame.groupby("var.question", sort=False):
        short, long = sorted(replies["output"], key=len)
        if len(short) < len(long):
            votes.append({"messages": [{"role": "user", "content": question}], "reply": short, "rejected": long})
    return votes


def _print_preferred(job: TuningJob) -> None:
    """The share of held-out questions whose reply after the tuning the voter prefers; equally long ones count half."""
    lengths = [(len(reply["before"]), len(reply["after"])) for reply in job.replies()]
    preferred = [(after < before) + (after == before) / 2 for before, after in lengths]
    share = mean_interval(preferred)
    assert share is not None
    print(f"the voter prefers the tuned reply in {fmean(preferred):.0%}", end=" ")
    print(f"of {len(preferred)} (95 % interval {share.low:.0%} to {share.high:.0%})")


if __name__ == "__main__":
    main()
