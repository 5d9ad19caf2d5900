"""Texts for the terminal: a preflight, the progress of a run, a summary. No function here prints."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import TYPE_CHECKING

from promptgrid import humanize
from promptgrid.cli.output import terminal_width
from promptgrid.grid.preflight import ModelPreflight, Preflight
from promptgrid.runner import phrases
from promptgrid.store import Database
from promptgrid.store.runs import RunInfo, RunProgress
from promptgrid.store.scores import Total
from promptgrid.text import one_line

if TYPE_CHECKING:
    from promptgrid.compare import VariantSummary


def as_text(sheet: Preflight) -> str:
    cells, calls = humanize.many(sheet.cells, "cell"), phrases.calls_words(sheet.replies)
    lines = [
        f"{cells}: {calls} to send{phrases.for_replies(sheet.replies)}, {sheet.replies.answered:,} already answered"
    ]
    lines += [_model_line(model) for model in sheet.models]
    lines += [judge_line(model) for model in (*sheet.judges, *sheet.embedders)]
    lines += [f"  {model.ref}: {note}" for model in sheet.models for note in model.notes]
    lines += [f"  skipped: {s.prompt} as {s.technique}, {s.reason}" for s in sheet.skipped]
    lines += [f"  {doubt}" for doubt in sheet.doubts]
    if sheet.answer_column:
        lines.append(f"  To read the right answers from that column: --expected {shlex.quote(sheet.answer_column)}")
    if budget := phrases.budget_words(sheet):
        lines.append(f"  {budget}")
    if own_checks := phrases.own_checks_words(sheet):
        lines.append(f"  {own_checks}")
    if sheet.reach:
        lines.append(f"  {sheet.reach.sentence[:-1]} ({sheet.reach.method}).")
    return "\n".join(lines)


def _model_line(model: ModelPreflight) -> str:
    about = "" if model.exact else "≈ "
    parts = [phrases.calls_words(model), f"{about}{model.prompt_tokens:,} prompt tokens"]
    if model.completion_ceiling is not None:
        parts.append(f"at most {model.completion_ceiling:,} reply tokens")
    parts += [phrases.dated_cost(model, [model]), humanize.duration(model.seconds)]
    if model.shared:
        parts.append(f"{humanize.many(model.shared, 'cell')} identical on the wire to another")
    if model.too_long:
        parts.append(f"{model.too_long:,} do not fit and are not sent")
    reason = f"  (≈: {model.reason})" if not model.exact else ""
    return f"  {model.ref}: {' · '.join(p for p in parts if p)}{reason}"


def judge_line(model: ModelPreflight) -> str:
    does, what = ("embedded by", "texts embedded") if model.embeds else ("judged by", "judged")
    answered = f" · {model.answered:,} {what} already" if model.answered else ""
    return f"  {does}{_model_line(model)[1:]}{answered}"


def as_json(sheet: Preflight) -> str:
    names = ("calls", "answered", "shared", "too_long", "prompt_tokens", "exact")
    replies = {name: getattr(sheet.replies, name) for name in names}
    words = phrases.dated_cost(sheet.total, sheet.every)
    cost = {"cost_floor": sheet.total.cost_floor, "cost_ceiling": sheet.total.cost_ceiling, "cost": words}
    rest = {"seconds": sheet.seconds, "within_budget": sheet.within_budget, "within_max_calls": sheet.within_max_calls}
    return json.dumps(asdict(sheet) | replies | cost | rest, ensure_ascii=False, indent=2, default=_jsonable)


def _jsonable(value: object) -> object:
    return float(value) if isinstance(value, Decimal) else str(value)


def progress_line(info: RunInfo, progress: RunProgress) -> str:
    """Returns the progress of a run in one line.

    `120 of 216 cells · 360 calls · 4.1/s · 1:40 left · 12 in flight · 3 retried · $0.0142 · openai:
    4 at a time of 32, waits 12 s`
    """
    state = [] if info.status == "running" else [phrases.status_words(info, progress)]
    return " · ".join([*state, *phrases.progress_words(info, progress), *phrases.pace_words(info, progress)])


def error_lines(errors: Sequence[tuple[str, int]], noun: str = "cell") -> list[str]:
    """Returns one line for each (error, count): `3 cells: rate limited …`. `noun` names what is counted."""
    return [f"{humanize.many(count, noun)}: {one_line(error, 300)}" for error, count in errors]


def remedy_lines(progress: RunProgress) -> list[str]:
    """Returns a line on what to do for each kind of failure in the run."""
    return [f"{count_and_kind}: {remedy}" for count_and_kind, remedy in phrases.failures(progress)]


def end_line(info: RunInfo, progress: RunProgress) -> str:
    """Returns the last line of a run's output: its outcome and, if it can go on, the command for that."""
    line = f"Run {info.id}: {progress_line(info, progress)}."
    if info.message:
        line += f" {info.message}"
    if info.status in ("paused", "stopped", "cancelled"):
        line += f" To continue: promptgrid resume {info.id}"
    elif progress.by_status.get("failed"):
        line += f" To retry the failed cells: promptgrid resume {info.id}"
    return line


def summary_table(variants: Sequence[VariantSummary]) -> str:
    """Returns the table of the variants. `unread` (replies in which no answer could be read) and pass@k stand there
    only if a variant has them."""
    from promptgrid.export.tables import pass_at

    passed = pass_at(variants)
    header = ["variant", "answered", "unread", "score", "of cases", passed, "distinct"]
    header += ["all tokens", "cost, US$", "latency, s"]
    rows = [_summary_cells(v) for v in variants]
    optional = ("unread", passed)
    columns = [at for at, name in enumerate(header) if name not in optional or any(row[at] for row in rows)]
    return table([header[at] for at in columns], [[row[at] for at in columns] for row in rows])


def retrieval_table(database: Database, run_id: str) -> str:
    """Returns the tables of a run that retrieves: what each variant retrieves and why its wrong answers are wrong (if
    the cases have gold), how its replies use the passages, and, once a judge was asked, how faithful they are; "" if
    the run retrieves nothing."""
    from promptgrid.compare import View, facts
    from promptgrid.compare.retrieval import retrieval_summary, retrieval_words, use_summary, use_words

    run, view = facts(database, run_id), View()
    summaries, uses = retrieval_summary(database, run, view), use_summary(database, run, view)
    tables = [table(*retrieval_words(summaries))] if summaries else []
    faithful = faithfulness_table(database, run_id) if uses else ""
    return "\n".join([*tables, table(*use_words(uses)), *filter(None, [faithful])] if uses else tables)


def faithfulness_table(database: Database, run_id: str) -> str:
    """Returns what a judge says of the faithfulness of each variant, with its spread, its agreement with people, and a
    note; "" if no judge was asked."""
    from promptgrid.compare import View, facts
    from promptgrid.compare.retrieval import faithful_note, faithful_summary, faithful_words

    summaries = faithful_summary(database, facts(database, run_id), View())
    note = faithful_note(database, run_id, summaries)
    return f"{table(*faithful_words(summaries))}\n{note}" if summaries else ""


def _summary_cells(v: VariantSummary) -> list[str]:
    from promptgrid.export.tables import percent

    return [
        v.label,
        f"{v.answered}/{v.cells}",
        str(v.unread) if v.unread else "",
        percent(v.score),
        str(v.scored) if v.scored else "",
        percent(v.pass_at_k),
        str(v.distinct),
        "" if v.tokens is None else f"{v.tokens:,}",
        "" if v.cost_usd is None else f"{v.cost_usd:.4f}" if v.cost_usd else "free",
        "" if v.latency_ms is None else f"{v.latency_ms / 1000:,.2f}",
    ]


def totals_table(totals: Sequence[Total]) -> str:
    rows = [
        [t.check, "" if t.mean is None else f"{t.mean:.3f}", *map(str, (t.scored, t.unscored - t.failed, t.failed))]
        for t in totals
    ]
    return table(["check", "mean", "scored", "not scored", "failed"], rows)


def totals_json(run_id: str, totals: Sequence[Total]) -> str:
    return json.dumps({"run": run_id, "checks": [asdict(total) for total in totals]}, ensure_ascii=False, indent=2)


def table(header: Sequence[str], rows: Sequence[Sequence[str]], room: int | None = None) -> str:
    """Returns a table with columns as wide as their widest cell: the first left-aligned, the others right-aligned. A
    table wider than `room` (by default the terminal's columns; without a terminal there is no limit) comes in parts,
    one below the other, each with the first column."""
    from rich.cells import cell_len

    lines = [list(header), *map(list, rows)]
    widths = [max(cell_len(line[i]) for line in lines) for i in range(len(header))]

    def padded(line: Sequence[str], at: int) -> str:
        space = " " * (widths[at] - cell_len(line[at]))
        return line[at] + space if at == 0 else space + line[at]

    def block(part: Sequence[int]) -> str:
        return "\n".join("  ".join(padded(line, at) for at in part).rstrip() for line in lines)

    return "\n\n".join(map(block, _parts(widths, terminal_width() if room is None else room)))


def _parts(widths: Sequence[int], room: int) -> list[list[int]]:
    """Returns the columns of each part of a table (indices into `widths`): the first column and as many of the others
    as fit into `room`, at least one."""
    parts, used = [[0]], widths[0]
    for at, width in enumerate(widths[1:], 1):
        if used + 2 + width > room and len(parts[-1]) > 1:
            parts.append([0])
            used = widths[0]
        parts[-1].append(at)
        used += 2 + width
    return parts
