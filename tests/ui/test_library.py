"""The Library page: nothing is lost by a slip, and nothing that comes from elsewhere is trusted."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from promptgrid import api
from promptgrid.errors import LibraryError, PromptError
from promptgrid.library import versions as marked
from promptgrid.library.folder import Library
from promptgrid.paths import shipped_folder
from promptgrid.prompt import Message, Prompt
from promptgrid.runner import client
from promptgrid.store import Database, plans
from promptgrid.techniques import TECHNIQUES
from promptgrid.ui.library import listing
from tests.faults.server import HostileServer
from tests.running import carried_out
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


def component(page: AppTest, name: str) -> dict[str, Any]:
    """What the component of that name draws."""
    [element] = [e for e in page.get("bidi_component") if e.proto.component_name == f"promptgrid_{name}"]
    data: dict[str, Any] = json.loads(element.proto.json)
    return data


def table(page: AppTest) -> list[dict[str, Any]]:
    """The rows of the table of prompts."""
    rows: list[dict[str, Any]] = component(page, "prompt_table")["rows"]
    return rows


def select(page: AppTest, row: int) -> AppTest:
    page.query_params["prompt"] = table(page)[row]["name"]
    return ran(page)


def listed(page: AppTest) -> list[Any]:
    return [row["name"] for row in table(page)]


def test_prompts_are_listed_with_what_they_can_serve() -> None:
    page = opened("4_Library.py")
    assert listed(page) == ["arithmetic", "continuation-zh", "sentiment"]
    counts = [row["cells"]["techniques"]["order"] for row in table(page)]
    assert counts[1] == 1 < counts[0] <= len(TECHNIQUES)
    assert "3 prompts" in shown(page)
    page = select(page, 1)
    assert "Techniques: zero-shot · few-shot: a plain continuation" in shown(page)


@pytest.mark.parametrize(
    ("words", "matches"),
    [("review POSITIVE", ["sentiment"]), ("续 写", []), ("chinese", ["continuation-zh"]), ("", 3)],
)
def test_finding_needs_every_word_somewhere(words: str, matches: list[str] | int, three_prompts: Library) -> None:
    names = [entry.name for entry in listing.matching(three_prompts.entries(), words)]
    assert names == matches or len(names) == matches


def test_a_broken_prompt_is_listed_with_its_reason_and_can_be_deleted(three_prompts: Library) -> None:
    three_prompts.path("broken").write_text("---\nname: [\n---\nuser:\nHi\n", "utf-8")
    page = opened("4_Library.py")
    assert table(page)[1]["cells"]["description"]["text"].startswith("Broken: ")
    page = select(page, 1)
    assert str(three_prompts.path("broken")) in shown(page)
    press(page, "library_delete")
    assert not three_prompts.path("broken").exists()


def test_a_deleted_prompt_comes_back_by_undo_with_its_bytes(three_prompts: Library) -> None:
    before = three_prompts.path("sentiment").read_bytes()
    page = press(select(opened("4_Library.py"), 2), "library_delete")
    assert "Deleted sentiment." in shown(page)
    assert listed(page) == ["arithmetic", "continuation-zh"]
    press(page, "library_undo")
    assert three_prompts.path("sentiment").read_bytes() == before
    assert "Restored sentiment." in shown(page)
    assert "Deleted" not in shown(page)


def test_the_time_of_a_prompt_is_told_once_it_has_been_changed(three_prompts: Library) -> None:
    page = opened("4_Library.py")
    assert "changed" not in [column["name"] for column in component(page, "prompt_table")["columns"]]
    path = three_prompts.path("sentiment")
    path.write_text(path.read_text("utf-8") + "\n", "utf-8")
    assert [row["cells"]["changed"]["text"] for row in table(ran(page))] == ["", "", "just now"]


def test_a_prompt_in_the_address_that_is_not_there_is_said_with_what_to_do(three_prompts: Library) -> None:
    page = opened("4_Library.py", prompt="sentimnt")
    assert 'There is no prompt "sentimnt" in the library.' in shown(page)
    assert "Did you mean sentiment?" in shown(page)
    three_prompts.delete("sentiment")
    assert "restore it under Deleted" in shown(opened("4_Library.py", prompt="sentiment"))
    assert not opened("4_Library.py", prompt="arithmetic").error


def test_after_a_deletion_no_other_prompt_is_selected(three_prompts: Library) -> None:
    page = press(select(opened("4_Library.py"), 0), "library_delete")
    assert page.button(key="library_delete").disabled
    assert not page.error  # the address names it no more
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


def test_a_renamed_prompt_keeps_its_versions(two_versions: tuple[Prompt, Prompt]) -> None:
    page = opened("4_Library.py", prompt="sentiment")
    page.text_input(key="library_new_name").set_value("mood")
    press(page, "FormSubmitter:library_rename_form-Rename")
    assert plans.prompt_at(Database(), "mood", two_versions[0].version).messages == two_versions[0].messages


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
    frame = opened("4_Library.py").dataframe[0].value
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


def test_a_name_is_a_link_that_opens_the_prompt(three_prompts: Library) -> None:
    three_prompts.rename("arithmetic", "sums & more 算术")
    page = opened("4_Library.py")
    assert table(page)[2]["address"] == "Compose?prompt=sums%20%26%20more%20%E7%AE%97%E6%9C%AF"
    page.session_state["library_table"] = {"open": "sentiment"}
    page.run()
    assert page.selectbox(key="compose_choice").value == "sentiment"


def test_a_new_prompt_opens_on_compose_and_a_taken_or_bad_name_stays_here(three_prompts: Library) -> None:
    page = opened("4_Library.py")
    for name, message in (("sentiment", "already"), ("a/b", "contains '/'"), ("", "not a valid file name")):
        page.text_input(key="library_new_prompt").set_value(name)
        assert message in shown(press(page, "FormSubmitter:library_new_form-Create"))
    page.text_input(key="library_new_prompt").set_value("fresh")
    page.button(key="FormSubmitter:library_new_form-Create").click()
    page.run()
    assert page.selectbox(key="compose_choice").value == "fresh"


def test_a_table_of_cases_is_imported_beside_one_of_its_name_and_a_broken_one_is_not(three_prompts: Library) -> None:
    page = upload(opened("4_Library.py"), "sentiment.csv", b"text,expected\nFine.,positive\n")
    assert "Imported cases/sentiment-2.csv (1 row)." in shown(page)
    page = upload(page, "more.jsonl", b'{"text": "Fine."}\n', 1)
    assert "more.jsonl" in list(page.dataframe[0].value["table"])
    page = upload(page, "bad.csv", b"a,a\n1,2\n", 2)
    assert "both called 'a'" in shown(page)
    page = upload(page, "kyrillisch.csv", "текст\nхорошо\n".encode("cp1251"), 3)
    assert "its encoding is asked for" in shown(page)
    assert {path.name for path in three_prompts.cases()} >= {"sentiment-2.csv", "more.jsonl", "kyrillisch.csv"}
    assert not (three_prompts.folder / "cases" / "bad.csv").exists()


def versions_of(page: AppTest) -> AppTest:
    """The page with the versions of the prompt sentiment open."""
    page.query_params["prompt"] = "sentiment"
    page.session_state["library_versions_open"] = True
    return ran(page)


@pytest.fixture
def two_versions(three_prompts: Library) -> tuple[Prompt, Prompt]:
    """The prompt sentiment as it was before, stored by its run, and as it is now."""
    old, etag = three_prompts.load("sentiment")
    with Database().write() as connection:
        plans.keep_version(connection, old)
    new = replace(old, messages=(Message("user", "Which mood? {{ text }}"),), description="Newer.")
    three_prompts.save(new, etag)
    return old, new


def test_two_versions_are_compared_word_by_word(two_versions: tuple[Prompt, Prompt]) -> None:
    old, new = two_versions
    page = versions_of(opened("4_Library.py"))
    assert [page.selectbox(key=f"library_{key}_sentiment").value for key in ("version", "against")] == [
        old.version,
        new.version,
    ]
    diff = component(page, "words_diff")
    assert "mood" in "".join(part["text"] for part in diff["parts"] if part["kind"] == "added")
    assert "label" in "".join(part["text"] for part in diff["parts"] if part["kind"] == "removed")


def test_a_version_gets_a_label_and_a_note_with_undo(
    two_versions: tuple[Prompt, Prompt], three_prompts: Library
) -> None:
    old, new = two_versions
    page = versions_of(opened("4_Library.py"))
    for version in (old, new):
        page.selectbox(key="library_version_sentiment").set_value(version.version)
        ran(page)
        page.text_input(key="library_label_text").set_value("production")
        press(page, "FormSubmitter:library_label_form-Put it on")
        assert marked.marks(three_prompts, "sentiment").labels == {"production": version.version}
    assert table(page)[2]["cells"]["version"]["note"] == "production"
    press(page, "library_undo")
    assert marked.marks(three_prompts, "sentiment").labels == {"production": old.version}
    press(page, "library_undo")
    assert marked.marks(three_prompts, "sentiment").labels == {}

    page.text_input(key=f"library_note_sentiment_{new.version}").set_value("Read by legal.")
    press(page, "FormSubmitter:library_note_form-Save")
    assert "Read by legal." in shown(page)
    press(page, "library_undo")
    assert marked.marks(three_prompts, "sentiment").notes == {}
    page.text_input(key="library_label_text").set_value("beef")
    assert "could be a version" in shown(press(page, "FormSubmitter:library_label_form-Put it on"))


def test_a_prompt_is_rolled_back_with_undo_and_what_was_current_stays_a_version(
    two_versions: tuple[Prompt, Prompt], three_prompts: Library
) -> None:
    old, new = two_versions
    content = three_prompts.path("sentiment").read_bytes()
    page = press(versions_of(opened("4_Library.py")), "library_roll_back")
    assert three_prompts.load("sentiment")[0] == replace(old, description="Newer.")
    assert {version for version, _ in plans.versions(Database(), "sentiment")} == {old.version, new.version}
    assert f"Rolled sentiment back to {old.version[:6]}." in shown(page)
    press(page, "library_undo")
    assert three_prompts.path("sentiment").read_bytes() == content


def test_the_scores_of_a_prompt_over_time_stand_in_the_library(
    endpoint: HostileServer, database: Database, three_prompts: Library
) -> None:
    endpoint.answer = lambda body: "positive"
    run_id = client.submit(
        database, api.plan("sentiment", [{"text": "Fine.", "expected": "positive"}], models="openai/ok")
    )
    carried_out(database, run_id)
    page = opened("4_Library.py", prompt="sentiment")
    page.session_state["library_scores_open"] = True
    ran(page)
    assert list(page.dataframe[0].value["score"]) == [100.0]
