"""`promptgrid tune data` and `tune check`: training files out of runs and conversations, and what is wrong with one."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from promptgrid.cli.output import OutputFile, echo

if TYPE_CHECKING:
    from promptgrid.tuning import FileReport, TrainingSet

_DIALECTS = ("openai", "azure", "together", "fireworks", "trl", "chat")
_dialect = click.option(
    "--dialect", type=click.Choice(_DIALECTS), default="openai", show_default=True, help="The trainer's file format."
)
_longest = click.option(
    "--longest", type=click.IntRange(1), help="Name the examples over this number of tokens, which the trainer cuts."
)


@click.group()
def tune() -> None:
    """Make and check data for fine-tuning, and tune the built-in model on it."""


@tune.command()
@click.argument("runs", metavar="[RUN]…", nargs=-1)
@click.option("--out", type=OutputFile(), required=True, help="The file to write, as JSON lines.")
@click.option(
    "--method",
    type=click.Choice(("sft", "dpo", "kto")),
    default="sft",
    show_default=True,
    help="sft: replies to imitate; dpo: a preferred and a rejected reply; kto: replies marked good or bad.",
)
@_dialect
@click.option("--expected", is_flag=True, help="Take the cases' expected answers instead of good replies (sft).")
@click.option("--technique", default="", help="Only cells of this technique.")
@click.option("--chat", "chats", multiple=True, metavar="ID", help="A conversation to imitate (sft); may be repeated.")
@_longest
def data(
    runs: tuple[str, ...],
    out: Path,
    method: str,
    dialect: str,
    expected: bool,
    technique: str,
    chats: tuple[str, ...],
    longest: int | None,
) -> None:
    """Write a training file from the replies of each RUN, and check it.

    A reply is good if people rate it 0.75 or more, or without a rating if it passes all its checks; bad if they rate it
    0.25 or less, or if it fails one. Preferences come from votes, and from good and bad replies to the same messages.
    Cases of the part "prove" are never taken: the tuned model is judged on them.

    promptgrid tune data last --out train.jsonl
    """
    from itertools import chain

    from promptgrid import tuning
    from promptgrid.export.files import save
    from promptgrid.export.jsonl import write_jsonl
    from promptgrid.store import Database
    from promptgrid.store import runs as store
    from promptgrid.tuning.dialects import METHODS, dialect_of

    if not (runs or chats):
        raise click.UsageError("Name a run, or a conversation with --chat.")
    if method != "sft" and (chats or expected):
        raise click.UsageError("--chat and --expected are for --method sft.")
    kind = next(name for name in METHODS if name == method)
    form, database = dialect_of(dialect, kind), Database()
    run_ids = [store.find_run(database, run).id for run in runs]
    from_runs = tuning.of_runs(
        database, run_ids, kind, target="expected" if expected else "passed", technique=technique
    )
    from_chats = tuning.of_conversations(database, chats)
    examples = chain(from_runs, from_chats)
    count = save(out, lambda file: write_jsonl(tuning.rows_of(examples, form), file))
    echo(f"Wrote {count:,} examples to {out}{_sources((from_runs, from_chats))}.")
    for reason, left in sorted((from_runs.left_out + from_chats.left_out).items()):
        echo(f"  left out {left:,}: {reason}", err=True)
    _print(tuning.check_file(out, form, longest=longest))


@tune.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@_dialect
@_longest
@click.option(
    "--against",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Another file, such as the validation file, that must share no example; may be repeated.",
)
@click.option("--epochs", type=click.IntRange(1, 1000), default=3, show_default=True, help="For the price.")
@click.option("--price", type=click.FloatRange(min=0), help="US dollars per million tokens of training.")
def check(
    file: Path, dialect: str, longest: int | None, against: tuple[Path, ...], epochs: int, price: float | None
) -> None:
    """Check a training FILE: the trainer's rules, duplicates, overlap, labels, refusals, keys, lengths.

    The exit code is 1 if the trainer would refuse it, or learn something else than is meant.

    promptgrid tune check train.jsonl --dialect fireworks --against validation.jsonl --price 3
    """
    from promptgrid.humanize import dollars
    from promptgrid.tuning import DIALECTS, check_file

    with click.progressbar(length=file.stat().st_size, file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:
        report = check_file(
            file,
            DIALECTS[dialect],
            longest=longest,
            against=against,
            progress=lambda done: bar.update(done - bar.pos),
        )
    _print(report)
    if price is not None:
        echo(f"≈ {dollars(report.cost_usd(epochs, price))}: {report.tokens:,} tokens × {epochs} epochs at ${price:g}.")
    raise SystemExit(1 if report.grave else 0)


def _sources(sets: Iterable[TrainingSet]) -> str:
    """Returns where the examples come from, as ` (12 from checks, 3 from votes)`."""
    counts = [f"{count:,} from {source}" for one in sets for source, count in one.taken.items()]
    return f" ({', '.join(counts)})" if counts else ""


def _print(report: FileReport) -> None:
    from promptgrid.humanize import many

    method = report.method or "no method"
    echo(f"{many(report.examples, 'example')} for {method}, in the form of {report.dialect}.")
    if report.examples:
        echo(f"≈ {report.tokens:,} tokens, the longest example {report.longest:,}:")
        for bits, count in sorted(report.sizes.items()):
            share = "█" * max(1, round(40 * count / report.examples))
            echo(f"  below {2**bits:>7,} tokens  {count:>7,}  {share}")
    if len(report.labels) > 1:
        labels = ", ".join(f"{label[:20]} {count:,}" for label, count in report.labels.most_common(10))
        more = f" and {len(report.labels) - 10} more" if len(report.labels) > 10 else ""
        echo(f"Replies: {labels}{more}")
    for finding in report.findings:
        lines = f"line{'s' if len(finding.lines) > 1 else ''} {', '.join(map(str, finding.lines))}"
        where = f" in {lines}{' …' if finding.count > len(finding.lines) else ''}" if finding.lines else ""
        detail = f" ({finding.detail})" if finding.detail else ""
        echo(f"{'WRONG' if finding.grave else 'note '}  {finding.count:,} × {finding.rule}{where}{detail}")
    if not report.findings:
        echo("Nothing is wrong with it.")
