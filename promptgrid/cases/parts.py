"""Assigns cases to parts: *learn* for writing prompts, *choose* for choosing among candidates, *prove* for the verdict.

The first row of a family (a group, or near duplicates) draws a part by a keyed hash of its content. It draws among the
parts with at most one case above their share of its expected answer, and at most two above their share of the table so
far (J. Soares and C. Wu, "Some restricted randomization rules in sequential designs", 1983). The rest of the family
gets the same part. So rows added below change no other row's part. Sorting or removing rows may change parts, except
those already known by `content_digest`. A later row that resembles cases of two parts joins the first of them. A case
that a model has proposed is never in *prove*.
"""

from __future__ import annotations

import hashlib
import math
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from types import MappingProxyType
from typing import Literal, get_args

from promptgrid.cases.duplicates import PROPOSED_BY, Duplicate, content, duplicates, plain_text
from promptgrid.cases.table import Case
from promptgrid.compact import Packed
from promptgrid.errors import CasesError
from promptgrid.humanize import many
from promptgrid.prompt import Prompt
from promptgrid.suggestions import did_you_mean

Part = Literal["learn", "choose", "prove"]
PARTS: tuple[Part, ...] = get_args(Part)
UNSEALED: tuple[Part, ...] = ("learn", "choose")
SHARES: Mapping[Part, float] = {"learn": 0.4, "choose": 0.3, "prove": 0.3}
GROUP = "group"
"""The default name of the column that groups cases."""

_KEY = b"promptgrid parts 1"  # another key would change the part of every case
_EVERY = ""  # counts the cases of every part
_NAMED, _NAME_CHARS = 3, 60  # cases that a note names, and characters of each


def parted(
    cases: Sequence[Case],
    group: str = "",
    alike: Mapping[int, Duplicate] | None = None,
    known: Mapping[int, str] = MappingProxyType({}),
    contents: Sequence[int] | None = None,
) -> Sequence[Case]:
    """Returns the cases with their parts (learn, choose, prove). Cases with the same value in the column `group` get
    the same part; an empty cell is no group.

    `alike` is the result of `duplicates` and `contents` that of `digests` if the caller has them, `known` maps a
    case's `content_digest` to its earlier part. Raises CasesError if no case has the column.
    """
    column = _group_column(cases, group)
    alike = duplicates(cases) if alike is None else alike
    contents = digests(cases, group) if contents is None else contents
    draws, by_group = _Drawn(), dict[str, str]()
    parts: list[str] = []
    placed = Packed[Case]()
    for place, (case, digest) in enumerate(zip(cases, contents, strict=True)):
        name = plain_text(case.inputs.get(column, "")) if column else ""
        follows = by_group.get(name) or (parts[alike[place].of] if place in alike else "")
        part = known.get(digest) or follows
        among = UNSEALED if case.inputs.get(PROPOSED_BY) else PARTS
        if part not in among:
            part = draws.draw(case.expected, f"group {name}" if name else content(case), among)
        draws.count(case.expected, part)
        if name:
            by_group.setdefault(name, part)
        parts.append(part)
        placed.append(Case(case.id, case.inputs, case.expected, part, case.checks))  # `replace` is three times slower
    return placed


def content_digest(case: Case, group: str = "") -> int:
    """Returns the 64-bit hash under which a case's part is stored. It is equal for cases with equal inputs (see
    `content`) and the same name of the column that they are grouped by, `group`."""
    return int.from_bytes(_hash(f"{group}\0{content(case)}").digest())


def digests(cases: Sequence[Case], group: str = "") -> Sequence[int]:
    """Returns the `content_digest` of each case, in order, with the column that `parted` would group by."""
    column = _group_column(cases, group)
    return array("Q", (content_digest(case, column) for case in cases))


class _Drawn:
    """Draws the parts of cases one after another, and counts the drawn parts per expected answer and over all cases, to
    keep their shares even."""

    def __init__(self) -> None:
        self._counts: defaultdict[tuple[str, str | None], Counter[str]] = defaultdict(Counter)

    def draw(self, expected: str | None, text: str, among: Sequence[Part] = PARTS) -> Part:
        """Returns a part for a case with this expected answer, drawn at random by the hash of `text`, among those parts
        of `among` that are not above their share; among all of `among` if every one is."""
        answer, all_cases = self._counts["answer", expected], self._counts["all", None]
        ordered = sorted(among, key=lambda part: _exponential(part, text) / SHARES[part])
        with_room = [part for part in ordered if _room(answer, part, 1)]
        return next((part for part in with_room if _room(all_cases, part, 2)), (with_room or ordered)[0])

    def count(self, expected: str | None, part: str) -> None:
        """Records that a case with this expected answer has this part, so that later draws keep the shares even."""
        for counts in (self._counts["answer", expected], self._counts["all", None]):
            counts[part] += 1
            counts[_EVERY] += 1


def _room(counts: Counter[str], part: Part, above: int) -> bool:
    return counts[part] + 1 <= SHARES[part] * (counts[_EVERY] + 1) + above


def _exponential(part: Part, text: str) -> float:
    """Returns a pseudorandom number with an exponential distribution; the same part and text give the same number.
    `draw` prefers the part with the lowest number divided by its share: so each part is drawn according to its share.
    """
    return -math.log((int.from_bytes(_hash(f"{part} {text}").digest()) + 1) / 2**64)


def _hash(text: str) -> hashlib.blake2b:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8, key=_KEY)


def of_part(cases: Sequence[Case], part: str) -> Sequence[Case]:
    """Returns the cases of that part; all for "". Raises CasesError for an unknown part or a part without cases."""
    if part and part not in PARTS:
        raise CasesError(f"There is no part {part!r}.", hint=did_you_mean(part, PARTS))
    part_cases = Packed(case for case in cases if part in ("", case.part)) if part else cases
    if not part_cases and cases:
        raise CasesError(f"None of the {len(cases):,} cases belongs to {part}.", hint="Add cases, or take all parts.")
    return part_cases


def part_notes(cases: Sequence[Case]) -> list[str]:
    """Returns a sentence for each part that lacks some of the expected answers; none if the answers are too many to be
    classes. The cases must have parts."""
    notes = []
    answers = {case.expected for case in cases if case.expected is not None}
    if len(answers) <= len(cases) // 5:  # the answers are classes, not one answer per case
        for part in PARTS:
            missing = answers - {case.expected for case in cases if case.part == part}
            notes += [f"{part} has no case with {_some(sorted(map(repr, filter(None, missing))))}"] if missing else []
    return notes


def table_notes(
    cases: Sequence[Case], prompts: Iterable[Prompt] = (), alike: Mapping[int, Duplicate] | None = None
) -> list[str]:
    """Returns sentences on copies and near duplicates among the cases, and on cases that are examples of the prompts.
    `alike` is the result of `duplicates` if the caller has it."""
    alike = duplicates(cases) if alike is None else alike
    notes = []
    for copy, are in ((True, "a copy"), (False, "a near duplicate")):
        pairs = [(place, one.of) for place, one in alike.items() if one.copy == copy]
        if pairs:
            verb = "is" if len(pairs) == 1 else "are each"
            named = [f"{cases[place].id} of {cases[of].id}" for place, of in pairs[:_NAMED]]
            some = _some(named, len(pairs))
            notes.append(f"{many(len(pairs), 'case')} {verb} {are} of an earlier one: {some}")
    return [*notes, *_example_notes(cases, prompts)]


def _example_notes(cases: Sequence[Case], prompts: Iterable[Prompt]) -> Iterator[str]:
    for prompt in {prompt.version: prompt for prompt in prompts}.values():
        examples = [Case("", example.inputs) for example in prompt.examples]
        names = {name for example in examples for name in example.inputs}
        questions = (Case(case.id, {name: case.inputs.get(name, "") for name in names}) for case in cases)
        alike = duplicates(Packed(chain(examples, questions)), of_first=len(examples)) if examples else {}
        ids = [cases[place - len(examples)].id for place, one in alike.items() if one.of < len(examples) <= place]
        if ids:
            are = "is an example" if len(ids) == 1 else "are examples"
            yield f"{many(len(ids), 'case')} {are} of {prompt.name}, and few-shot prompts show the answer: {_some(ids)}"


def _some(names: Sequence[str], count: int = 0) -> str:
    """Returns the first three names in a sentence's words: "a, b, c and 7 more"; `count` is the number of all names (0:
    those in `names`)."""
    count = count or len(names)
    more = f" and {count - _NAMED:,} more" if count > _NAMED else ""
    return f"{', '.join(name[:_NAME_CHARS] for name in names[:_NAMED])}{more}"


def _group_column(cases: Sequence[Case], group: str) -> str:
    """Returns the column by which cases are grouped: `group`, else the column called "group", else "" (none). Raises
    CasesError if no case has the column `group`."""
    columns = list(dict.fromkeys(name for case in cases for name in case.inputs))
    if group and group not in columns:
        raise CasesError(f"The cases have no column {group!r} to group by.", hint=did_you_mean(group, columns))
    return group or next((name for name in columns if name.casefold() == GROUP), "")
