"""One part of a run's cases: compared, ranked and exported alone, and the openings of *prove* told."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from promptgrid.export import read_csv
from promptgrid.store import Database, votes
from promptgrid.store.across.parts import parts_of_run
from tests.command import RUN, promptgrid, write_label

if TYPE_CHECKING:
    from tests.faults.server import HostileServer

PARTS = ("learn", "choose", "prove")


@pytest.fixture
def run_id(endpoint: HostileServer, database: Database) -> str:
    """A run whose first half of the cases is right. The replies of few-shot end with a full stop."""
    endpoint.answer = lambda body: (
        ("good" if int(body["messages"][-1]["content"]) < 20 else "bad") + "." * (len(body["messages"]) > 2)
    )
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


def test_a_curve_and_the_gates_take_the_cases_of_the_part_alone(run_id: str, database: Database) -> None:
    for part in PARTS:
        count = len(parts_of_run(database, run_id)[part])
        curve = json.loads(promptgrid("curve", run_id, "--json", "--part", part).stdout)
        assert {point["cases"] for point in curve["points"]} == {count}
        result = promptgrid("gate", run_id, "--part", part, "--min-score", "label=0", "--junit", "out.xml", "--json")
        every, *by_variant = json.loads(result.stdout)["gates"]
        assert (every["held"], every["measured"]) == (True, f"{2 * count} of {2 * count}")
        assert all(f"over {count} cases" in one["measured"] for one in by_variant)
        assert ("The part prove was opened once for label." in result.stderr) == (part == "prove")
        assert len(list(ET.parse("out.xml").getroot().iter("testcase"))) == 3 + 2 * count


def test_a_judge_is_shown_the_pairs_of_the_part_alone(run_id: str, database: Database, endpoint: HostileServer) -> None:
    endpoint.answer = lambda body: "Verdict: first"
    result = promptgrid("judge", run_id, "--model", "openai/m", "--pairs", "5", "--part", "learn")
    assert result.exit_code == 0, result.output
    voted = {vote.left_position % 40 for vote in votes.listed(database, run_id)}
    assert voted
    assert voted <= set(parts_of_run(database, run_id)["learn"])


def test_a_part_that_is_not_there_is_named(run_id: str) -> None:
    commands = (("compare", run_id, run_id), ("arena", run_id), ("export", run_id, "--csv", "out.csv"),
                ("curve", run_id), ("gate", run_id, "--min-score", "label=0.1"),
                ("judge", run_id, "--model", "openai/m"))  # fmt: skip
    for command in commands:
        result = promptgrid(*command, "--part", "proof")
        assert result.exit_code == 2
        assert "has no case of the part 'proof'. Its parts are learn, choose, prove." in result.stderr
