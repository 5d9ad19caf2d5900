"""What the terminal shows of a preflight, a run in progress and a summary: texts only, nothing is printed here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from promptgrid.compare import VariantSummary
from promptgrid.preflight import ModelPreflight, Preflight
from promptgrid.store.runs import Progress, RunInfo


def as_text(sheet: Preflight) -> str:
    """The preflight sheet as a few lines."""
    lines = [f"{sheet.cells:,} cells: {sheet.calls:,} calls to send, {sheet.answered:,} already answered"]
    lines += [_model_line(model) for model in sheet.models]
    lines += [f"  {model.ref}: {note}" for model in sheet.models for note in model.notes]
    lines += [f"  skipped: {s.prompt} as {s.technique}, {s.reason}" for s in sheet.skipped]
    return "\n".join(lines)


def _model_line(model: ModelPreflight) -> str:
    about = "" if model.exact else "≈ "
    parts = [f"{model.calls:,} calls", f"{about}{model.prompt_tokens:,} prompt tokens"]
    if model.completion_ceiling is not None:
        parts.append(f"at most {model.completion_ceiling:,} reply tokens")
    parts += [cost_words(model), duration(model.seconds)]
    if model.too_long:
        parts.append(f"{model.too_long:,} do not fit and are not sent")
    reason = f"  (≈: {model.reason})" if not model.exact else ""
    return f"  {model.ref}: {' · '.join(p for p in parts if p)}{reason}"


def cost_words(model: ModelPreflight) -> str:
    """`free`, a range in US dollars with the date of the price, or that the price is not known."""
    if model.facts.free:
        return "free"
    if model.cost_floor is None:
        return "price not known"
    ceiling = "no ceiling (set max tokens)" if model.cost_ceiling is None else f"${model.cost_ceiling:.4f}"
    date = f" (price of {model.facts.price_date})" if model.facts.price_date else ""
    return f"${model.cost_floor:.4f} to {ceiling}{date}"


def duration(seconds: float | None) -> str:
    """`about 40 s`, `about 4 min`; empty when not known."""
    if seconds is None:
        return ""
    return f"about {seconds:.0f} s" if seconds < 100 else f"about {seconds / 60:.0f} min"


def as_json(sheet: Preflight) -> str:
    """The whole sheet for a machine."""
    body = asdict(sheet) | {"calls": sheet.calls, "answered": sheet.answered, "too_long": sheet.too_long,
                            "cost_floor": sheet.cost_floor, "cost_ceiling": sheet.cost_ceiling}  # fmt: skip
    return json.dumps(body, ensure_ascii=False, indent=2)


def progress_line(info: RunInfo, progress: Progress) -> str:
    """`120 of 216 · 4.1/s · 1:40 left · 3 retried · $0.0142`."""
    parts: list[str] = [info.status] if info.status != "running" else []
    parts.append(f"{progress.done:,} of {progress.total:,}")
    if progress.per_second and info.status == "running":
        parts.append(f"{progress.per_second:.1f}/s")
    if progress.seconds_left and info.status == "running":
        parts.append(f"{clock(progress.seconds_left)} left")
    if progress.retried:
        parts.append(f"{progress.retried:,} retried")
    parts += [f"{count:,} {status}" for status, count in progress.by_status.items() if status in _ENDED_BADLY]
    if progress.spent_usd:
        parts.append(f"${progress.spent_usd:.4f}")
    return " · ".join(parts)


_ENDED_BADLY = ("failed", "refused", "too_long", "cancelled")


def clock(seconds: float) -> str:
    """Minutes and seconds, `1:40`; with hours `2:05:10`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def end_line(info: RunInfo, progress: Progress) -> str:
    """How the run ended and what to do next, if anything."""
    said = f"Run {info.id} {info.status}: {progress_line(info, progress)}, {progress.reused:,} reused."
    if info.message:
        said += f" {info.message}"
    if info.status in ("paused", "stopped", "cancelled"):
        said += f" Go on with: promptgrid resume {info.id}"
    elif progress.by_status.get("failed"):
        said += f" Try the failed cells again with: promptgrid resume {info.id}"
    return said


def summary_table(variants: Sequence[VariantSummary]) -> str:
    """One line a variant, in columns."""
    header = ["variant", "answered", "score", "n", "distinct", "tokens", "usd", "ms"]
    return table(header, [_summary_cells(v) for v in variants])


def _summary_cells(v: VariantSummary) -> list[str]:
    return [
        v.label,
        f"{v.answered}/{v.cells}",
        "" if v.score is None else f"{v.score:.2f}",
        str(v.scored) if v.scored else "",
        str(v.distinct),
        "" if v.tokens is None else f"{v.tokens:,}",
        "" if v.cost_usd is None else f"{v.cost_usd:.4f}" if v.cost_usd else "free",
        "" if v.latency_ms is None else f"{v.latency_ms:,.0f}",
    ]


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell, the first to the left, the others to the right; two spaces between."""
    from rich.cells import cell_len

    lines = [list(header), *map(list, rows)]
    widths = [max(cell_len(line[i]) for line in lines) for i in range(len(header))]

    def padded(text: str, width: int, first: bool) -> str:
        space = " " * (width - cell_len(text))
        return text + space if first else space + text

    return "\n".join("  ".join(padded(c, w, i == 0) for i, (c, w) in enumerate(zip(line, widths, strict=True))).rstrip()
                     for line in lines)  # fmt: skip
