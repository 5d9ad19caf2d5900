"""Stores the part that each case belongs to, and how often the part *prove* was opened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from promptgrid.cases.duplicates import duplicates
from promptgrid.cases.parts import PARTS, digests, of_part, part_notes, parted, table_notes
from promptgrid.cases.table import Case
from promptgrid.grid import Plan
from promptgrid.humanize import many
from promptgrid.prompt import Prompt
from promptgrid.store.database import Database, now, write_many
from promptgrid.store.schema import cases as cases_table
from promptgrid.store.schema import cells, openings, parts
from promptgrid.store.stored_replies import lots

_SEALED = "prove"
_OPENINGS = (
    ": each run of any of its versions on these cases counts, and each extension of one. Every further look makes a"
    " lucky difference likelier, so a difference counts only"
)
_INSERT_PART = insert(parts).on_conflict_do_nothing()


def cases_of_part(
    database: Database, cases: Sequence[Case], prompts: Iterable[Prompt] = (), *, group: str = "", part: str = ""
) -> tuple[Sequence[Case], list[str]]:
    """Returns (the cases of `part`, sentences on them). `part` is learn, choose or prove ("": all cases); each case has
    its part set. The sentences are those of `table_notes`, also on cases that are examples of the `prompts`, and for
    one part those of `part_notes`. Cases with the same value in the column `group` are in the same part.

    A case keeps its part from the first time that a part of its table was used, even if the table is sorted or
    shortened later. Raises CasesError.
    """
    contents = digests(cases, group)
    alike = duplicates(cases, hashes=contents)
    known = _known(database, contents)
    whole = parted(cases, group, alike, known, contents)
    notes = table_notes(whole, prompts, alike)
    if not part:
        return whole, notes
    part_cases = of_part(whole, part)
    new = {content: case.part for content, case in zip(contents, whole, strict=True) if content not in known}
    with database.write() as connection:
        write_many(
            connection,
            insert(parts).on_conflict_do_nothing(),
            [{"content": _hex(c), "part": p} for c, p in new.items()],
        )
    return part_cases, [*notes, *part_notes(whole)]


def _known(database: Database, contents: Sequence[int]) -> Mapping[int, str]:
    known: dict[int, str] = {}
    with database.read() as connection:
        for lot in lots(contents):
            query = sa.select(parts.c.content, parts.c.part).where(parts.c.content.in_([*map(_hex, lot)]))
            known |= {int(row.content, 16): row.part for row in connection.execute(query)}
    return known


def _hex(content: int) -> str:
    return f"{content:016x}"


def record_opening(connection: sa.Connection, run_id: str, plan: Plan) -> None:
    """Records that this run uses the part *prove*, once for each prompt of the plan; does nothing if the plan has no
    case of that part. Called when the run is created, and each time that it is extended."""
    mine = (cases_table.c.run_id == run_id) & (cases_table.c.part == _SEALED)
    sealed = connection.scalar(sa.select(sa.func.count()).select_from(cases_table).where(mine))
    row = {"run_id": run_id, "cases": sealed, "opened": now()}
    rows = [{**row, "prompt": prompt.name, "prompt_version": prompt.version} for prompt in plan.prompts]
    if sealed:
        connection.execute(openings.insert(), rows)


def openings_of(database: Database, prompts: Iterable[str]) -> dict[str, int]:
    """Returns, for each prompt name, how often runs of any version of that prompt have used cases of the part *prove*:
    once when a run is made, and once each time that it is extended. Deleted runs count too."""
    names = list(dict.fromkeys(prompts))
    columns = (openings.c.prompt, openings.c.run_id, openings.c.opened)  # two versions in one run are one opening
    each = sa.select(*columns).where(openings.c.prompt.in_(names)).distinct().subquery()
    query = sa.select(each.c.prompt, sa.func.count()).group_by(each.c.prompt)
    with database.read() as connection:
        counted = {row[0]: row[1] for row in connection.execute(query)}
    return {name: counted.get(name, 0) for name in names}


def opening_sentences(counts: Mapping[str, int]) -> list[str]:
    """Returns the text for each prompt, from `counts` (see `openings_of`): how often cases of *prove* were used, what
    counts as an opening, and below which p-value a difference counts (Bonferroni's correction). The names are not
    escaped: the caller must escape foreign text."""
    from promptgrid.stats.chance import FIRST_LOOK  # loads slowly

    sentences = []
    for name, count in counts.items():
        times = "once" if count == 1 else many(count, "time")
        opened = f"was opened {times}" if count else "was never opened"
        why = f"{_OPENINGS} at p < {FIRST_LOOK / count:.2g}" if count > 1 else ""
        sentences.append(f"The part prove {opened} for {name}{why}.")
    return sentences


def parts_of_run(database: Database, run_id: str) -> dict[str, list[int]]:
    """Returns the positions of the run's cases in each part, by the part's name. Parts without cases are left out."""
    query = sa.select(cases_table.c.part, cases_table.c.position).where(cases_table.c.run_id == run_id)
    positions: dict[str, list[int]] = {part: [] for part in PARTS}
    with database.read() as connection:
        for part, position in connection.execute(query.order_by(cases_table.c.position)):
            positions.setdefault(part, []).append(position)
    return {part: positions[part] for part in PARTS if positions[part]}


def openings_of_run(database: Database, run_id: str) -> dict[str, int]:
    """Returns, for each of the run's prompts, how often runs have used cases of *prove* (see `openings_of`). Empty
    unless all cases of this run belong to *prove*."""
    query = sa.select(cells.c.prompt).distinct().where(cells.c.run_id == run_id)
    if list(parts_of_run(database, run_id)) != [_SEALED]:
        return {}
    with database.read() as connection:
        return openings_of(database, list(connection.scalars(query)))
