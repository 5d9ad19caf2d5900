"""`promptgrid tune start`, `list`, `show` …: tuned models, made out of the built-in one on this machine."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from promptgrid.cli.output import OutputFile, echo, echo_json, print_table
from promptgrid.cli.tune import tune

if TYPE_CHECKING:
    from promptgrid.prompt import AnswerRule
    from promptgrid.tuning.job import TuningJob, TuningState

__all__ = ["tune"]
_POLL_S = 0.5
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@tune.command()
@click.argument("data", type=_FILE)
@click.option("--name", required=True, help="The tuned model's name: builtin/smollm2-135m-instruct+NAME.")
@click.option("--held-out", type=_FILE, help="Examples to judge by, such as those of the part choose.")
@click.option("--share", type=float, default=0.2, show_default=True, help="Held out of DATA where no file is named.")
@click.option(
    "--method",
    type=click.Choice(("sft", "dpo")),
    default="sft",
    show_default=True,
    help="sft: replies to imitate; dpo: a preferred and a rejected reply.",
)
@click.option("--prompt", "prompt_name", help="Its answer rule reads the replies; else short replies are labels.")
@click.option("--epochs", type=int, default=2, show_default=True, help="Passes over the data; the best is kept.")
@click.option("--rate", type=float, help="The learning rate.  [default: 2e-4 for sft, 1e-4 for dpo]")
@click.option("--rank", type=int, default=8, show_default=True, help="The adapter's rank.")
@click.option("--alpha", type=int, default=16, show_default=True, help="Its changes are scaled by alpha / rank.")
@click.option("--batch", type=int, default=8, show_default=True, help="Examples a step.")
@click.option("--longest", type=int, default=1024, show_default=True, help="Longer examples, in tokens, are left out.")
@click.option("--seed", type=int, default=1, show_default=True, help="Decides the order of the examples.")
@click.option("--beta", type=float, default=0.1, show_default=True, help="dpo: how near the base it stays.")
@click.option("--imitate", type=float, default=1.0, show_default=True, help="dpo: weight of the preferred reply.")
@click.option("--detach", is_flag=True, help="Return at once; `promptgrid tune show NAME` tells how far it is.")
def start(
    data: Path,
    name: str,
    held_out: Path | None,
    share: float,
    prompt_name: str | None,
    rate: float | None,
    detach: bool,
    **settings: Any,
) -> None:
    """Tune the built-in model on the examples in DATA, as `promptgrid tune data` writes them.

    It needs the extra `tune`. Loss and accuracy on the held-out examples are measured after each epoch. Ctrl+C pauses.

    promptgrid tune start train.jsonl --name mood --prompt sentiment
    """
    from promptgrid.tuning import jobs
    from promptgrid.tuning.prepared import prepare
    from promptgrid.tuning.settings import RATES, TuningSettings

    jobs.require_extra()
    method = settings["method"]
    rule = _rule(prompt_name) if prompt_name else None
    values = TuningSettings(**settings, rate=RATES[method] if rate is None else rate, held_out=share, rule=rule)
    values.check()
    job = jobs.start(name, prepare(data, held_out, method, share), values)
    if detach:
        echo(f"{name} is being tuned: `promptgrid tune show {name}` tells how far it is.")
    else:
        _follow(job)


@tune.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(as_json: bool) -> None:
    """List the tunings and the tuned models."""
    from promptgrid.builtin import adapters
    from promptgrid.tuning import jobs

    states = {job.name: job.state() for job in jobs.jobs()}
    models = {adapter.name: adapter for adapter in adapters.adapters()}
    names = [*states, *(name for name in models if name not in states)]
    if as_json:
        echo_json(json.dumps([_facts(name, states.get(name)) for name in names]))
        return
    if not names:
        echo("No tunings yet. Start one with: promptgrid tune start FILE --name NAME")
        return
    rows = []
    for name in names:
        state = states.get(name)
        made = models[name].made if name in models else "deleted" if name in adapters.deleted() else ""
        rows.append([name, state.status if state else "done", _step(state), _gain(state), made])
    print_table(["name", "status", "steps", "held-out accuracy", "model"], rows)


@tune.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--follow", is_flag=True, help="Wait until the tuning ends; Ctrl+C pauses it.")
def show(name: str, as_json: bool, follow: bool) -> None:
    """Show how far the tuning NAME is, or what it brought."""
    from promptgrid.tuning import jobs

    job = jobs.job_of(name)
    if follow:
        _follow(job)
    elif as_json:
        echo_json(json.dumps(_facts(name, job.state())))
    else:
        _print(job.state())


@tune.command()
@click.argument("name")
def pause(name: str) -> None:
    """Pause the tuning NAME after its present step."""
    from promptgrid.tuning import jobs

    jobs.pause(jobs.job_of(name))
    echo(f"{name} pauses. Go on with: promptgrid tune resume {name}")


@tune.command()
@click.argument("name")
def cancel(name: str) -> None:
    """End the tuning NAME for good."""
    from promptgrid.tuning import jobs

    jobs.cancel(jobs.job_of(name))
    echo(f"{name} is cancelled.")


@tune.command()
@click.argument("name")
@click.option("--detach", is_flag=True, help="Return at once.")
def resume(name: str, detach: bool) -> None:
    """Go on with the tuning NAME, which was paused, failed or killed."""
    from promptgrid.tuning import jobs

    job = jobs.job_of(name)
    jobs.resume(job)
    if not detach:
        _follow(job)


@tune.command()
@click.argument("name")
@click.option("--out", type=OutputFile(), required=True, help="The GGUF file to write.")
@click.option(
    "--form",
    type=click.Choice(("adapter", "F16", "Q8_0")),
    default="adapter",
    show_default=True,
    help="The adapter alone, or the whole model: in 16 bit, or half as large.",
)
def export(name: str, out: Path, form: str) -> None:
    """Write the tuned model NAME to a file for llama.cpp and programs built on it."""
    from promptgrid.builtin import adapters
    from promptgrid.humanize import size
    from promptgrid.tuning.exports import EXPORT_FORMS, export_adapter

    export_adapter(adapters.find(name), out, next(one for one in EXPORT_FORMS if one == form))
    echo(f"Wrote {out} ({size(out.stat().st_size)}).")


@tune.command()
@click.argument("name")
def delete(name: str) -> None:
    """Delete the tuned model NAME; `undelete` brings it back."""
    from promptgrid.builtin import adapters

    adapters.delete(name)
    echo(f"{name} is deleted. Bring it back with: promptgrid tune undelete {name}")


@tune.command()
@click.argument("name")
def undelete(name: str) -> None:
    """Bring the deleted tuned model NAME back."""
    from promptgrid.builtin import adapters

    adapters.undelete(name)
    echo(f"{name} is back.")


def _rule(prompt_name: str) -> AnswerRule:
    from promptgrid.library.folder import Library, library_folder

    return Library(library_folder()).load(prompt_name)[0].answer


def _follow(job: TuningJob) -> None:
    """Prints the progress until the tuning ends. Ctrl+C pauses it. The exit code is 1 unless it is done."""
    from promptgrid.tuning import jobs
    from promptgrid.tuning.job import ACTIVE

    line, state = "", job.state()
    try:
        while state.status in ACTIVE:
            if (now := _progress(state)) != line:
                echo(line := now, err=True)
            time.sleep(_POLL_S)
            state = job.state()
    except KeyboardInterrupt:
        jobs.pause(job)
        echo(f"{job.name} pauses. Go on with: promptgrid tune resume {job.name}")
        raise SystemExit(130) from None
    _print(state)
    if state.status == "done":
        echo(f"It is the model builtin/{_base()}+{job.name}.")
    raise SystemExit(0 if state.status == "done" else 1)


def _base() -> str:
    from promptgrid import builtin

    return builtin.MODEL


def _progress(state: TuningState) -> str:
    from promptgrid.humanize import duration

    left = f", {duration(state.left_s)} left" if state.left_s else ""
    return f"{state.status} {_step(state)}{left}"


def _print(state: TuningState) -> None:
    echo(f"{state.status}, {_step(state) or 'no'} steps, {state.examples:,} examples, {state.held_out:,} held out")
    for note in state.notes:
        echo(f"  note: {note}")
    if state.error:
        echo(f"  {state.error}")
    rows = [
        [
            str(point["epoch"]) + (" (kept)" if point["epoch"] == state.best and state.best else ""),
            "" if point["loss"] is None else f"{point['loss']:.3f}",
            f"{point['held_out_loss']:.3f}",
            _share(point),
            f"{point['cpu_s']:.0f}",
        ]
        for point in state.curve
    ]
    if rows:
        print_table(["epoch", "loss", "held-out loss", "held-out accuracy", "CPU s"], rows)
    for name, value in state.result.items():
        echo(f"  {name}: {value}")


def _share(point: Mapping[str, Any]) -> str:
    return "" if point["accuracy"] is None else f"{100 * point['accuracy']:.0f} %"


def _step(state: TuningState | None) -> str:
    return f"{state.step:,} of {state.steps:,}" if state and state.steps else ""


def _gain(state: TuningState | None) -> str:
    """Returns the accuracy of the base and of the best epoch, as `36 % → 96 %`."""
    if state is None or len(state.curve) < 2:
        return ""
    shares = [_share(state.curve[0]), _share(state.curve[state.best])]
    return " → ".join(shares) if all(shares) else ""


def _facts(name: str, state: TuningState | None) -> dict[str, Any]:
    from promptgrid.builtin import adapters

    adapter = next((one for one in adapters.adapters() if one.name == name), None)
    return {"name": name, "state": state and asdict(state), "adapter_sha256": adapter and adapter.adapter_sha256}
