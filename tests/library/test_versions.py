"""Labels and notes of versions: files that go with the prompts, and that a person may edit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from promptgrid.errors import LibraryError
from promptgrid.library import versions
from promptgrid.library.folder import Library
from promptgrid.prompt import Message, Prompt

OLD = Prompt("greeting", (Message("user", "Hi {{ name }}"),), description="Old.")
NEW = replace(OLD, messages=(Message("user", "Hello {{ name }}"),))


@pytest.fixture
def library(tmp_path: Path) -> Library:
    library = Library(tmp_path / "library")
    library.save(NEW, None)
    return library


def test_a_label_names_one_version_and_moving_it_tells_where_it_was(library: Library) -> None:
    assert versions.set_label(library, OLD, " production ") == ""
    assert versions.set_label(library, OLD, "first") == ""
    assert versions.set_label(library, NEW, "production") == OLD.version
    marks = versions.marks(library, "greeting")
    assert marks.labels == {"production": NEW.version, "first": OLD.version}
    assert marks.labels_of(OLD.version) == ["first"]


def test_the_text_of_a_version_that_was_labelled_stays_in_the_library(library: Library) -> None:
    versions.set_label(library, OLD, "production")
    versions.set_label(library, NEW, "production")
    versions.remove_label(library, "greeting", "production")
    assert versions.marks(library, "greeting").labels == {}
    assert set(versions.kept_versions(library, "greeting")) == {OLD.version, NEW.version}
    assert versions.kept_prompt(library, "greeting", OLD.version) == OLD


def test_a_note_is_set_changed_and_removed(library: Library) -> None:
    assert versions.set_note(library, OLD, "Read by\nlegal.") == ""
    assert versions.set_note(library, OLD, "Signed.") == "Read by legal."
    assert versions.marks(library, "greeting").notes == {OLD.version: "Signed."}
    assert versions.set_note(library, OLD, "  ") == "Signed."
    assert versions.marks(library, "greeting").notes == {}
    with pytest.raises(LibraryError, match="501 characters"):
        versions.set_note(library, OLD, "x" * 501)


def test_what_a_person_wrote_into_the_file_is_kept(library: Library) -> None:
    file = library.versions_folder("greeting") / "labels.toml"
    versions.set_label(library, OLD, "production")
    file.write_text(file.read_text("utf-8").replace("production =", "# asked by Ada\nproduction ="), "utf-8")
    versions.set_label(library, NEW, "v1.2")
    versions.set_note(library, NEW, 'So "they" said')
    text = file.read_text("utf-8")
    assert "# asked by Ada\nproduction" in text
    assert versions.marks(library, "greeting").labels == {"production": OLD.version, "v1.2": NEW.version}


@pytest.mark.parametrize("label", ["", "beef", "CAFE", "3f9a1c", "a b", "a@b", "-x", "1st", "x" * 41, "../x"])
def test_a_label_that_could_be_a_version_or_needs_quotes_is_refused(label: str, library: Library) -> None:
    with pytest.raises(LibraryError):
        versions.set_label(library, OLD, label)
    assert versions.marks(library, "greeting").labels == {}


def test_a_label_may_be_in_any_script(library: Library) -> None:
    versions.set_label(library, OLD, "生产")
    assert versions.marks(library, "greeting").labels == {"生产": OLD.version}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('<<<<<<< HEAD\n[labels]\nx = "y"\n', "not valid TOML"),
        ("labels = 3\n", r"\[labels\] must be a table"),
        ("[notes]\nx = 3\n", r"\[notes\] must be a table"),
    ],
)
def test_a_broken_file_is_refused_and_never_overwritten(text: str, message: str, library: Library) -> None:
    file = library.versions_folder("greeting") / "labels.toml"
    file.parent.mkdir(parents=True)
    file.write_text(text, "utf-8")
    for action in (lambda: versions.marks(library, "greeting"), lambda: versions.set_label(library, OLD, "production")):
        with pytest.raises(LibraryError, match=message):
            action()
    assert file.read_text("utf-8") == text


def test_a_version_that_was_edited_by_hand_is_not_passed_off_as_the_old_one(library: Library) -> None:
    versions.set_label(library, OLD, "production")
    file = library.versions_folder("greeting") / f"{OLD.version}.prompty"
    file.write_text(file.read_text("utf-8").replace("Hi", "Bye"), "utf-8")
    with pytest.raises(LibraryError, match="has been changed"):
        versions.kept_prompt(library, "greeting", OLD.version)
    versions.set_note(library, OLD, "The real one.")
    assert versions.kept_prompt(library, "greeting", OLD.version) == OLD


def test_labels_go_with_a_renamed_deleted_and_restored_prompt(library: Library) -> None:
    versions.set_label(library, OLD, "production")
    library.rename("greeting", "hello")
    assert versions.marks(library, "greeting").labels == {}
    assert versions.marks(library, "hello").labels == {"production": OLD.version}
    token = library.delete("hello")
    assert not library.versions_folder("hello").exists()
    assert library.restore(token) == "hello"
    assert versions.marks(library, "hello").labels == {"production": OLD.version}
    assert versions.kept_prompt(library, "hello", OLD.version) == replace(OLD, name="hello")


def test_a_copy_begins_without_labels(library: Library) -> None:
    versions.set_label(library, OLD, "production")
    assert versions.marks(library, library.duplicate("greeting")).labels == {}


def test_a_renamed_prompt_takes_its_labels_to_a_name_that_had_versions_once(library: Library) -> None:
    versions.set_label(library, OLD, "production")
    library.save(replace(OLD, name="hello"), None)
    versions.set_note(library, replace(OLD, name="hello"), "Another one.")
    library.path("hello").unlink()
    library.rename("greeting", "hello")
    assert versions.marks(library, "hello").labels == {"production": OLD.version}
    assert not library.versions_folder("greeting").exists()


def test_the_versions_are_no_prompts_of_the_library(library: Library) -> None:
    versions.set_label(library, OLD, "production")
    assert [entry.name for entry in library.entries()] == ["greeting"]
