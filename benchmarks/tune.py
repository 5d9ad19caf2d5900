"""The shipped sentiment task three ways on the built-in model: zero-shot, few-shot, and tuned on invented reviews.

    python -m benchmarks.tune [--examples 240] [--epochs 2]

It needs the extra `tune` (`make tune-demo` installs it). 48 more reviews are held out. No tuning sees the 18 shipped
cases, but whoever wrote the invented reviews had read them. Everything is in a folder of its own, which is removed at
the end; with --keep FOLDER it is kept, as a PROMPTGRID_HOME.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.harness import machine
from benchmarks.tuning_reviews import reviews
from promptgrid import api, builtin
from promptgrid.builtin import weights
from promptgrid.prompt import Prompt, render
from promptgrid.stats import compared_all, mean_interval
from promptgrid.tuning import jobs
from promptgrid.tuning.job import ACTIVE, TuningState
from promptgrid.tuning.prepared import PreparedData
from promptgrid.tuning.settings import TuningSettings

if TYPE_CHECKING:
    import pandas as pd

HELD_OUT = 48
NAME = "mood"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=240)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--keep", type=Path)
    arguments = parser.parse_args()
    print(machine())
    begun = time.perf_counter()
    with _home(arguments.keep):
        prompt = api.load("sentiment")
        state = _tuned(prompt, arguments.examples, TuningSettings(epochs=arguments.epochs, rule=prompt.answer))
        _print_state(state, arguments.examples)
        _print_table(_answers(prompt))
        builtin.stop()
    print(f"{(time.perf_counter() - begun) / 60:.1f} minutes in all")


@contextmanager
def _home(keep: Path | None) -> Iterator[None]:
    """A data folder of our own, with the user's copy of the weights."""
    file = builtin.fetch()
    with tempfile.TemporaryDirectory() as temporary:
        home = (keep or Path(temporary)).absolute()
        os.environ["PROMPTGRID_HOME"] = str(home)
        (home / "cache").mkdir(parents=True, exist_ok=True)
        if weights.override() is None and not (home / "cache" / file.name).exists():
            (home / "cache" / file.name).symlink_to(file)
        yield


def _tuned(prompt: Prompt, count: int, settings: TuningSettings) -> TuningState:
    examples = [_example(prompt, text, label) for text, label in reviews(count + HELD_OUT)]
    job = jobs.start(NAME, PreparedData(examples[:count], examples[count:]), settings)
    while (state := job.state()).status in ACTIVE:
        left = f", {state.left_s:.0f} s left" if state.left_s else ""
        print(f"\r{state.status} {state.step} of {state.steps}{left}    ", end="", flush=True)
        time.sleep(1)
    print("\r", end="")
    assert state.status == "done", state.error
    return state


def _example(prompt: Prompt, text: str, label: str) -> dict[str, Any]:
    messages = render(prompt.messages, {"text": text}, prompt.inputs)
    return {"messages": [{"role": one.role, "content": one.text} for one in messages], "reply": label}


def _answers(prompt: Prompt) -> dict[str, list[float]]:
    """The scores of each way over the shipped cases, in the same order."""
    base = api.run(
        api.plan(prompt, models=f"builtin/{builtin.MODEL}", techniques=("zero-shot", "few-shot"), doubts=False)
    )
    tuned = api.run(api.plan(prompt, models=f"builtin/{builtin.MODEL}+{NAME}", doubts=False))
    return {
        "base, zero-shot": _scores(base[base["technique"] == "zero-shot"]),
        "base, few-shot": _scores(base[base["technique"] == "few-shot"]),
        "tuned, zero-shot": _scores(tuned),
    }


def _scores(frame: pd.DataFrame) -> list[float]:
    assert (frame["status"] == "answered").all(), frame["error"].unique()
    (column,) = [name for name in frame.columns if name.startswith("score.")]
    return [float(score) for score in frame.sort_values("case_id")[column].fillna(0.0)]  # unread is wrong


def _print_state(state: TuningState, count: int) -> None:
    for note in state.notes:
        print(f"note: {note}")
    for point in state.curve:
        kept = ", kept" if point["epoch"] == state.best else ""
        right, loss = point["accuracy"], point["held_out_loss"]
        print(f"epoch {point['epoch']}: held-out accuracy {right:.0%}, loss {loss:.3f}{kept}")
    cpu_s, epochs = state.cpu_s, state.curve[-1]["epoch"]
    print(f"{cpu_s:.0f} CPU s with loading and judging, {cpu_s / count / epochs:.2f} an example and epoch;", end=" ")
    print(f"at most {state.peak_bytes / 1e9:.2f} GB of memory")


def _print_table(scores: dict[str, list[float]]) -> None:
    for name, values in scores.items():
        share = mean_interval(values)
        assert share is not None
        print(f"{name:18} {sum(values) / len(values):4.0%}  95 % interval {share.low:.0%} to {share.high:.0%}")
    base, *others = scores.values()
    for name, comparison in zip(list(scores)[1:], compared_all(base, others), strict=True):
        print(comparison.sentence(name, "base, zero-shot"))


if __name__ == "__main__":
    main()
