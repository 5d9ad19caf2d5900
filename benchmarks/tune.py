"""Two tasks four ways on the built-in model: zero-shot, few-shot, with what a search finds, and tuned on the same.

    python -m benchmarks.tune [--task sentiment|facts]

`sentiment` is the shipped prompt: 240 invented reviews with their labels are searched, and learned from; 48 more judge
the tuning's epochs. The 100 cases in data/reviews.csv were written after these, in other words, and nothing was chosen
by them. `facts` are the 35 questions about the documents of a small town; their passages are searched, and learned.

It needs the extra `tune` (`make tune-demo` installs it). Everything is in a folder of its own, which is removed at the
end; with --keep FOLDER it is kept, as a PROMPTGRID_HOME.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.harness import machine
from benchmarks.tuning_tasks import TASKS, Task
from promptgrid import api, builtin
from promptgrid.builtin import weights
from promptgrid.prompt import Prompt
from promptgrid.stats import compared_all, mean_interval
from promptgrid.store import Database
from promptgrid.tuning import jobs
from promptgrid.tuning.job import ACTIVE, TuningJob, TuningState
from promptgrid.tuning.prepared import PreparedData
from promptgrid.tuning.settings import TuningSettings

if TYPE_CHECKING:
    import pandas as pd

NAME = "tuned"


@dataclass(frozen=True, slots=True)
class Way:
    """What one way to ask gave: the scores of all cases in their order, and the mean tokens of a prompt."""

    scores: list[float]
    tokens: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", choices=TASKS, default="sentiment")
    parser.add_argument("--keep", type=Path)
    arguments = parser.parse_args()
    print(machine())
    begun = time.perf_counter()
    with own_home(arguments.keep):
        task = TASKS[arguments.task]()
        print_state(_tuned(task), len(task.learn))
        task.collect(Database())
        _print_table(_ways(task))
        builtin.stop()
    print(f"{(time.perf_counter() - begun) / 60:.1f} minutes in all")


@contextmanager
def own_home(keep: Path | None) -> Iterator[Path]:
    """A data folder of our own, with the user's copy of the weights; removed at the end unless it is `keep`."""
    file = builtin.fetch()
    with tempfile.TemporaryDirectory() as temporary:
        home = (keep or Path(temporary)).absolute()
        os.environ["PROMPTGRID_HOME"] = str(home)
        (home / "cache").mkdir(parents=True, exist_ok=True)
        if weights.override() is None and not (home / "cache" / file.name).exists():
            (home / "cache" / file.name).symlink_to(file)
        yield home


def _tuned(task: Task) -> TuningState:
    rule = task.prompt.answer if task.prompt.answer.kind == "label" else None
    settings = TuningSettings(epochs=task.epochs, rate=task.rate, rule=rule)
    return wait_for(jobs.start(NAME, PreparedData([*task.learn], [*task.held_out]), settings))


def wait_for(job: TuningJob) -> TuningState:
    """Shows how far the tuning is until it is done."""
    while (state := job.state()).status in ACTIVE:
        left = f", {state.left_s:.0f} s left" if state.left_s else ""
        print(f"\r{state.status} {state.step} of {state.steps}{left}    ", end="", flush=True)
        time.sleep(1)
    print("\r", end="")
    assert state.status == "done", state.error
    return state


def _ways(task: Task) -> dict[str, Way]:
    base = f"builtin/{builtin.MODEL}"

    def asked(prompt: Prompt, model: str, **axes: Any) -> pd.DataFrame:
        return api.run(api.plan(prompt, task.cases, models=model, expected="expected", doubts=False, **axes))

    shots = asked(task.prompt, base, techniques=("zero-shot", "few-shot"))
    return {
        "zero-shot": _way(shots[shots["technique"] == "zero-shot"]),
        "few-shot, 3 examples": _way(shots[shots["technique"] == "few-shot"]),
        f"retrieval, {task.finds}": _way(asked(task.retrieving, base)),
        "tuned, zero-shot": _way(asked(task.prompt, f"{base}+{NAME}")),
    }


def _way(frame: pd.DataFrame) -> Way:
    assert (frame["status"] == "answered").all(), frame["error"].unique()
    (column,) = [name for name in frame.columns if name.startswith("score.")]
    scores = frame.sort_values("case_id")[column].fillna(0.0)  # unread is wrong
    return Way([float(score) for score in scores], float(frame["prompt_tokens"].mean()))


def print_state(state: TuningState, count: int) -> None:
    """Prints the curve of a tuning by so many examples, and what it cost."""
    for note in state.notes:
        print(f"note: {note}")
    for point in state.curve:
        kept = ", kept" if point["epoch"] == state.best else ""
        right = "" if point["accuracy"] is None else f"accuracy {point['accuracy']:.0%}, "
        print(f"epoch {point['epoch']}: held-out {right}loss {point['held_out_loss']:.3f}{kept}")
    cpu_s, epochs = state.cpu_s, state.curve[-1]["epoch"]
    print(f"{cpu_s:.0f} CPU s with loading and judging, {cpu_s / count / epochs:.2f} an example and epoch;", end=" ")
    print(f"at most {state.peak_bytes / 1e9:.2f} GB of memory")


def _print_table(ways: Mapping[str, Way]) -> None:
    first, *others = ways
    print(f"\n| way | right, of {len(ways[first].scores)} | 95 % interval | tokens of a prompt |\n|---|---|---|---|")
    for name, way in ways.items():
        share = mean_interval(way.scores)
        assert share is not None
        right = sum(way.scores) / len(way.scores)
        print(f"| {name} | {right:.0%} | {share.low:.0%} to {share.high:.0%} | {way.tokens:.0f} |")
    print()
    comparisons = compared_all(ways[first].scores, [ways[name].scores for name in others])
    for name, comparison in zip(others, comparisons, strict=True):
        print(f"- {comparison.sentence(name, first)}")


if __name__ == "__main__":
    main()
