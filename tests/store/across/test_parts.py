"""A case keeps its part, and every look at *prove* is counted."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from promptgrid import api
from promptgrid.cases.table import Case
from promptgrid.cli import main
from promptgrid.errors import CasesError, PlanError
from promptgrid.prompt import Message
from promptgrid.runner import client
from promptgrid.store import Database, runs
from promptgrid.store.across.parts import cases_of_part, opening_sentences, openings_of, openings_of_run, parts_of_run
from tests.running import PROMPT, a_run, carried_out

if TYPE_CHECKING:
    from tests.faults.server import HostileServer

CASES = [Case(str(i), {"text": f"review number {i} of a thing"}, ("good", "bad")[i % 2]) for i in range(40)]


def test_a_case_keeps_its_part_however_its_table_is_sorted_or_cut_later(database: Database) -> None:
    sealed, _ = cases_of_part(database, CASES, part="prove")
    again, _ = cases_of_part(database, CASES[::-2], part="prove")
    assert {case.id for case in again} == {case.id for case in sealed} & {case.id for case in CASES[::-2]}


def test_only_asking_for_a_part_fixes_it(database: Database) -> None:
    """A table that is only run is free to be sorted: nothing of it is sealed yet."""
    before = cases_of_part(database, CASES)[0]
    cases_of_part(database, CASES[::-1])
    assert cases_of_part(database, CASES)[0] == before


def test_each_run_over_prove_is_an_opening_of_its_prompts(endpoint: HostileServer, database: Database) -> None:
    rows = [{"word": f"w{i}"} for i in range(12)]
    sealed, learned = (api.plan(PROMPT, rows, models="openai/ok", part=part) for part in ("prove", "learn"))
    assert openings_of(database, ["say"]) == {"say": 0}
    run_id, _, other = a_run(database, sealed), a_run(database, replace(sealed, name="again")), a_run(database, learned)
    assert openings_of_run(database, run_id) == {"say": 2}
    assert openings_of_run(database, other) == {}
    runs.delete(database, run_id)
    runs.purge(database)
    assert openings_of(database, ["say"]) == {"say": 2}


def test_a_run_over_all_cases_is_an_opening_too(endpoint: HostileServer, database: Database) -> None:
    run_id = a_run(database, api.plan(PROMPT, [{"word": f"w{i}"} for i in range(12)], models="openai/ok"))
    positions = parts_of_run(database, run_id)
    assert sorted(position for part in positions.values() for position in part) == list(range(12))
    assert list(positions) == ["learn", "choose", "prove"]
    assert openings_of(database, ["say"]) == {"say": 1}


def test_each_extension_is_an_opening_and_two_versions_in_one_run_are_one(
    endpoint: HostileServer, database: Database
) -> None:
    other = replace(PROMPT, messages=(Message("user", "Please say {{ word }}."),))
    plan = api.plan([PROMPT, other], [{"word": f"w{i}"} for i in range(12)], models="openai/ok", part="prove")
    run_id = a_run(database, plan)
    assert openings_of(database, ["say"]) == {"say": 1}
    client.extend(database, run_id, samples=2)
    assert openings_of(database, ["say"]) == {"say": 2}
    with pytest.raises(PlanError):
        client.extend(database, run_id, samples=2)  # it is queued
    carried_out(database, run_id)
    with pytest.raises(PlanError, match="all of these cells"):
        client.extend(database, run_id, samples=2)
    assert openings_of(database, ["say"]) == {"say": 2}


def test_the_sentence_corrects_for_all_openings() -> None:
    assert opening_sentences({"a": 0, "b": 1, "c": 3}) == [
        "The part prove was never opened for a.",
        "The part prove was opened once for b.",
        "The part prove was opened 3 times for c: each run of any of its versions on these cases counts, and each"
        " extension of one. Every further look makes a lucky difference likelier, so a difference counts only at"
        " p < 0.013.",
    ]


def test_a_part_of_a_table_is_run_in_the_command_line_and_the_opening_is_told(
    endpoint: HostileServer, tmp_path: Path
) -> None:
    table, prompt = tmp_path / "cases.csv", tmp_path / "say.prompty"
    table.write_text("word,expected\n" + "".join(f"w{i},x\n" for i in [*range(20), 3]))
    prompt.write_text("---\nname: say\n---\nuser:\nSay {{ word }}.\n")
    options = [str(prompt), "--cases", str(table), "--model", "openai/ok", "--check", "contains"]
    sheet = CliRunner().invoke(main, ["plan", *options, "--part", "prove"])
    assert sheet.exit_code == 0, sheet.output
    assert "Note: 1 case is a copy of an earlier one: 21 of 4" in sheet.stderr
    ran = CliRunner().invoke(main, ["run", *options, "--part", "prove"])
    assert "The part prove was opened once for say." in ran.stderr
    as_json = CliRunner().invoke(main, ["run", *options, "--part", "prove", "--json"])
    assert json.loads(as_json.stdout)["openings_of_prove"] == {"say": 2}
    refused = CliRunner().invoke(main, ["plan", *options, "--part", "proof"])
    assert refused.exit_code == 2
    assert "Did you mean prove?" in refused.output


def test_notes_on_the_cases_are_warnings_in_python(home: Path) -> None:
    with pytest.warns(UserWarning, match="1 case is a copy of an earlier one: 2 of 1"):
        api.plan(PROMPT, [{"word": "a"}, {"word": "A "}])


def test_a_group_that_is_no_column_is_refused(home: Path) -> None:
    with pytest.raises(CasesError, match="no column 'wrd'"):
        api.plan(PROMPT, [{"word": "a"}], group="wrd")
