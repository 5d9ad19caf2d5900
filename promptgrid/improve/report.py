"""Says what a search found in words, and saves the chosen prompt with its lineage."""

from __future__ import annotations

from collections.abc import Sequence

from promptgrid.compare.words_diff import DiffSpan, words_diff
from promptgrid.humanize import many
from promptgrid.improve.candidates import Candidate
from promptgrid.improve.carry_out import ImproveReport
from promptgrid.improve.guards import message_text
from promptgrid.improve.search import Improved
from promptgrid.library.folder import Library
from promptgrid.library.versions import set_note
from promptgrid.stats.paired import Comparison


def verdict_sentence(report: ImproveReport) -> str:
    """Returns what the chosen prompt promised and what was proved, in points: "Candidate 7 looked +8, is +2 (−3 to 7):
    not distinguishable …"."""
    found = report.found
    if found.proved is None:
        return (
            "No candidate did better than the original on the part choose. There is nothing to prove, and the part"
            " prove stays sealed."
        )
    proved = found.proved
    if proved.difference is None or proved.interval is None:
        return f"Candidate {found.chosen.number} could not be proved: no case of prove has a score of both."
    interval = f"{_points(proved.interval.low)} to {_points(proved.interval.high)}"
    verdict = "not distinguishable" if proved.verdict == "needs more" else proved.verdict
    needed = ""
    if proved.verdict not in ("better", "worse") and proved.cases_needed:
        needed = f" About {many(proved.cases_needed, 'more case')} in prove would show such a difference."
    looks = "" if report.look == 1 else f" Prove was opened {report.look:,} times: p below {proved.level:.2g} counts."
    return (
        f"Candidate {found.chosen.number} looked {_points(found.promised.difference or 0.0)} points, is"
        f" {_points(proved.difference)} ({interval}): {verdict} {'to' if 'not' in verdict else 'than'} the original on"
        f" {many(proved.n, 'case')} that chose nothing.{needed}{looks}"
    ).replace("distinguishable to", "distinguishable from")


def won_and_lost(proved: Comparison) -> str:
    """Returns how many cases the chosen prompt won and lost on *prove*."""
    return f"Won {many(proved.better, 'case')}, lost {proved.worse:,}, the same in {proved.tied:,}."


def cost_sentence(report: ImproveReport) -> str:
    """Returns the prompt tokens and the price of a call with the original and the chosen prompt, and what the search
    spent."""

    def pair(values: Sequence[float | None], form: str) -> str:
        return " → ".join("not known" if value is None else format(value, form) for value in values)

    spent = report.spent
    return (
        f"A call: {pair(report.prompt_tokens, ',.0f')} prompt tokens, {pair(report.cost_usd, '.3g')} USD. The search"
        f" spent {spent.calls:,} calls, {spent.tokens or 0:,} tokens, {spent.usd or 0:.4g} USD."
    )


def lineage(found: Improved) -> list[Candidate]:
    """Returns the chosen candidate and those that it comes from, the original first."""
    by_number = {one.number: one for one, _, _ in found.tried}
    line = [found.chosen]
    while line[-1].number:
        line.append(by_number[line[-1].parent])
    return line[::-1]


def lineage_words(found: Improved) -> str:
    """Returns the lineage in a line: "original → 3 (failures) → 7 (shorten)"."""
    return " → ".join(f"{one.number} ({one.move})" if one.number else "original" for one in lineage(found))


def changed_words(found: Improved) -> Sequence[DiffSpan]:
    """Returns the words that the messages of the chosen prompt have lost and gained."""
    return words_diff(message_text(found.original.prompt), message_text(found.chosen.prompt)).parts


def save_chosen(library: Library, report: ImproveReport) -> str:
    """Saves the chosen prompt under the original's name, and notes its lineage on the versions. Returns the version.
    Raises StaleSave if the prompt in the library is not the original any more, LibraryError."""
    from promptgrid.errors import StaleSave

    found = report.found
    present, etag = library.load(found.original.prompt.name)
    if present.version not in (found.original.prompt.version, found.chosen.prompt.version):
        raise StaleSave(f"{present.name} has changed since the search began.", hint="Search again from what it is now.")
    library.save(found.chosen.prompt, etag)
    for one in lineage(found):
        made = f"by {one.move} from candidate {one.parent}" if one.number else "the original of a search"
        set_note(library, one.prompt, f"improve: candidate {one.number}, {made}")
    proof = found.proved
    if proof is not None and proof.interval is not None and proof.difference is not None:
        low, high = _points(proof.interval.low), _points(proof.interval.high)
        note = f"improve: {lineage_words(found)}; is {_points(proof.difference)} ({low} to {high}) on {proof.n} cases"
        set_note(library, found.chosen.prompt, note)
    return found.chosen.prompt.version


def _points(share: float) -> str:
    text = f"{100 * share:+.0f}"
    return "0" if float(text) == 0 else text.replace("-", "−")
