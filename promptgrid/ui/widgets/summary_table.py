"""The summary table of a run, with one row per variant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from promptgrid.compare import VariantSummary
from promptgrid.export.tables import pass_at

PER_CHARACTER, WIDEST = 7, 280  # pixels, of the column of variants


def summary_table(summaries: Sequence[VariantSummary]) -> None:
    """Draws a table with a row for each variant of a run. Columns in which no variant has a value are left out,
    and the costs of a free run."""
    import pandas as pd

    if not summaries:
        st.caption("No replies yet.")
        return
    checks = list(summaries[0].by_check)
    frame = pd.DataFrame([_line(summary, checks) for summary in summaries])
    if all(summary.cost_usd == 0 for summary in summaries):
        frame = frame.drop(columns=["cost_usd", "cost_per_correct"])
    longest = max(len(summary.label) for summary in summaries)
    config = _column_config(checks, pass_at(summaries)) | {
        "variant": st.column_config.TextColumn("Variant", width=min(24 + PER_CHARACTER * longest, WIDEST), pinned=True)
    }
    st.dataframe(frame.dropna(axis="columns", how="all"), hide_index=True, placeholder="–", column_config=config)


def _line(summary: VariantSummary, checks: Sequence[str]) -> dict[str, Any]:
    line: dict[str, Any] = {
        "variant": summary.label,
        "best": "best" if summary.best else None,
        "score": None if summary.score is None else 100 * summary.score,
        "interval": interval_of(summary) or None,
        "scored": summary.scored or None,
        "versus": None if summary.versus is None else summary.versus.verdict,
    }
    if len(checks) > 1:
        for check, (value, _) in summary.by_check.items():
            line[f"score.{check}"] = None if value is None else 100 * value
    return line | {
        "answered": f"{summary.answered:,} of {summary.cells:,}",
        "unread": summary.unread or None,
        "agreement": None if summary.agreement is None else 100 * summary.agreement,
        "pass_at_k": None if summary.pass_at_k is None else 100 * summary.pass_at_k,
        "distinct": summary.distinct,
        "chars": summary.chars,
        "prompt_tokens": summary.prompt_tokens,
        "completion_tokens": summary.completion_tokens,
        "cost_usd": summary.cost_usd,
        "cost_per_correct": summary.cost_per_correct,
        "latency": None if summary.latency_ms is None else summary.latency_ms / 1000,
        "latency_p95": None if summary.latency_p95_ms is None else summary.latency_p95_ms / 1000,
    }


def _column_config(checks: Sequence[str], passes: str) -> dict[str, Any]:
    column, number = st.column_config.TextColumn, st.column_config.NumberColumn
    return {
        "best": column("", help="Better than every other by more than chance would explain"),
        "score": number(
            "Score", format="%.0f %%", help="Mean over the scored cases. Cases without a score do not count."
        ),
        "interval": column("95 % interval", help="The likely range of the score for other cases of the same kind"),
        "scored": number("of cases", help="Cases with a score"),
        "versus": column("vs baseline", help="Over the cases with a score in both; the sentence is below"),
        **{f"score.{check}": number(check, format="%.0f %%") for check in checks},
        "answered": column("Answered", help="Cells with a reply, of all cells"),
        "unread": number("No answer read", help="Replies without a readable answer. They have no score"),
        "agreement": number(
            "Agreement", format="%.0f %%", help="Share of a case's samples that give its most frequent answer"
        ),
        "pass_at_k": number(
            passes, format="%.0f %%", help="Chance that at least one of this many samples of a case is right"
        ),
        "distinct": number("Distinct answers"),
        "chars": number("Length", format="%.0f", help="Mean number of characters of a reply"),
        "prompt_tokens": number("Prompt tokens", format="%.0f", help="Mean per reply"),
        "completion_tokens": number("Reply tokens", format="%.0f", help="Mean per reply"),
        "cost_usd": number("Cost, US$", format="%.4f", help="Sum over the replies; empty if a price is not known"),
        "cost_per_correct": number(
            "US$ per correct", format="%.5f", help="Cost divided by the number of right answers; empty if none is right"
        ),
        "latency": number("Latency, s", format="%.2f", help="Median"),
        "latency_p95": number("Latency p95, s", format="%.2f", help="19 of 20 replies took no longer"),
    }


def interval_of(summary: VariantSummary) -> str:
    """Returns the 95 % interval of the score in per cent, such as "41–65"; "" if there is none."""
    if summary.interval is None:
        return ""
    return f"{100 * summary.interval.low:.0f}–{100 * summary.interval.high:.0f}"
