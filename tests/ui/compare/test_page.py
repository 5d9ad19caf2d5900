"""The Compare page: what a run looks like in it, and that its view lives in the address. The model is on loopback."""

from __future__ import annotations

import csv
import io
import json
import re
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, BinaryIO

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from promptgrid import api, compare, paths
from promptgrid.compare import ComparisonRows, View
from promptgrid.errors import StoreError
from promptgrid.export.tables import percent
from promptgrid.prompt import AnswerKind, AnswerRule, Message, MockResult, Prompt, Tool
from promptgrid.runner import client
from promptgrid.store import Database, attempts, results, runs
from promptgrid.store.across import baselines
from promptgrid.store.across.parts import parts_of_run
from promptgrid.store.attempts import Attempt
from promptgrid.ui.compare import circumstances, detail, export, tables, view_state
from promptgrid.ui.compare.cells import matrix_columns, matrix_rows
from promptgrid.ui.widgets.downloads import Download
from promptgrid.ui.widgets.messages import sent_messages
from tests.faults.answers import prompt_text
from tests.faults.books import Body
from tests.faults.server import HostileServer
from tests.running import carried_out
from tests.ui import pages
from tests.ui.pages import address, ran, shown

opened = partial(pages.opened, "3_Compare.py")
LABELS = ("good", "bad")


@pytest.fixture(autouse=True)
def _answers(endpoint: HostileServer) -> None:
    """Models say "good" to everything, but "bad" to the second case at temperature 1."""

    def answer(body: Body) -> str:
        return "bad" if body.get("temperature") == 1 and "case 2" in prompt_text(body) else "It is good."

    endpoint.answer = answer


def judge(kind: AnswerKind = "label") -> Prompt:
    return Prompt("judge", (Message("user", "Judge {{ text }}."),), answer=AnswerRule(kind, LABELS))


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


@pytest.fixture
def run_id(database: Database) -> str:
    """Three cases at two temperatures, two samples each, done."""
    new_id = new_run(database)
    carried_out(database, new_id)
    return new_id


def chips(page: AppTest) -> list[str]:
    (control,) = [group for group in page.button_group if group.key == "compare_show"]
    return list(control.options)


def variant_ids(database: Database, run_id: str) -> list[str]:
    return [head.id for head in comparison_rows(database, run_id).columns]


def comparison_rows(database: Database, run_id: str, view: View | None = None) -> ComparisonRows:
    return compare.comparison_rows(database, compare.facts(database, run_id), view or View())


def figures(page: AppTest, column: str) -> list[object]:
    """A column of the summary."""
    return list(page.dataframe[0].value[column])


def test_one_check_scores_the_cells_and_the_reader_chooses_it(database: Database) -> None:
    rows = [{"text": f"case {i}", "expected": "good"} for i in (1, 2)]
    plan = api.plan(judge(), rows, models="openai/ok", checks=["length:max=1", "label"])
    carried_out(database, client.submit(database, plan))
    page = opened()
    select = page.selectbox(key=view_state.CHECK)
    assert select.options == ["Score: length", "Score: label", "Score: mean of all checks"]
    assert chips(page)[2:3] + figures(page, "score") == ["Wrong 2", 0.0]
    for check, wrong, score in (("label", "Wrong 0", 100.0), (view_state.MEAN, "Wrong 2", 50.0)):
        page.selectbox(key=view_state.CHECK).set_value(check)
        ran(page)
        assert chips(page)[2:3] + figures(page, "score") == [wrong, score]
        assert address(page)["check"] == check
    assert figures(opened(check="label"), "score") == [100.0]


def test_a_column_is_moved_and_the_first_is_the_baseline(database: Database, run_id: str) -> None:
    def moving() -> None:
        import streamlit as st

        from promptgrid import compare
        from promptgrid.store import Database
        from promptgrid.ui.compare import view_state

        run, column = st.query_params["run"], st.query_params["moved"]
        facts = compare.facts(Database(), run)
        state = view_state.current(facts)
        comparison = compare.comparison_rows(Database(), facts, state.view)
        st.button("Move", on_click=view_state.move, args=(comparison, column, 0), key="move")
        st.text(" ".join(head.id for head in comparison.columns))

    first, second = variant_ids(database, run_id)
    page = AppTest.from_function(moving)
    page.query_params.update({"run": run_id, "moved": second})
    for key, default in view_state._DEFAULTS.items():
        page.session_state[key] = default
    page.session_state["compare_baseline"] = first
    assert f"{first} {second}" in shown(ran(page))
    page.button(key="move").click()
    assert f"{second} {first}" in shown(ran(page))
    assert (page.session_state["compare_columns"], page.session_state["compare_baseline"]) == ([second, first], "")


def test_without_runs_the_page_offers_to_set_one_up(database: Database) -> None:
    page = opened()
    assert "No runs yet" in shown(page)
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
    assert "**t = 1**" in shown(page)
    view = {"show": "differ", "find": "case 2", "case": "2", "variant": hot, "baseline": hot}
    assert address(page) == {"run": run_id, **view}
    page.multiselect(key="compare_columns").set_value([cold]).run()
    assert chips(page)[1] == "Answers differ 0"
    assert address(page)["columns"] == cold


def test_an_address_that_makes_no_sense_shows_the_run_all_the_same(database: Database, run_id: str) -> None:
    names = ("show", "columns", "baseline", "in", "rows", "across", "model", "sort", "by", "order", "below", "with")
    nonsense = dict.fromkeys(names, "nonsense")
    page = opened(run=run_id, **nonsense, page="99", sample="77", case="1", variant="nonsense")
    assert chips(page)[0] == "All 3"
    assert address(page) == {"run": run_id}
    page = opened(run=run_id, page="²", sample="-1", case="1", variant=variant_ids(database, run_id)[0])
    assert page.code[0].value == "It is good."


def test_an_unknown_run_is_said_until_another_is_selected(database: Database, run_id: str) -> None:
    page = ran(opened(run="![x](y)"))  # a refresh says it again
    text = shown(page).replace("&#91;", "[").replace("&#93;", "]")
    assert 'There is no run "![x](y)".' in text
    assert "Choose another." in text
    assert address(page) == {"run": "![x](y)"}
    page.selectbox(key="compare_run").set_value(run_id)
    assert not ran(page).error
    assert address(page) == {"run": run_id}


def test_a_deleted_run_can_still_be_opened_by_its_address(database: Database, run_id: str) -> None:
    runs.delete(database, run_id)
    page = opened(run=run_id)
    assert chips(page)[0] == "All 3"


def test_choosing_another_run_forgets_the_filters_of_the_first(database: Database, run_id: str) -> None:
    other = new_run(database, cases=1)
    carried_out(database, other)
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
    (pills,) = [group for group in page.button_group if str(group.key).startswith("compare_sample")]
    assert pills.value == 2
    assert address(page)["sample"] == "2"
    page.button(key="compare_chevron_right").click().run()
    (pills,) = [group for group in page.button_group if str(group.key).startswith("compare_sample")]
    assert pills.value == 1
    assert "sample" not in address(page)


def test_the_next_case_may_be_on_the_next_page(database: Database) -> None:
    run_id = new_run(database, cases=41, temperatures=(0,), samples=1)
    (only,) = variant_ids(database, run_id)
    page = opened(run=run_id, case="40", variant=only)
    page.button(key="compare_chevron_right").click().run()
    assert not page.exception
    assert (address(page)["case"], address(page)["page"]) == ("41", "2")


def test_a_failed_cell_shows_its_error_and_what_the_endpoint_said(database: Database) -> None:
    run_id = new_run(database, cases=1, models=("openai/unknown-model",), temperatures=(0,), samples=1)
    carried_out(database, run_id)
    (only,) = variant_ids(database, run_id)
    page = opened(run=run_id, case="1", variant=only)
    assert chips(page) == ["All 1", "Answers differ 0", "Wrong 0", "Failed 1"]
    assert "does not exist" in shown(page)
    assert "model_not_found" in page.code[0].value


def test_a_run_in_progress_shows_what_is_there(database: Database) -> None:
    new_run(database)
    page = opened()
    assert chips(page) == ["All 3", "Answers differ 0", "Wrong 0", "Failed 0"]
    assert "0 of 12 done" in shown(page)


def test_results_that_came_in_are_shown(database: Database) -> None:
    run_id = new_run(database)
    page = opened()
    assert chips(page)[2] == "Wrong 0"
    carried_out(database, run_id)
    page.run()
    assert chips(page)[2] == "Wrong 1"


def test_a_run_that_went_meanwhile_is_said(database: Database, run_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    page = opened()

    def gone(*_: object) -> None:
        raise StoreError(f"There is no run {run_id} any more.")

    monkeypatch.setattr(compare, "facts", gone)
    page.run()
    assert not page.exception
    assert "any more" in page.error[0].value


def test_the_summary_says_how_sure_it_is(database: Database, run_id: str) -> None:
    page = opened()
    assert figures(page, "variant") == ["t = 0", "t = 1"]
    assert [round(score) for score in figures(page, "score")] == [100, 67]  # type: ignore[call-overload]
    assert figures(page, "scored") == [3, 3]
    lows = [str(interval).split("–")[0] for interval in figures(page, "interval")]
    assert all(0 < int(low) < 60 for low in lows)
    assert figures(page, "versus")[1] == "needs more"
    assert "best" not in page.dataframe[0].value
    assert "No column is marked as the best" in shown(page)


def test_rows_and_columns_can_be_anything_that_differs(database: Database, run_id: str) -> None:
    page = opened(rows="temperature")
    assert chips(page)[0] == "All 2"
    assert address(page) == {"run": run_id, "rows": "temperature"}
    assert figures(page, "answered") == ["12 of 12"]
    page.selectbox(key="compare_rows").set_value("case").run()
    assert chips(page)[0] == "All 3"


def test_a_pooled_cell_leads_to_its_cases(database: Database, run_id: str) -> None:
    pooled = comparison_rows(
        database, run_id, View(rows=("temperature",), columns=("prompt", "version", "technique", "model"))
    )
    page = opened(run=run_id, rows="temperature", case=pooled.row_id(1), variant=pooled.columns[0].id)
    page.button(key="compare_drill").click().run()
    assert not page.exception
    assert address(page) == {"run": run_id, "temperature": "1"}
    assert chips(page)[:3] == ["All 3", "Answers differ 0", "Wrong 1"]


def test_rows_are_sorted_by_what_is_asked_and_the_address_knows(database: Database, run_id: str) -> None:
    _, hot = variant_ids(database, run_id)
    page = opened(case="2", variant=hot)
    page.selectbox(key="compare_sort").set_value("score").run()
    page.selectbox(key="compare_sort_column").set_value(hot).run()
    assert not page.exception
    assert page.button(key="compare_chevron_left").disabled  # the wrong one is first now
    assert {"sort": "score", "by": hot}.items() <= address(page).items()
    again = opened(**address(page))
    assert again.button(key="compare_chevron_left").disabled
    assert address(again) == address(page)


def test_a_head_turns_the_order_and_gives_it_back(monkeypatch: pytest.MonkeyPatch) -> None:
    state: dict[str, object] = {"compare_sort": "case", "compare_order": "up"}
    monkeypatch.setattr(st, "session_state", state)
    orders = []
    for column in ("a", "a", "b", "b", "b", "a", ""):
        view_state.sort_by(column)
        orders.append((state["compare_sort"], state["compare_sort_column"], state["compare_order"]))
    assert orders == [
        ("score", "a", "up"),
        ("score", "a", "down"),
        ("score", "b", "up"),
        ("score", "b", "down"),
        ("case", "", "up"),
        ("score", "a", "up"),
        ("case", "", "up"),
    ]


def test_cases_below_a_score_and_of_one_model_only(database: Database) -> None:
    run_id = new_run(database, models=("openai/ok", "openai/other"))
    carried_out(database, run_id)
    page = opened(run=run_id, below="50", model="openai/other", temperature="1")
    assert chips(page)[0] == "All 1"
    assert figures(page, "answered") == ["6 of 6"]
    assert address(page) == {"run": run_id, "below": "50", "model": "openai/other", "temperature": "1"}


def test_a_verdict_is_said_once_under_the_summary(run_id: str) -> None:
    assert shown(opened(run=run_id)).count("too few to tell") == 1
    assert "needs more" not in shown(opened(run=run_id))


def test_what_the_baseline_said_is_put_beside(database: Database, run_id: str) -> None:
    cold, hot = variant_ids(database, run_id)
    page = opened(run=run_id, case="2", variant=hot)
    selector = page.selectbox(key="compare_with")
    assert list(selector.options) == ["nothing", "the expected answer", "t = 0, the baseline", "sample 2"]
    selector.set_value(cold).run()
    assert not page.exception
    assert not page.code  # the difference stands in its place
    assert address(page)["with"] == cold
    page.button(key="compare_chevron_right").click().run()
    assert page.selectbox(key="compare_with").value == cold


def test_two_runs_are_shown_against_each_other(database: Database, run_id: str, hostile: HostileServer) -> None:
    hostile.answer = lambda body: "bad" if "case 1" in prompt_text(body) else "It is good."
    plan = api.plan(judge(), [{"text": f"case {i}", "expected": "good"} for i in (1, 2, 4)], models="openai/ok",
                    temperatures=(0, 1), samples=2, seed=1)  # fmt: skip
    after = client.submit(database, plan)
    carried_out(database, after)
    page = opened(run=after, against=run_id)
    (control,) = [group for group in page.button_group if group.key == "compare_kind"]
    counted = dict(str(option).rsplit(" ", 1) for option in control.options)
    assert (counted["Broke"], counted["Improved"], counted["New"], counted["Gone"]) == ("2", "1", "2", "2")
    assert address(page) == {"run": after, "against": run_id, "changes": "broke"}
    page.selectbox(key="compare_against").set_value("").run()
    assert not page.exception
    assert address(page) == {"run": after}


def test_a_run_is_pinned_as_baseline_and_unpinned(database: Database, run_id: str) -> None:
    page = opened()
    page.button(key="compare_pin").click().run()
    assert baselines.pinned(database) == {"judge": run_id}
    assert "baseline of judge" in shown(page)
    page.button(key="compare_unpin").click().run()
    assert baselines.pinned(database) == {}


def test_the_cells_say_answer_tally_and_state(database: Database, run_id: str) -> None:
    comparison = comparison_rows(database, run_id)
    heads = matrix_columns(comparison, compare.summarise(comparison.facts, comparison.view))
    assert [(list(head.title_lines), head.mark) for head in heads] == [(["t = 0"], "baseline"), (["t = 1"], "")]
    assert heads[0].summary.startswith("100 % (")
    assert heads[1].summary.startswith("67 % (")
    assert all(head.summary.endswith(") · 100 % agreement") for head in heads)
    first, second, _ = matrix_rows(comparison, compare.page(database, comparison, 0, 9))
    assert (first.title, first.sub) == ("1 case 1", "expected good")
    assert [(c.answer, c.detail, c.tally, c.state, c.differs) for c in second.cells] == [
        ("good", "It is good.", "2 of 2", "right", False),
        ("bad", "bad", "2 of 2", "wrong", True),
    ]
    assert not second.cells[0].badges
    assert (second.cells[1].badges[0].text, second.cells[1].badges[0].tone) == ("−100 points", "bad")


def test_the_rows_are_copied_as_markdown(database: Database, run_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MOST_COPIED", 2)
    page = opened()
    page.session_state["compare_table"] = True
    page.run()
    (form,) = [group for group in page.button_group if group.key == "compare_table_form"]
    form.set_value(form.options[2]).run()
    assert not page.exception
    assert "The first 2 of 3 rows" in shown(page)
    lines = page.code[0].value.splitlines()
    assert lines[0] == "| case | expected | t = 0 | t = 1 |"
    assert len(lines) == 4
    assert lines[3].startswith("| 2 case 2 | good | good · 2 of 2 · right | bad · 2 of 2 · wrong · differs")


def test_the_table_to_copy_has_heads_of_its_own(database: Database, run_id: str) -> None:
    comparison = comparison_rows(database, run_id)
    columns = matrix_columns(comparison, compare.summarise(comparison.facts, comparison.view))
    heads, lines = tables.as_table([*columns, *columns], matrix_rows(comparison, []), "case")
    assert heads == ["case", "expected", "t = 0", "t = 1", "t = 0 (4)", "t = 1 (5)"]
    assert lines == []


@pytest.mark.parametrize(
    ("share", "text"), [(0.0, "0 %"), (0.001, "1 %"), (0.625, "63 %"), (0.999, "99 %"), (1.0, "100 %"), (None, "")]
)
def test_all_and_none_are_said_only_of_all_and_none(share: float | None, text: str) -> None:
    assert percent(share) == text


Writers = dict[str, Callable[[BinaryIO], object]]


@pytest.fixture
def writers(monkeypatch: pytest.MonkeyPatch) -> Writers:
    """By key of its button, what writes each file that the page offers."""
    by_key: Writers = {}

    def downloads(key: str, offers: Sequence[Download], **_: object) -> None:
        by_key.update({offer.key: offer.write for offer in offers})

    monkeypatch.setattr(export, "downloads", downloads)
    return by_key


def written(writers: Writers, form: str) -> str:
    out = io.BytesIO()
    writers[f"compare_download_{form}"](out)
    return out.getvalue().decode()


def test_an_export_holds_everything_or_the_view(database: Database, run_id: str, writers: Writers) -> None:
    opened()
    assert len(list(csv.DictReader(io.StringIO(written(writers, "csv"))))) == 12
    assert len(written(writers, "csv-wide").splitlines()) == 4
    assert len(written(writers, "jsonl").splitlines()) == 12
    page = opened(cases="2")
    page.segmented_control(key="compare_part").set_value("view").run()
    part = list(csv.DictReader(io.StringIO(written(writers, "csv"))))
    assert {row["case_id"] for row in part} == {"2"}
    assert len(part) == 4


def test_the_report_of_a_sorted_view_is_sorted(database: Database, run_id: str, writers: Writers) -> None:
    opened(order="down")  # the cases' own order, turned round
    assert re.findall(r'<th scope="row"><b>(\d)</b>', written(writers, "html")) == ["3", "2", "1"]
    ids = [row["case_id"] for row in csv.DictReader(io.StringIO(written(writers, "csv")))]
    assert ids == sorted(ids)  # the results file has the order of the run


def test_a_large_export_goes_to_a_file(database: Database, run_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "DOWNLOAD_ROWS", 11)
    page = opened(find="case 2")
    page.button(key="compare_save_csv").click().run()
    target = paths.data_folder() / "exports" / f"judge-2-temperatures-{run_id}.csv"
    assert page.code[0].value == str(target)
    assert len(list(csv.DictReader(io.StringIO(target.read_text("utf-8"))))) == 12


def test_a_file_name_holds_no_path(database: Database, run_id: str) -> None:
    runs.change(database, run_id, name="../../etc/passwd: *?")
    assert export.file_name(runs.find_run(database, run_id), "csv") == f"etc-passwd-{run_id}.csv"


def test_the_messages_are_the_ones_on_the_wire() -> None:
    chat = '{"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": null}]}'
    assert sent_messages(chat) == [Message("system", "s"), Message("user", "")]
    assert sent_messages('{"prompt": "I am"}') == [Message("user", "I am")]


def test_a_cell_says_what_became_of_its_parameters(database: Database) -> None:
    plan = api.plan(
        judge(), [{"text": "case 1"}], models="openai/o3", doubts=False, temperatures=[0, 1.5], seed=7, top_p=0.5
    )
    made = client.submit(database, plan)
    carried_out(database, made)
    (row,) = results.result_rows(database, made)
    told = {fact.name: (fact.value, fact.note) for fact in circumstances.circumstances(row)}
    assert told["temperature"] == ("the model's default", "")
    assert "temperatures 0, 1.5 are the same on the wire" in told["note"][1]
    assert told["top_p"] == ("", "not sent")
    assert told["seed"][0] == "7"
    assert json.loads(told["on the wire"][0]) == {"model": "o3", "seed": 7}
    assert told["reused"] == ("", "")


def test_what_nobody_knows_is_not_called_honoured(database: Database) -> None:
    plan = api.plan(judge(), [{"text": "case 1"}], models="openai/ok", temperatures=0.3, doubts=False)
    run_id = client.submit(database, plan)
    carried_out(database, run_id)
    (row,) = results.result_rows(database, run_id)
    assert row.honoured == '{"temperature": null}'
    lines = {fact.name: (fact.value, fact.note) for fact in circumstances.circumstances(row)}
    assert lines["temperature"] == ("0.3", "not known whether the model honours it")


def test_a_reused_reply_is_marked(database: Database, run_id: str) -> None:
    again = new_run(database)
    carried_out(database, again)
    row = next(results.result_rows(database, again, [0]))
    lines = {fact.name: (fact.value, fact.note) for fact in circumstances.circumstances(row)}
    assert lines["reused"] == ("yes", "an earlier reply: not sent and not paid again")


def test_the_attempts_of_a_cell_are_listed(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("promptgrid.calls.call._FIRST_WAIT_S", 0.01)
    run_id = new_run(database, cases=1, models=("openai/server-error+ok",), temperatures=(0,), samples=1)
    carried_out(database, run_id)
    (attempt,) = attempts.log(database, run_id, 0)
    (line,) = circumstances.attempt_lines([attempt], runs.find_run(database, run_id), "answered")
    assert (line.name[:5], line.value) == ("1 at ", "server errors")
    assert "next attempt 0.0 s later" in line.note
    (only,) = variant_ids(database, run_id)
    page = opened(run=run_id, case="1", variant=only)
    assert "Failed attempts (1)" in [expander.label for expander in page.expander]


def test_the_beams_of_a_search_are_listed(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with HostileServer(kind="vllm") as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        options: dict[str, Any] = {"models": "openai/ok", "beams": 3, "max_tokens": 8, "doubts": False}
        run_id = client.submit(database, api.plan(judge(), [{"text": "case 1"}], **options))
        carried_out(database, run_id)
    (only,) = variant_ids(database, run_id)
    page = opened(run=run_id, case="1", variant=only)
    assert "Beams (3)" in [expander.label for expander in page.expander]


def test_the_steps_of_a_cell_are_listed(database: Database) -> None:
    plan = api.plan(judge(), [{"text": "case 1"}], models="openai/ok", techniques="self-refine:rounds=1", doubts=False)
    run_id = client.submit(database, plan)
    carried_out(database, run_id)
    (only,) = variant_ids(database, run_id)
    page = opened(run=run_id, case="1", variant=only)
    assert "Steps (3 calls)" in [expander.label for expander in page.expander]


def test_an_attempt_without_an_end_was_lost_with_its_runner(database: Database) -> None:
    run_id = new_run(database, cases=1, temperatures=(0,), samples=1)
    lost = Attempt(0, 1, started=time.time() - 3600)
    (line,) = circumstances.attempt_lines([lost], runs.find_run(database, run_id), "pending")
    assert (line.value, line.note) == ("lost with its runner", "")


def test_a_cell_without_a_reply_shows_the_messages_of_its_plan(database: Database) -> None:
    run_id = new_run(database, cases=2, temperatures=(0,), samples=1)
    rows = list(results.result_rows(database, run_id))
    planned = detail.planned_messages(runs.plan_of(database, run_id), rows[1])
    assert planned == [Message("user", "Judge case 2.")]


def test_a_part_of_the_cases_is_shown_and_summed_up_alone(database: Database) -> None:
    run_id = new_run(database, cases=12)
    carried_out(database, run_id)
    sealed = parts_of_run(database, run_id)["prove"]
    page = opened(run=run_id, part="prove")
    assert not page.exception
    assert f"All {len(sealed)}" in str(page.button_group(key="compare_show").options)
    assert "The part prove was opened once for judge." in shown(page)
    assert f"{2 * len(sealed)} of {2 * len(sealed)}" in list(page.dataframe[-1].value["answered"])
    assert address(page)["part"] == "prove"


def test_the_calls_of_the_columns_stand_side_by_side(database: Database) -> None:
    tool = Tool("lookup", results=(MockResult("blue"),))
    prompt = Prompt("ask", (Message("user", "{{ q }}"),), tools=(tool,), tool_rounds=1)
    models = ["openai/tools", "openai/tools-endless"]
    run_id = client.submit(database, api.plan(prompt, [{"q": "sky"}], models=models, doubts=False, checks=[]))
    carried_out(database, run_id)
    page = opened(run=run_id, case="1", variant=variant_ids(database, run_id)[0])
    assert "Tools (1 call)" in [expander.label for expander in page.expander]
    page.session_state["compare_calls_open"] = True
    ran(page)
    (calls,) = (frame.value for frame in page.dataframe if "differs" in frame.value.columns)
    first, second = calls.to_dict("records")
    assert (first["tool"], first["differs"], first["this cell"]) == ("lookup", "key", '{"key": "sky"}')
    assert (second["differs"], second["this cell"]) == ("call", "no call")
