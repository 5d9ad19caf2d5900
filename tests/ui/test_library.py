"""The Library page: nothing is lost by a slip, and nothing that comes from elsewhere is trusted."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from promptgrid.errors import LibraryError, PromptError
from promptgrid.library.folder import Library
from promptgrid.paths import shipped_folder
from promptgrid.ui import library as library_view
from tests.ui.pages import opened, press, ran, shown

GOOD = b"---\nname: other\ndescription: Says hello. # a comment\n---\nuser:\nHello {{ name }}\n"


@pytest.fixture(autouse=True)
def three_prompts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Library:
    folder = tmp_path / "prompts"
    for name in ("arithmetic", "continuation-zh", "sentiment"):
        (folder / "cases").mkdir(parents=True, exist_ok=True)
        shutil.copy(shipped_folder() / "prompts" / f"{name}.prompty", folder)
        shutil.copy(shipped_folder() / "prompts" / "cases" / f"{name}.csv", folder / "cases")
    monkeypatch.setenv("PROMPTGRID_PROMPTS", str(folder))
    return Library(folder)


def select(page: AppTest, row: int) -> AppTest:
    key = f"library_table_{page.session_state['library_table_number']}"
    page.session_state[key] = {"selection": {"rows": [], "columns": [], "cells": [(row, "name")]}}
    return ran(page)


def listed(page: AppTest) -> list[Any]:
    return list(page.dataframe[0].value["name"])


def test_prompts_are_listed_with_what_they_can_serve() -> None:
    page = opened("4_Library.py")
    frame = page.dataframe[0].value
    assert list(frame["name"]) == ["arithmetic", "continuation-zh", "sentiment"]
    assert list(frame["techniques"]) == [5, 1, 5]
    assert "3 prompts" in shown(page)
    page = select(page, 1)
    assert "Techniques: zero-shot · few-shot: a plain continuation" in shown(page)


@pytest.mark.parametrize(
    ("words", "matches"),
    [("review POSITIVE", ["sentiment"]), ("续 写", []), ("chinese", ["continuation-zh"]), ("", 3)],
)
def test_finding_needs_every_word_somewhere(words: str, matches: list[str] | int, three_prompts: Library) -> None:
    names = [entry.name for entry in library_view.matching(three_prompts.entries(), words)]
    assert names == matches or len(names) == matches


def test_a_broken_prompt_is_listed_with_its_reason_and_can_be_deleted(three_prompts: Library) -> None:
    three_prompts.path("broken").write_text("---\nname: [\n---\nuser:\nHi\n", "utf-8")
    page = opened("4_Library.py")
    assert page.dataframe[0].value["description"][1].startswith("Broken: ")
    page = select(page, 1)
    assert str(three_prompts.path("broken")) in shown(page)
    press(page, "library_delete")
    assert not three_prompts.path("broken").exists()


def test_a_deleted_prompt_comes_back_by_undo_with_its_bytes(three_prompts: Library) -> None:
    before = three_prompts.path("sentiment").read_bytes()
    page = press(select(opened("4_Library.py"), 2), "library_delete")
    assert "Deleted sentiment." in shown(page)
    assert listed(page) == ["arithmetic", "continuation-zh"]
    press(page, "library_undo_delete")
    assert three_prompts.path("sentiment").read_bytes() == before
    assert "Restored sentiment." in shown(page)
    assert "Deleted" not in shown(page)


def test_after_a_deletion_no_other_prompt_is_selected(three_prompts: Library) -> None:
    page = press(select(opened("4_Library.py"), 0), "library_delete")
    assert page.button(key="library_delete").disabled
    assert len(three_prompts.entries()) == 2


def test_a_prompt_deleted_long_ago_comes_back_from_the_trash(three_prompts: Library) -> None:
    token = three_prompts.delete("arithmetic")
    page = press(opened("4_Library.py"), f"library_restore_{token}")
    assert "arithmetic" in listed(page)
    assert three_prompts.trashed() == []


def test_a_prompt_is_duplicated_and_renamed(three_prompts: Library) -> None:
    page = press(select(opened("4_Library.py"), 0), "library_duplicate")
    assert listed(page) == ["arithmetic", "arithmetic-copy", "continuation-zh", "sentiment"]
    page = select(page, 1)
    page.text_input(key="library_new_name").set_value("sums")
    press(page, "FormSubmitter:library_rename_form-Rename")
    assert "sums" in listed(page)
    assert three_prompts.load("sums")[0].version == three_prompts.load("arithmetic")[0].version


@pytest.mark.parametrize(("name", "message"), [("sentiment", "already"), ("../x", "contains '/'"), ("", "is empty")])
def test_a_name_that_cannot_be_is_refused(name: str, message: str, three_prompts: Library) -> None:
    page = select(opened("4_Library.py"), 0)
    page.text_input(key="library_new_name").set_value(name)
    press(page, "FormSubmitter:library_rename_form-Rename")
    assert message in shown(page)
    assert "arithmetic" in listed(page)


def upload(page: AppTest, name: str, data: bytes, number: int = 0) -> AppTest:
    """The uploader begins anew after each import; `number` counts them."""
    page.file_uploader(key=f"library_files_{number}").upload(name, data, "text/plain")
    return press(ran(page), "library_import_now")


def test_a_file_is_imported_with_its_comments_and_beside_one_of_its_name(three_prompts: Library) -> None:
    page = upload(opened("4_Library.py"), "sentiment.prompty", GOOD)
    assert "Imported sentiment-2." in shown(page)
    upload(page, "hello.prompty", GOOD, 1)
    assert "# a comment" in three_prompts.path("hello").read_text("utf-8")
    assert three_prompts.load("sentiment")[0].tags == ("classification",)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("x.prompty", b"\xff\xfe\x00", "is not UTF-8"),
        ("x.prompty", b"---\nname: [\n---\nuser:\nHi\n", "not valid YAML"),
        ("con.prompty", GOOD, "file name on every system"),
        ("a<img src=x>.prompty", GOOD, "contains '<'"),
    ],
)
def test_what_is_no_prompt_is_refused_and_nothing_is_written(
    name: str, data: bytes, message: str, three_prompts: Library, tmp_path: Path
) -> None:
    before = sorted(path.name for path in tmp_path.rglob("*.prompty"))
    page = upload(opened("4_Library.py"), name, data)
    assert page.error
    assert message in shown(page)
    assert sorted(path.name for path in tmp_path.rglob("*.prompty")) == before


def test_a_files_path_does_not_lead_out_of_the_library(three_prompts: Library) -> None:
    upload(opened("4_Library.py"), "..\\..\\hello.prompty", GOOD)
    assert three_prompts.path("hello").is_file()


def test_the_tables_of_cases_are_listed_with_their_rows(three_prompts: Library) -> None:
    (three_prompts.folder / "cases" / "bad.csv").write_text("a,a\n1,2\n", "utf-8")
    frame = opened("4_Library.py").dataframe[1].value
    assert dict(zip(frame["table"], frame["columns"], strict=True))["sentiment.csv"] == "text, expected"
    assert "both called 'a'" in dict(zip(frame["table"], frame["columns"], strict=True))["bad.csv"]


def test_an_empty_library_offers_to_write_the_first_prompt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMPTGRID_PROMPTS", str(tmp_path / "nothing"))
    page = opened("4_Library.py")
    assert "There are no prompts yet" in shown(page)
    page.button(key="library_first").click().run()
    assert "untitled" in page.selectbox(key="compose_choice").options


def test_the_library_takes_in_only_what_it_can_read(three_prompts: Library) -> None:
    assert three_prompts.add("hello", GOOD) == "hello"
    assert three_prompts.add("hello", GOOD) == "hello-2"
    assert three_prompts.load("hello-2")[0].messages[0].text == "Hello {{ name }}"
    with pytest.raises(PromptError):
        three_prompts.add("broken", b"---\nname: [\n---\n")
    with pytest.raises(LibraryError):
        three_prompts.add("../hello", GOOD)


def test_an_etag_tells_whether_a_file_has_changed(three_prompts: Library) -> None:
    _, etag = three_prompts.load("sentiment")
    assert three_prompts.etag("sentiment") == etag
    three_prompts.path("sentiment").write_bytes(GOOD)
    assert three_prompts.etag("sentiment") not in (etag, None)
    assert three_prompts.etag("nothing") is None
