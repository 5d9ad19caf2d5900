"""One part of a run's cases: compared, ranked and exported alone, and the openings of *prove* told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from promptgrid.export import read_csv
from promptgrid.store import Database, votes
from promptgrid.store.parts import parts_of_run
from tests.command import RUN, promptgrid, write_label

if TYPE_CHECKING:
    from tests.faults.server import HostileServer

PARTS = ("learn", "choose", "prove")


@pytest.fixture
def run_id(endpoint: HostileServer, database: Database) -> str:
    """A run whose first half of the cases is right."""
    endpoint.answer = lambda body: "good" if int(body["messages"][-1]["content"]) < 20 else "bad"
    write_label(*(f"{n},good" for n in range(40)))
    result = promptgrid(*RUN, "--technique", "zero-shot,few-shot", "--json")
    assert result.exit_code == 0, result.output
    return str(json.loads(result.stdout)["run"]["id"])


def scores(name: str) -> dict[str, float]:
    return {str(row["cell_id"]): row["score.label"] for row in read_csv(Path(name))}


def test_the_exports_of_the_parts_are_the_export_of_the_run(run_id: str, database: Database) -> None:
    assert promptgrid("export", run_id, "--csv", "all.csv").exit_code == 0
    parts: dict[str, float] = {}
    for part in PARTS:
        result = promptgrid("export", run_id, "--csv", "out.csv", "--markdown", "out.md", "--part", part)
        assert result.exit_code == 0, result.output
        assert {row["part"] for row in read_csv(Path("out.csv"))} == {part}
        assert ("The part prove was opened once for label." in result.stderr) == (part == "prove")
        count = len(parts_of_run(database, run_id)[part])
        assert f"\n| few-shot | {count} of {count} |" in Path("out.md").read_text("utf-8")
        parts |= scores("out.csv")
    assert parts == scores("all.csv")


@pytest.mark.parametrize("form", ["csv-wide", "jsonl", "xlsx", "parquet", "html"])
def test_every_form_has_the_part_alone(run_id: str, database: Database, form: str) -> None:
    cases = len(parts_of_run(database, run_id)["learn"])
    wrote = promptgrid("export", run_id, f"--{form}", "out", "--part", "learn").output
    assert f"Wrote {cases if form in ('csv-wide', 'html') else 2 * cases} " in wrote


def test_two_runs_are_compared_over_the_part(run_id: str, database: Database) -> None:
    assert promptgrid(*RUN, "--technique", "zero-shot,few-shot", "--fresh").exit_code == 0
    for part in PARTS:
        result = promptgrid("compare", run_id, "last", "--part", part, "--json")
        count = len(parts_of_run(database, run_id)[part])
        assert json.loads(result.stdout)["versus"]["n"] == count
        assert ("prove was opened 2 times for label" in result.stderr) == (part == "prove")


def test_the_arena_ranks_by_the_votes_on_the_part(run_id: str, database: Database) -> None:
    positions = parts_of_run(database, run_id)
    for part in ("learn", "prove"):
        case = positions[part][0]
        votes.add(database, run_id, case, case + 40, "left", "ann")
    for part, count in (("learn", 1), ("choose", 0), ("prove", 1), ("", 2)):
        result = promptgrid("arena", run_id, "--json", *(("--part", part) if part else ()))
        assert json.loads(result.stdout)["votes"] == count


def test_a_part_that_is_not_there_is_named(run_id: str) -> None:
    for command in (("compare", run_id, run_id), ("arena", run_id), ("export", run_id, "--csv", "out.csv")):
        result = promptgrid(*command, "--part", "proof")
        assert result.exit_code == 2
        assert "has no case of the part 'proof'. Its parts are learn, choose, prove." in result.stderr
