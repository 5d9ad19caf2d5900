"""The History page: all runs, what they answered, and what they cost."""

from __future__ import annotations

from promptgrid.store import Database
from promptgrid.store.across.tags import change_tags, set_favourite
from tests.stored import Cell, store_run
from tests.ui.pages import address, opened, ran, shown

FILE = "11_History.py"


def links(page: object) -> list[tuple[str, str]]:
    """The label and the address of each link to a page, but for those of the menu."""
    found = page.get("page_link")  # type: ignore[attr-defined]
    return [(link.proto.label, link.proto.query_string) for link in found if link.proto.query_string]


def test_an_answer_is_found_and_leads_to_its_cell() -> None:
    store_run(Database(), [Cell("7", output="today 天气 *is* fine"), Cell("8", output="no")])
    page = opened(FILE)
    page.text_input(key="history_find").set_value("天气")
    ran(page)
    ((label, query),) = links(page)
    assert "天气" in label
    assert "run=run00001&case=7&variant=" in query
    assert query.endswith("&sample=1")
    assert address(page) == {"find": "天气"}
    assert "天气" in links(opened(FILE, find="天气"))[0][0]
    page.text_input(key="history_find").set_value("nowhere")
    assert "No reply contains this text" in shown(ran(page))


def test_runs_are_shown_by_favourite_and_tag() -> None:
    database = Database()
    for run_id in ("aaaaaaaa", "bbbbbbbb"):
        store_run(database, [Cell()], run_id=run_id)
    change_tags(database, "aaaaaaaa", add=["slow"])
    set_favourite(database, "bbbbbbbb", True)
    page = opened(FILE)
    assert {query for _, query in links(page)} == {"run=aaaaaaaa", "run=bbbbbbbb"}
    page.pills(key="history_marked").set_value("slow")
    assert [query for _, query in links(ran(page))] == ["run=aaaaaaaa"]
    page.pills(key="history_marked").set_value("\0")
    assert [query for _, query in links(ran(page))] == ["run=bbbbbbbb"]


def test_scores_and_costs_are_shown() -> None:
    database = Database()
    store_run(database, [Cell("1", score=1), Cell("2", score=0)])
    with database.write() as connection:
        connection.exec_driver_sql("INSERT INTO prompt_versions VALUES ('v1', 'p', '', 0)")
    page = opened(FILE)
    scores, costs = (frame.value for frame in page.dataframe)
    assert scores[["version", "score", "cases"]].to_numpy().tolist() == [["v1", 50.0, 2]]
    assert costs[["month", "model", "cost", "replies"]].to_numpy().tolist() == [["1970-01", "e/m", 1.0, 2]]
    assert "$1.00 in all." in shown(page)


def test_an_empty_history_says_so() -> None:
    page = opened(FILE)
    assert shown(page).count("No runs yet") == 2
    assert "No replies yet" in shown(page)
