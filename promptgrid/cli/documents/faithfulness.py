"""`promptgrid documents faithfulness`: a model judges whether replies state nothing but what their passages say."""

from __future__ import annotations

import click

from promptgrid.cli.output import echo


@click.command()
@click.argument("run", metavar="RUN")
@click.option("--model", required=True, metavar="ENDPOINT/MODEL", help="The model that judges.")
@click.option("--repeats", type=int, default=3, show_default=True, help="How often it judges each reply: 2 to 10.")
@click.option("--budget", default="", help="The most to spend: 2.50usd, 100000tok, 500calls or 30min.")
@click.option("--fresh", is_flag=True, help="Ask again for replies that the model has judged.")
@click.option("--dry-run", is_flag=True, help="Show the cost and send nothing.")
def faithfulness(run: str, model: str, repeats: int, budget: str, fresh: bool, dry_run: bool) -> None:
    """Let a model judge whether the replies of a run state nothing but what their passages say.

    The share of faithful replies comes with that of each repeat and with the agreement with people, who rate replies on
    the page Compare. RUN is an id, its beginning, or `last`.

    promptgrid documents faithfulness last --model openai/gpt-5-mini --budget 0.50usd
    """
    from promptgrid.cli import live, sheet
    from promptgrid.cli.verdicts.check import judging
    from promptgrid.judging.faithfulness import faithfulness_preflight, judge_faithfulness
    from promptgrid.store import Database, runs

    database = Database()
    run_id = runs.find_run(database, run).id
    live.prepare([model])
    preflight = faithfulness_preflight(database, run_id, model, repeats, fresh=fresh)
    echo(sheet.judge_line(preflight), err=True)
    if dry_run:
        return
    again = f"promptgrid documents faithfulness {run_id} --model {model} --repeats {repeats}"
    with judging("Judging", f"The verdicts so far are stored. To resume: {again}") as tell:
        judge_faithfulness(database, run_id, model, repeats, budget=budget, fresh=fresh, on_progress=tell)
    echo(sheet.faithfulness_table(database, run_id))
