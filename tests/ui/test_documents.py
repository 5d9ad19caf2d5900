"""The page Documents: collections, what a search finds, how well retrievers find it."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from promptgrid.documents import samples
from promptgrid.documents.adding import Source, add
from promptgrid.documents.answers.proposals import proposals
from promptgrid.documents.marking import marked_questions
from promptgrid.store import Database
from promptgrid.store.documents import collections
from tests.faults.server import HostileServer
from tests.ui.pages import address, opened, press, ran, shown

FILE = "13_Documents.py"
BOAT = "The boat leaves at nine. [x](http://x)"


@pytest.fixture
def harbour(database: Database) -> str:
    """The id of a collection of two documents."""
    collection_id = collections.create(database, "harbour")
    sources = [Source("boat.md", data=BOAT.encode()), Source("bakery.txt", data=b"The bakery opens at six.")]
    for _ in add(database, collection_id, sources):
        pass
    return collection_id


def searched(page: AppTest, query: str) -> str:
    page.text_input(key="documents_query").input(query)
    return shown(ran(page))


def test_without_documents_a_sample_is_one_press_away(database: Database) -> None:
    page = opened(FILE)
    assert "No documents yet" in shown(page)
    name = next(iter(samples.sample_names()))
    page = press(page, f"documents_sample_{name}")
    (info,) = collections.listed(database)
    assert (info.name, info.unread, address(page)["collection"]) == (name, 0, info.id)


@pytest.mark.usefixtures("harbour")
def test_a_search_shows_the_chunks_and_their_places() -> None:
    page = opened(FILE)
    text = searched(page, "When does the boat leave?")
    assert "boat.md, characters 0–" in text
    assert BOAT in [element.value for element in page.text]
    assert "0 chunks" in searched(page, "zebra")


def test_an_address_of_no_collection_says_so(harbour: str) -> None:
    assert 'no collection "zebra"' in shown(opened(FILE, collection="zebra"))
    assert "no collection" not in shown(opened(FILE, collection="harbour"))


def test_a_chunker_that_cannot_be_says_why(harbour: str) -> None:
    page = opened(FILE)
    page.number_input(key="documents_overlap").set_value(150)
    assert "cannot overlap" in shown(ran(page))


def test_a_folder_and_an_upload_are_added_and_what_is_unread_is_named(
    database: Database, harbour: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("notes")
    (folder / "tide.txt").write_text("The tide turns at noon.", "utf-8")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4 no")
    page = opened(FILE)
    page.text_input(key=f"documents_folder_{harbour}").input(str(folder))
    page.file_uploader(key=f"documents_files_{harbour}").upload("inn.md", b"The inn has ten rooms.", "text/markdown")
    page = press(ran(page), "documents_add")
    assert "Not read: broken.pdf" in shown(page)
    names = {info.name for info in collections.documents_of(database, harbour) if info.text_digest}
    assert names == {"boat.md", "bakery.txt", "tide.txt", "inn.md"}
    page.text_input(key=f"documents_folder_{harbour}").input(str(folder / "none"))
    assert "There is no file or folder" in shown(press(ran(page), "documents_add"))


def test_a_deleted_collection_comes_back(database: Database, harbour: str) -> None:
    page = press(opened(FILE), "documents_delete")
    assert not collections.listed(database)
    assert "Deleted the collection harbour" in shown(page)
    page = press(page, "documents_undo")
    assert [info.name for info in collections.listed(database)] == ["harbour"]
    assert page.selectbox(key="documents_collection").value == harbour


def test_retrievers_are_measured_over_questions_with_gold(harbour: str) -> None:
    page = opened(FILE)
    questions = f"question,gold\nWhen does the boat leave?,boat.md:0-{len(BOAT)}\nWho is the mayor?,\n"
    page.file_uploader(key="documents_questions").upload("questions.csv", questions.encode(), "text/csv")
    page.multiselect(key="documents_kinds").set_value(["bm25", "oracle"])
    page = press(ran(page), "documents_measure")
    figures = page.dataframe[0].value
    assert list(figures["k"]) == [1, 5, 1, 5]
    assert list(figures["recall"]) == [1.0] * 4
    bad = questions.replace("boat.md", "ship.md")
    page.file_uploader(key="documents_questions").upload("bad.csv", bad.encode(), "text/csv")
    assert "There is no document ship.md" in shown(press(ran(page), "documents_measure"))


def test_gold_is_marked_by_hand_measured_edited_and_undone(database: Database, harbour: str) -> None:
    page = opened(FILE)
    page.text_input(key="documents_gold_question").input("When does the bakery open?")
    page.selectbox(key="documents_gold_document").select("bakery.txt")
    page.text_area(key="documents_gold_passage").input("The bakery shuts")
    assert "does not stand in bakery.txt" in shown(ran(page))
    assert page.button(key="documents_gold_mark").disabled
    page.text_area(key="documents_gold_passage").input("bakery opens at six.")
    page = press(ran(page), "documents_gold_mark")
    assert "bakery.txt:4-24" in shown(page)
    assert address(press(page, "documents_gold_show_0_0"))["range"] == "4-24"
    page = press(page, "documents_measure")
    (figures,) = (table.value for table in page.dataframe if "recall" in table.value)
    assert figures["recall"].tolist() == [1.0, 1.0]
    page = press(page, "documents_gold_edit_0")
    assert marked_questions(database, harbour) == []
    assert page.text_area(key="documents_gold_passage").value == "bakery opens at six."
    press(page, "documents_undo")
    assert [one.gold for one in marked_questions(database, harbour)] == ["bakery.txt:4-24"]


def test_a_model_proposes_gold_and_a_person_accepts_refuses_and_undoes(
    database: Database, harbour: str, endpoint: HostileServer
) -> None:
    endpoint.answer = lambda body: "NONE" if "dogs" in str(body) else '"The boat leaves at nine."'
    page = opened(FILE)
    page.session_state["documents_propose"] = True
    page = ran(page)
    page.text_area(key="documents_propose_questions").input("When does the boat leave?\nWhat do boat dogs eat?")
    page.selectbox(key="documents_propose_model").select("openai/wrong-usage")
    page = press(ran(page), "documents_propose_look")
    assert "Ask for 2 passages · 2 calls" in page.button(key="documents_propose_go").label
    page = press(page, "documents_propose_go")
    assert "nothing is gold before you accept it" in shown(page)
    assert "boat.md, characters 0–24" in shown(page)
    assert marked_questions(database, harbour) == []
    first, second = (str(button.key) for button in page.button if str(button.key).endswith("_yes"))
    page = press(press(page, first), second)
    assert [(one.question, one.gold) for one in marked_questions(database, harbour)] == [
        ("When does the boat leave?", "boat.md:0-24"),
        ("What do boat dogs eat?", ""),
    ]
    page = press(page, "documents_undo")
    assert len(marked_questions(database, harbour)) == len(proposals(database, harbour)) == 1
    press(page, next(str(button.key) for button in page.button if str(button.key).endswith("_no")))
    assert proposals(database, harbour) == []
