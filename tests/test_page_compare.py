"""The Compare page: what a run looks like in it, and that its view lives in the address. The model is on loopback."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from promptgrid import api, paths
from promptgrid.compare.matrix import matrix
from promptgrid.compare.old_summary import summarise
from promptgrid.prompt import AnswerRule, Message, Prompt
from promptgrid.runner import client
from promptgrid.store import Database, attempts, results, runs
from promptgrid.store.attempts import Attempt
from promptgrid.ui import compare_cells, compare_circumstances, compare_detail, compare_export, compare_run
from tests.faults.answers import prompt_text
from tests.faults.books import Body
from tests.faults.server import HostileServer

pytestmark = pytest.mark.usefixtures("no_runner")
HOME_PAGE = Path(__file__).resolve().parents[1] / "workbench.py"
LABELS = ("good", "bad")


@pytest.fixture
def database(hostile: HostileServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Database]:
    """An endpoint that says "good" to everything, but "bad" to the second case at temperature 1."""

    def answer(body: Body) -> str:
        return "bad" if body.get("temperature") == 1 and "case 2" in prompt_text(body) else "It is good."

    hostile.answer = answer
    monkeypatch.setenv("PROMPTGRID_BUILTIN_MODEL", str(tmp_path / "none.gguf"))
    monkeypatch.setenv("OPENAI_BASE_URL", hostile.url)
    st.cache_resource.clear()
    opened = Database()
    yield opened
    opened.close()
    st.cache_resource.clear()


def judge(kind: str = "label") -> Prompt:
    return Prompt(
        name="judge", messages=(Message("user", "Judge {{ text }}."),), answer=AnswerRule(kind=kind, labels=LABELS)
    )  # type: ignore[arg-type]


def new_run(
    database: Database,
    *,
    cases: int = 3,
    models: tuple[str, ...] = ("openai/ok",),
    temperatures: tuple[float, ...] = (0, 1),
    samples: int = 2,
) -> str:
    rows = [{"text": f"case {i}", "expected": "good"} for i in range(1, cases + 1)]
    plan = api.plan(judge(), rows, models=models, temperatures=temperatures, samples=samples)
    return client.submit(database, plan)


def carry_out(database: Database, run_id: str) -> None:
    with client.carried_out_here(database, run_id) as watch:
        list(client.follow(database, run_id, watch))


@pytest.fixture
def run_id(database: Database) -> str:
    """Three cases at two temperatures, two samples each, done."""
    made = new_run(database)
    carry_out(database, made)
    return made


def opened(**query: str) -> AppTest:
    page = AppTest.from_file(str(HOME_PAGE), default_timeout=30).switch_page("pages/3_Compare.py")
    for name, value in query.items():
        page.query_params[name] = value
    page.run()
    assert not page.exception
    return page


def chips(page: AppTest) -> list[str]:
    (control,) = [group for group in page.button_group if group.key == "compare_show"]
    return list(control.options)


def texts(page: AppTest) -> str:
    kinds = (page.markdown, page.caption, page.code, page.warning, page.error)
    return "\n".join(str(element.value).replace("\\", "") for kind in kinds for element in kind)


def address(page: AppTest) -> dict[str, str]:
    return {name: "".join(value) for name, value in page.query_params.items()}


def variant_ids(database: Database, run_id: str) -> list[str]:
    return [variant.id for variant in matrix(database, run_id).variants]


def test_without_runs_the_page_offers_to_set_one_up(database: Database) -> None:
    page = opened()
    assert "No runs yet" in texts(page)
    assert page.button(key="compare_to_run").label == "Set up a run"


def test_the_newest_run_is_shown_and_the_chips_count_its_cases(database: Database, run_id: str) -> None:
    page = opened()
    assert chips(page) == ["All 3", "Answers differ 1", "Wrong 1", "Failed 0"]
    assert address(page) == {"run": run_id}


def test_the_address_brings_the_view_back(database: Database, run_id: str) -> None:
    new_run(database, cases=1)
    cold, hot = variant_ids(database, run_id)
    page = opened(run=run_id, show="differ", find="case 2", case="2", variant=hot, baseline=hot)
    assert page.text_input(key="compare_find").value == "case 2"
    assert chips(page) == ["All 1", "Answers differ 1", "Wrong 1", "Failed 0"]
    assert "**t = 1**" in texts(page)
    view = {"show": "differ", "find": "case 2", "case": "2", "variant": hot, "baseline": hot}
    assert address(page) == {"run": run_id, **view}
    page.multiselect(key="compare_columns").set_value([cold]).run()
    assert chips(page)[1] == "Answers differ 0"
    assert address(page)["columns"] == cold


def test_an_address_that_makes_no_sense_shows_the_run_all_the_same(database: Database, run_id: str) -> None:
    nonsense = {"show": "everything", "columns": "nonsense,more", "baseline": "nonsense", "in": "nonsense"}
    page = opened(run=run_id, **nonsense, page="99", sample="77", case="1", variant="nonsense")
    assert chips(page)[0] == "All 3"
    assert address(page) == {"run": run_id}
    page = opened(run=run_id, page="²", sample="-1", case="1", variant=variant_ids(database, run_id)[0])
    assert page.code[0].value == "It is good."


def test_an_unknown_run_is_said_and_the_newest_shown(database: Database, run_id: str) -> None:
    page = opened(run="![x](y)")
    assert 'There is no run "![x](y)"' in page.error[0].value.replace("\\", "").replace("\u2060", "").replace(
        "&#91;", "["
    ).replace("&#93;", "]")
    assert address(page) == {"run": run_id}


def test_a_deleted_run_can_still_be_opened_by_its_address(database: Database, run_id: str) -> None:
    runs.delete(database, run_id)
    page = opened(run=run_id)
    assert chips(page)[0] == "All 3"


def test_choosing_another_run_forgets_the_filters_of_the_first(database: Database, run_id: str) -> None:
    other = new_run(database, cases=1)
    carry_out(database, other)
    page = opened(run=run_id, find="case 2")
    page.selectbox(key="compare_run").set_value(other).run()
    assert not page.exception
    assert address(page) == {"run": other}
    assert chips(page)[0] == "All 1"


def test_the_detail_of_a_cell_says_everything_about_it(database: Database, run_id: str) -> None:
    hot = variant_ids(database, run_id)[1]
    page = opened(run=run_id, case="2", variant=hot)
    assert page.code[0].value == "bad"
    page.button(key="compare_chevron_right").click().run()
    assert address(page)["case"] == "3"
    assert page.code[0].value == "It is good."
    assert page.button(key="compare_chevron_right").disabled
    page.button(key="compare_close").click().run()
    assert "case" not in address(page)
    assert not page.code


def test_each_cell_has_its_own_sample(database: Database, run_id: str) -> None:
    cold = variant_ids(database, run_id)[0]
    page = opened(run=run_id, case="1", variant=cold, sample="2")
    (pills,) = [group for group in page.button_group if group.key.startswith("compare_sample")]
    assert pills.value == 2
    assert address(page)["sample"] == "2"
    page.button(key="compare_chevron_right").click().run()
    (pills,) = [group for group in page.button_group if group.key.startswith("compare_sample")]
    assert pills.value == 1
    assert "sample" not in address(page)


def test_the_next_case_may_be_on_the_next_page(database: Database) -> None:
    made = new_run(database, cases=41, temperatures=(0,), samples=1)
    (only,) = variant_ids(database, made)
    page = opened(run=made, case="40", variant=only)
    page.button(key="compare_chevron_right").click().run()
    assert not page.exception
    assert (address(page)["case"], address(page)["page"]) == ("41", "2")


def test_a_failed_cell_shows_its_error_and_what_the_endpoint_said(database: Database) -> None:
    made = new_run(database, cases=1, models=("openai/unknown-model",), temperatures=(0,), samples=1)
    carry_out(database, made)
    (only,) = variant_ids(database, made)
    page = opened(run=made, case="1", variant=only)
    assert chips(page) == ["All 1", "Answers differ 0", "Wrong 0", "Failed 1"]
    assert "does not exist" in texts(page)
    assert "model_not_found" in page.code[0].value


def test_a_run_in_progress_shows_what_is_there(database: Database) -> None:
    new_run(database)
    page = opened()
    assert chips(page) == ["All 3", "Answers differ 0", "Wrong 0", "Failed 0"]
    assert "0 of 12 so far" in texts(page)


def test_results_that_came_in_are_read_and_others_come_from_the_cache(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = new_run(database)
    info = runs.find_run(database, made)
    before, _ = compare_run.read_matrix(database, info)
    assert compare_run.read_matrix(database, info)[0] is before
    carry_out(database, made)
    after, _ = compare_run.read_matrix(database, info)
    assert not before.cases[1].wrong
    assert after.cases[1].wrong


def test_the_tables_under_the_matrix_say_the_same(database: Database, run_id: str) -> None:
    page = opened()
    frame = page.dataframe[0].value
    assert list(frame["variant"]) == ["t = 0", "t = 1"]
    assert [round(score) for score in frame["score"]] == [100, 67]
    assert list(frame["scored"]) == [3, 3]


def test_the_cells_say_answer_tally_and_state(database: Database, run_id: str) -> None:
    found = matrix(database, run_id)
    heads = compare_cells.columns(summarise(found), found)
    assert [list(head.title_lines) for head in heads] == [["t = 0", "baseline"], ["t = 1"]]
    assert [head.summary for head in heads] == ["100 % of 3 · 2/2 agree", "67 % of 3 · 2/2 agree"]
    first, second, _ = compare_cells.rows(found, found.cases)
    assert (first.title, first.sub) == ("1 case 1", "expected good")
    assert [(c.answer, c.detail, c.tally, c.state, c.differs) for c in second.cells] == [
        ("good", "It is good.", "2 of 2", "right", False),
        ("bad", "bad", "2 of 2", "wrong", True),
    ]


@pytest.mark.parametrize(
    ("share", "said"), [(0.0, "0 %"), (0.001, "1 %"), (0.625, "63 %"), (0.999, "99 %"), (1.0, "100 %"), (None, "")]
)
def test_all_and_none_are_said_only_of_all_and_none(share: float | None, said: str) -> None:
    assert compare_cells.percent(share) == said


def exported(page: AppTest, database: Database, run_id: str, form: compare_export.Form, view: list[int]) -> str:
    info = runs.find_run(database, run_id)
    return compare_export._content(database, info.id, form, view or None)().decode()


def test_an_export_holds_everything_or_the_view(database: Database, run_id: str) -> None:
    page = opened()
    everything = list(csv.DictReader(io.StringIO(exported(page, database, run_id, "csv", []))))
    assert len(everything) == 12
    part = list(csv.DictReader(io.StringIO(exported(page, database, run_id, "csv", [0, 1]))))
    assert [row["cell_id"] for row in part] == [f"{run_id}-0", f"{run_id}-1"]
    assert len(exported(page, database, run_id, "csv-wide", []).splitlines()) == 4
    assert len(exported(page, database, run_id, "jsonl", []).splitlines()) == 12


def test_a_large_export_goes_to_a_file(database: Database, run_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare_export, "DOWNLOAD_ROWS", 11)
    page = opened(find="case 2")
    page.button(key="compare_save_csv").click().run()
    target = paths.data_folder() / "exports" / f"judge-{run_id}.csv"
    assert page.code[0].value == str(target)
    assert len(list(csv.DictReader(io.StringIO(target.read_text("utf-8"))))) == 12


def test_a_file_name_holds_no_path(database: Database, run_id: str) -> None:
    runs.change(database, run_id, name="../../etc/passwd: *?")
    assert compare_export.file_name(runs.find_run(database, run_id), "csv") == f"etc-passwd-{run_id}.csv"


def test_the_messages_are_the_ones_on_the_wire() -> None:
    chat = '{"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": null}]}'
    assert compare_detail.sent_messages(chat) == [Message("system", "s"), Message("user", "")]
    assert compare_detail.sent_messages('{"prompt": "I am"}') == [Message("user", "I am")]


def test_a_cell_says_what_became_of_its_parameters(database: Database) -> None:
    plan = api.plan(judge(), [{"text": "case 1"}], models="openai/o3", temperatures=[0, 1.5], seed=7, top_p=0.5)
    made = client.submit(database, plan)
    carry_out(database, made)
    (row,) = results.result_rows(database, made)
    told = {fact.name: (fact.value, fact.note) for fact in compare_circumstances.circumstances(row)}
    assert told["temperature"] == ("0", "asked 0, sent none")
    assert "temperatures 0, 1.5 are the same on the wire" in told["note"][1]
    assert told["top_p"] == ("", "not sent")
    assert told["seed"][0] == "7"
    assert json.loads(told["on the wire"][0]) == {"model": "o3", "seed": 7}
    assert told["reused"] == ("", "")


def test_what_nobody_knows_is_not_called_honoured(database: Database) -> None:
    plan = api.plan(judge(), [{"text": "case 1"}], models="openai/ok", temperatures=0.3)
    made = client.submit(database, plan)
    carry_out(database, made)
    (row,) = results.result_rows(database, made)
    assert row["honoured"] == '{"temperature": null}'
    told = {fact.name: (fact.value, fact.note) for fact in compare_circumstances.circumstances(row)}
    assert told["temperature"] == ("0.3", "nobody knows whether the model heeds it")


def test_a_reused_reply_is_marked(database: Database, run_id: str) -> None:
    again = new_run(database)
    carry_out(database, again)
    row = next(results.result_rows(database, again, [0]))
    told = {fact.name: (fact.value, fact.note) for fact in compare_circumstances.circumstances(row)}
    assert told["reused"] == ("yes", "answered before: not sent, and not paid, by this cell")


def test_the_attempts_of_a_cell_are_listed(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("promptgrid.runner.call._FIRST_WAIT_S", 0.01)
    made = new_run(database, cases=1, models=("openai/server-error+ok",), temperatures=(0,), samples=1)
    carry_out(database, made)
    (attempt,) = attempts.log(database, made, 0)
    (line,) = compare_circumstances.attempt_lines([attempt], runs.find_run(database, made), "answered")
    assert (line.name[:5], line.value) == ("1 at ", "server errors")
    assert "tried again 0.0 s later" in line.note
    (only,) = variant_ids(database, made)
    page = opened(run=made, case="1", variant=only)
    assert "Attempts that failed (1)" in [expander.label for expander in page.expander]


def test_an_attempt_without_an_end_was_lost_with_its_runner(database: Database) -> None:
    made = new_run(database, cases=1, temperatures=(0,), samples=1)
    lost = Attempt(0, 1, started=time.time() - 3600)
    (line,) = compare_circumstances.attempt_lines([lost], runs.find_run(database, made), "pending")
    assert (line.value, line.note) == ("lost with its runner", "")


def test_a_cell_without_a_reply_shows_the_messages_of_its_plan(database: Database) -> None:
    made = new_run(database, cases=2, temperatures=(0,), samples=1)
    rows = list(results.result_rows(database, made))
    planned = compare_detail.planned_messages(runs.plan_of(database, made), rows[1])
    assert planned == [Message("user", "Judge case 2.")]
