"""The Library page: nothing is lost by a slip, and nothing that comes from elsewhere is trusted."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from promptgrid.errors import LibraryError, PromptError
from promptgrid.library.folder import Library
from promptgrid.paths import shipped_folder
from promptgrid.ui import library as library_view
from tests.places import HOME_PAGE

pytestmark = pytest.mark.usefixtures("no_runner")
GOOD = b"---\nname: other\ndescription: Says hello. # a comment\n---\nuser:\nHello {{ name }}\n"


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Library:
    folder = tmp_path / "prompts"
    for name in ("arithmetic", "continuation-zh", "sentiment"):
        (folder / "cases").mkdir(parents=True, exist_ok=True)
        shutil.copy(shipped_folder() / "prompts" / f"{name}.prompty", folder)
        shutil.copy(shipped_folder() / "prompts" / "cases" / f"{name}.csv", folder / "cases")
    monkeypatch.setenv("PROMPTGRID_PROMPTS", str(folder))
    return Library(folder)


@pytest.fixture(autouse=True)
def _set_up(library: Library, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("PROMPTGRID_BUILTIN_MODEL", str(tmp_path / "none.gguf"))
    st.cache_resource.clear()
    st.cache_data.clear()
    yield
    st.cache_resource.clear()


def opened() -> AppTest:
    return ran(AppTest.from_file(str(HOME_PAGE), default_timeout=30).switch_page("pages/4_Library.py"))


def ran(page: AppTest) -> AppTest:
    page.run()
    assert not page.exception
    return page


def press(page: AppTest, key: str) -> AppTest:
    page.button(key=key).click()
    return ran(page)


def select(page: AppTest, row: int) -> AppTest:
    key = f"library_table_{page.session_state['library_table_number']}"
    page.session_state[key] = {"selection": {"rows": [], "columns": [], "cells": [(row, "name")]}}
    return ran(page)


def listed(page: AppTest) -> list[Any]:
    return list(page.dataframe[0].value["name"])


def shown(page: AppTest) -> str:
    kinds = (page.markdown, page.caption, page.error, page.success)
    return "\n".join(str(element.value).replace("\\", "").replace("\u2060", "") for kind in kinds for element in kind)


def test_prompts_are_listed_with_what_they_can_serve() -> None:
    page = opened()
    frame = page.dataframe[0].value
    assert list(frame["name"]) == ["arithmetic", "continuation-zh", "sentiment"]
    assert list(frame["techniques"]) == [5, 1, 5]
    assert "3 prompts" in shown(page)
    page = select(page, 1)
    assert "Techniques: zero-shot · few-shot: a plain continuation" in shown(page)


@pytest.mark.parametrize(
    ("words", "found"),
    [("review POSITIVE", ["sentiment"]), ("续 写", []), ("chinese", ["continuation-zh"]), ("", 3)],
)
def test_finding_needs_every_word_somewhere(words: str, found: list[str] | int, library: Library) -> None:
    names = [entry.name for entry in library_view.matching(library.entries(), words)]
    assert names == found or len(names) == found


def test_a_broken_prompt_is_listed_with_its_reason_and_can_be_deleted(library: Library) -> None:
    library.path("broken").write_text("---\nname: [\n---\nuser:\nHi\n", "utf-8")
    page = opened()
    assert page.dataframe[0].value["description"][1].startswith("Broken: ")
    page = select(page, 1)
    assert str(library.path("broken")) in shown(page)
    press(page, "library_delete")
    assert not library.path("broken").exists()


def test_a_deleted_prompt_comes_back_by_undo_with_its_bytes(library: Library) -> None:
    before = library.path("sentiment").read_bytes()
    page = press(select(opened(), 2), "library_delete")
    assert "Deleted sentiment." in shown(page)
    assert listed(page) == ["arithmetic", "continuation-zh"]
    press(page, "library_undo_delete")
    assert library.path("sentiment").read_bytes() == before
    assert "Restored sentiment." in shown(page)
    assert "Deleted" not in shown(page)


def test_after_a_deletion_no_other_prompt_is_selected(library: Library) -> None:
    page = press(select(opened(), 0), "library_delete")
    assert page.button(key="library_delete").disabled
    assert len(library.entries()) == 2


def test_a_prompt_deleted_long_ago_comes_back_from_the_trash(library: Library) -> None:
    token = library.delete("arithmetic")
    page = press(opened(), f"library_restore_{token}")
    assert "arithmetic" in listed(page)
    assert library.trashed() == []


def test_a_prompt_is_duplicated_and_renamed(library: Library) -> None:
    page = press(select(opened(), 0), "library_duplicate")
    assert listed(page) == ["arithmetic", "arithmetic-copy", "continuation-zh", "sentiment"]
    page = select(page, 1)
    page.text_input(key="library_new_name").set_value("sums")
    press(page, "FormSubmitter:library_rename_form-Rename")
    assert "sums" in listed(page)
    assert library.load("sums")[0].version == library.load("arithmetic")[0].version


@pytest.mark.parametrize(("name", "said"), [("sentiment", "already"), ("../x", "holds '/'"), ("", "is empty")])
def test_a_name_that_cannot_be_is_refused(name: str, said: str, library: Library) -> None:
    page = select(opened(), 0)
    page.text_input(key="library_new_name").set_value(name)
    press(page, "FormSubmitter:library_rename_form-Rename")
    assert said in shown(page)
    assert "arithmetic" in listed(page)


def upload(page: AppTest, name: str, data: bytes, number: int = 0) -> AppTest:
    """The uploader begins anew after each import; `number` counts them."""
    page.file_uploader(key=f"library_files_{number}").upload(name, data, "text/plain")
    return press(ran(page), "library_import_now")


def test_a_file_is_imported_with_its_comments_and_beside_one_of_its_name(library: Library) -> None:
    page = upload(opened(), "sentiment.prompty", GOOD)
    assert "Imported sentiment-2." in shown(page)
    upload(page, "hello.prompty", GOOD, 1)
    assert "# a comment" in library.path("hello").read_text("utf-8")
    assert library.load("sentiment")[0].tags == ("classification",)


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("x.prompty", b"\xff\xfe\x00", "is not UTF-8"),
        ("x.prompty", b"---\nname: [\n---\nuser:\nHi\n", "not valid YAML"),
        ("con.prompty", GOOD, "cannot be a file's name"),
        ("a<img src=x>.prompty", GOOD, "holds '<'"),
    ],
)
def test_what_is_no_prompt_is_refused_and_nothing_is_written(
    name: str, data: bytes, said: str, library: Library, tmp_path: Path
) -> None:
    before = sorted(path.name for path in tmp_path.rglob("*.prompty"))
    page = upload(opened(), name, data)
    assert page.error
    assert said in shown(page)
    assert sorted(path.name for path in tmp_path.rglob("*.prompty")) == before


def test_a_files_path_does_not_lead_out_of_the_library(library: Library) -> None:
    upload(opened(), "..\\..\\hello.prompty", GOOD)
    assert library.path("hello").is_file()


def test_the_tables_of_cases_are_listed_with_their_rows(library: Library) -> None:
    (library.folder / "cases" / "bad.csv").write_text("a,a\n1,2\n", "utf-8")
    frame = opened().dataframe[1].value
    assert dict(zip(frame["table"], frame["columns"], strict=True))["sentiment.csv"] == "text, expected"
    assert "both called 'a'" in dict(zip(frame["table"], frame["columns"], strict=True))["bad.csv"]


def test_an_empty_library_offers_to_write_the_first_prompt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMPTGRID_PROMPTS", str(tmp_path / "nothing"))
    page = opened()
    assert "There are no prompts yet" in shown(page)
    page.button(key="library_first").click().run()
    assert "untitled" in page.selectbox(key="compose_choice").options


def test_the_library_takes_in_only_what_it_can_read(library: Library) -> None:
    assert library.add("hello", GOOD) == "hello"
    assert library.add("hello", GOOD) == "hello-2"
    assert library.load("hello-2")[0].messages[0].text == "Hello {{ name }}"
    with pytest.raises(PromptError):
        library.add("broken", b"---\nname: [\n---\n")
    with pytest.raises(LibraryError):
        library.add("../hello", GOOD)


def test_an_etag_tells_whether_a_file_has_changed(library: Library) -> None:
    _, etag = library.load("sentiment")
    assert library.etag("sentiment") == etag
    library.path("sentiment").write_bytes(GOOD)
    assert library.etag("sentiment") not in (etag, None)
    assert library.etag("nothing") is None
