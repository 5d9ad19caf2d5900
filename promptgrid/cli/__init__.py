"""The command line: commands parse, call the engine once and print. Slow imports stay inside them for a quick
`--help`.
"""

from __future__ import annotations

import gc
import sys

import click

from promptgrid.cli.across import costs, search
from promptgrid.cli.cases import cases
from promptgrid.cli.curve import curve, worth
from promptgrid.cli.dashboard import dashboard
from promptgrid.cli.documents import documents
from promptgrid.cli.documents.meaning import meaning
from promptgrid.cli.examples import examples
from promptgrid.cli.next_word import next_word
from promptgrid.cli.output import echo
from promptgrid.cli.propose import propose
from promptgrid.cli.run import plan, run
from promptgrid.cli.runs import cancel, delete, export, extend, pause, rename, resume, runs, tag, undelete
from promptgrid.cli.serve import serve
from promptgrid.cli.show import doctor, models, prompts
from promptgrid.cli.signals import ended_by_signals
from promptgrid.cli.stores.backup import backup
from promptgrid.cli.stores.copy_store import copy_store
from promptgrid.cli.stores.hosts import hosts, runner
from promptgrid.cli.tokens import tokens
from promptgrid.cli.tunings import tune
from promptgrid.cli.verdicts.arena import arena
from promptgrid.cli.verdicts.attack import attack, attacked
from promptgrid.cli.verdicts.check import check
from promptgrid.cli.verdicts.compare import compare, pin, unpin
from promptgrid.cli.verdicts.gate import gate
from promptgrid.cli.verdicts.improve import improve
from promptgrid.cli.verdicts.judge import judge
from promptgrid.cli.versions import label, rollback, versions
from promptgrid.errors import PromptgridError

EPILOG = """\b
promptgrid                            opens the dashboard
promptgrid run sentiment --temperature 0,0.7 --samples 3 --csv out.csv
promptgrid plan sentiment --technique zero-shot,few-shot
"""


class _Group(click.Group):
    """Prints a PromptgridError as one sentence and exits with 2; other errors keep their traceback."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except PromptgridError as error:
            echo(f"promptgrid: {error}", err=True)
            ctx.exit(2)


@click.group(cls=_Group, invoke_without_command=True, epilog=EPILOG)
@click.version_option(package_name="promptgrid")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Compose prompts, run them over cases at several temperatures, compare the answers side by side."""
    gc.set_threshold(20_000, 20, 20)  # as usual it takes a tenth of the time of the imports that follow
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a terminal that cannot show 我 still shows the rest
    ctx.with_resource(ended_by_signals())
    if ctx.invoked_subcommand is None:
        ctx.invoke(dashboard)


for command in (
    dashboard, run, plan, check, runs, resume, extend, pause, cancel, delete, undelete, rename, tag, export, gate,
    arena, judge, compare, pin, unpin, curve, search, costs, worth, examples, improve, attack, attacked, tune,
    documents, meaning, cases, propose, tokens, next_word, prompts, versions, label, rollback,
    models, serve, doctor, backup, copy_store, hosts, runner,
):  # fmt: skip
    main.add_command(command)
