"""The gate against an earlier run: no variant may be worse, by paired statistics or case by case."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from promptgrid import humanize
from promptgrid.compare.runs import Change, VariantChange, against
from promptgrid.errors import GateError
from promptgrid.gate.results import Broke, GateResult
from promptgrid.store import Database, runs
from promptgrid.store.across import baselines

PINNED = "pinned"


@dataclass(frozen=True, slots=True)
class NotWorse:
    """A gate: no variant of these `prompts` (names) may be significantly worse than in the earlier run `than` (id);
    with `strict`, not one case may have a lower score."""

    than: str
    prompts: frozenset[str]
    strict: bool = False


def parse_not_worse(
    database: Database, ref: str, prompts: Collection[str], *, strict: bool = False
) -> tuple[NotWorse, ...]:
    """Returns gates that compare the variants of these prompts (names) with an earlier run: the one that `ref` names
    or, if `ref` is `pinned`, the run that the user has made the baseline of each prompt. `strict` goes into each gate.

    Raises GateError where a prompt has no baseline, StoreError for an unknown run.
    """
    by_run: dict[str, set[str]] = {}
    known = baselines.pinned(database) if ref == PINNED else dict.fromkeys(prompts, runs.find_run(database, ref).id)
    for prompt in prompts:
        if prompt not in known:
            raise GateError(f'No run is the baseline of "{prompt}".', hint="Make one with: promptgrid pin RUN")
        by_run.setdefault(known[prompt], set()).add(prompt)
    return tuple(NotWorse(than, frozenset(names), strict) for than, names in by_run.items())


def not_worse(
    database: Database, run_id: str, gate: NotWorse, *, families: int = 1, part: str = ""
) -> list[GateResult]:
    """Returns the gate's result for each variant in run `run_id` of the gate's prompts. It fails for a variant that the
    earlier run (`gate.than`) does not have.

    `families` is the number of gates that compare this run, each with a different earlier run; the significance levels
    are corrected for that number. With `part`, only the cases of that part are compared. Raises GateError if the run is
    compared with itself, StoreError when one of the two runs no longer exists.
    """
    if gate.than == run_id:
        raise GateError(
            f"Run {run_id} cannot be worse than itself.", hint="Name another: `promptgrid runs` lists them."
        )
    changes = against(database, gate.than, run_id, part, families=families)
    cases = [_broke(change) for change in changes.listed(database, ["broke"], count=changes.counts["broke"])]
    return [
        _not_worse(gate, variant, [case for case in cases if case.variant == variant.label])
        for variant in changes.variants
        if variant.b is not None and variant.b.prompt in gate.prompts
    ]


def _not_worse(gate: NotWorse, variant: VariantChange, broke: Sequence[Broke]) -> GateResult:
    reason = _missed(gate, variant)
    return GateResult(
        gate=f"not worse than {gate.than}" + (", case by case" if gate.strict else ""),
        variant=variant.label,
        held=not reason,
        measured=", ".join(f"{count:,} {kind}" for kind, count in variant.counts.items() if count),
        reason=reason,
        broke=tuple(broke),
        note=variant.sentence,
    )


def _missed(gate: NotWorse, variant: VariantChange) -> str:
    """Returns the reason why the gate fails for this variant; "" when it holds."""
    if variant.a is None:
        return f"run {gate.than} has no such variant"
    if variant.versus is None:
        return "no case is scored in both runs"
    if variant.versus.verdict == "worse":
        return "it is worse"
    broke = variant.counts["broke"]
    return f"{humanize.many(broke, 'case')} broke" if gate.strict and broke else ""


def _broke(change: Change) -> Broke:
    return Broke(
        case_id=change.case_id,
        variant=change.label,
        check="",
        expected=change.expected,
        before=_answer_words(change.answer_a, change.status_a),
        now=_answer_words(change.answer_b, change.status_b),
        explanation=f"score {_score(change.score_a)} before, {_score(change.score_b)} now",
    )


def _answer_words(answer: str | None, status: str | None) -> str:
    """Returns the answer, or without one the status of the cell in words."""
    return answer if answer is not None else "no answer" if status == "answered" else (status or "").replace("_", " ")


def _score(score: float | None) -> str:
    return "none" if score is None else f"{score:.3g}"
