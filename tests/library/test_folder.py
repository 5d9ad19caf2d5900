"""The library: a folder of prompts that loses nothing and writes nowhere else."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from promptgrid import paths
from promptgrid.errors import LibraryError, PromptError, StaleSave
from promptgrid.library.files import safe_name
from promptgrid.library.folder import Library, library_folder, load_prompt
from promptgrid.prompt import Message, Prompt


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "library"


@pytest.fixture
def library(folder: Path) -> Library:
    return Library(folder)


def prompt(name: str = "greeting", text: str = "Hi {{ name }}") -> Prompt:
    return Prompt(name, (Message("user", text),))


def names(library: Library) -> list[str]:
    return [entry.name for entry in library.entries()]


def test_what_was_saved_is_listed_and_loaded(library: Library) -> None:
    etag = library.save(prompt(), None)
    assert library.load("greeting") == (prompt(), etag)
    [entry] = library.entries()
    assert (entry.name, entry.prompt, entry.error) == ("greeting", prompt(), "")
    assert entry.path == library.path("greeting")
    assert entry.modified == entry.path.stat().st_mtime


def test_a_library_that_is_not_there_yet_is_empty(library: Library) -> None:
    assert library.entries() == []
    assert library.cases() == []
    with pytest.raises(LibraryError, match="holds no prompt yet"):
        library.load("greeting")


def test_a_prompt_has_its_files_name(library: Library, folder: Path) -> None:
    library.save(prompt(), None)
    (folder / "greeting.prompty").rename(folder / "Gruß 你好.prompty")
    assert library.load("Gruß 你好")[0].name == "Gruß 你好"
    assert library.entries()[0].prompt == replace(prompt("Gruß 你好"), title="greeting")


def test_a_broken_file_is_listed_with_its_reason_and_the_others_load(library: Library, folder: Path) -> None:
    library.save(prompt(), None)
    (folder / "broken.prompty").write_text("---\nname: [\n---\nuser:\nHi\n")
    (folder / "latin.prompty").write_bytes(b"user:\n\nGr\xfc\xdfe\n")
    broken, greeting, latin = library.entries()
    assert (broken.prompt, greeting.prompt, latin.prompt) == (None, prompt(), None)
    assert broken.error.startswith("Line 3: the front matter is not valid YAML")
    assert "latin.prompty, line 3, is not UTF-8" in latin.error
    with pytest.raises(PromptError):
        library.load("broken")


def test_only_what_changed_is_read_again(library: Library, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded_names: list[str] = []

    def loads(text: str, name: str, files: object) -> Prompt:
        loaded_names.append(name)
        return prompt(name, text)

    monkeypatch.setattr("promptgrid.library.folder.loads", loads)
    for name in ("a", "b"):
        library.save(prompt(name), None)
    for _ in range(3):
        library.entries()
    assert loaded_names == ["a", "b"]
    (folder / "a.prompty").write_text("user:\nchanged, and longer\n")
    library.entries()
    assert loaded_names == ["a", "b", "a"]
    (folder / "b.prompty").unlink()
    assert names(library) == ["a"]


def test_a_newer_version_is_never_overwritten_unseen(library: Library, folder: Path) -> None:
    first = library.save(prompt(), None)
    second = library.save(prompt(text="second"), first)
    with pytest.raises(StaleSave, match="was changed since"):
        library.save(prompt(text="third"), first)
    assert library.load("greeting") == (prompt(text="second"), second)
    with pytest.raises(LibraryError, match="already"):
        library.save(prompt(), None)
    library.delete("greeting")
    with pytest.raises(StaleSave, match="was deleted since"):
        library.save(prompt(), second)
    assert list(folder.glob("*")) == []


def test_of_many_who_save_at_once_one_wins(folder: Path) -> None:
    etag = Library(folder).save(prompt(), None)
    outcomes: list[str] = []

    def save(text: str) -> None:
        try:
            Library(folder).save(prompt(text=text), etag)
            outcomes.append(text)
        except StaleSave:
            outcomes.append("stale")

    threads = [threading.Thread(target=save, args=(f"text {number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winner = [text for text in outcomes if text != "stale"]
    assert len(winner) == 1
    assert Library(folder).load("greeting")[0].messages[0].text == winner[0]


def test_comments_survive_a_save(library: Library, folder: Path) -> None:
    folder.mkdir()
    (folder / "noted.prompty").write_text("---\nname: noted\n# mine\nother: 1\n---\nuser:\nHi\n")
    loaded, etag = library.load("noted")
    library.save(replace(loaded, description="new"), etag)
    text = (folder / "noted.prompty").read_text()
    assert "# mine\nother: 1\n" in text
    assert "description: new\n" in text


def test_a_save_that_fails_leaves_the_old_file_and_no_other(
    library: Library, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    etag = library.save(prompt(), None)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LibraryError, match="No space left on device"):
        library.save(prompt(text="new"), etag)
    assert library.load("greeting") == (prompt(), etag)
    assert [path.name for path in folder.iterdir()] == ["greeting.prompty"]


def test_a_prompt_that_no_file_can_say_is_not_saved(library: Library, folder: Path) -> None:
    with pytest.raises(PromptError, match="reads as the start of a message"):
        library.save(prompt(text="a\nsystem:\nb"), None)
    assert not folder.exists()


def test_deleted_is_not_lost(library: Library, folder: Path) -> None:
    library.save(prompt(), None)
    before = (folder / "greeting.prompty").read_bytes()
    token = library.delete("greeting")
    assert names(library) == []
    [(trash_token, name, deleted)] = library.trashed()
    assert (trash_token, name) == (token, "greeting")
    assert abs(deleted - paths.data_folder().stat().st_mtime) < 60
    assert library.restore(token) == "greeting"
    assert (folder / "greeting.prompty").read_bytes() == before
    assert library.trashed() == []


def test_restoring_never_overwrites(library: Library) -> None:
    library.save(prompt(text="old"), None)
    token = library.delete("greeting")
    library.save(prompt(text="new"), None)
    assert library.restore(token) == "greeting-2"
    assert library.load("greeting")[0].messages[0].text == "new"
    assert library.load("greeting-2")[0] == prompt("greeting-2", "old")


def test_each_library_has_its_own_trash(library: Library, tmp_path: Path) -> None:
    library.save(prompt(), None)
    token = library.delete("greeting")
    other = Library(tmp_path / "other")
    assert other.trashed() == []
    with pytest.raises(LibraryError, match="Nothing is in the trash"):
        other.restore(token)


@pytest.mark.parametrize("token", ["", "..", "../../x", "20260101T000000000000-abcdefgh/../x"])
def test_a_token_cannot_point_elsewhere(library: Library, token: str) -> None:
    with pytest.raises(LibraryError, match="not the token"):
        library.restore(token)


def test_copies_and_new_names(library: Library, folder: Path) -> None:
    library.save(prompt(), None)
    assert [library.duplicate("greeting") for _ in range(2)] == ["greeting-copy", "greeting-copy-2"]
    assert library.load("greeting-copy")[0] == prompt("greeting-copy")
    library.rename("greeting-copy", "welcome")
    assert "name: welcome\n" in (folder / "welcome.prompty").read_text()
    assert names(library) == ["greeting", "greeting-copy-2", "welcome"]
    with pytest.raises(LibraryError, match="already"):
        library.rename("welcome", "greeting")


def test_a_broken_file_can_be_copied_renamed_and_deleted(library: Library, folder: Path) -> None:
    folder.mkdir()
    (folder / "broken.prompty").write_bytes(b"---\nname: [\xff\n")
    assert library.duplicate("broken") == "broken-copy"
    library.rename("broken", "mended")
    assert library.restore(library.delete("mended")) == "mended"
    assert {path.read_bytes() for path in folder.iterdir()} == {b"---\nname: [\xff\n"}


@pytest.mark.parametrize(
    "name",
    [
        "",
        " a",
        "a ",
        ".a",
        "-a",
        "a.",
        "..",
        "a/b",
        "a\\b",
        "../a",
        "a:b",
        "a*",
        "a\x00",
        "a\nb",
        "CON",
        "nul.x",
        "com1",
        "a@b",
        "a,b",
        "x" * 101,
        "界" * 90,
        "\ud800",
        ".prompty",
    ],
)
def test_an_unsafe_name_is_refused_everywhere(library: Library, folder: Path, name: str) -> None:
    library.save(prompt("good"), None)
    for call in (
        lambda: library.save(prompt(name), None),
        lambda: library.load(name),
        lambda: library.delete(name),
        lambda: library.rename("good", name),
        lambda: library.path(name),
    ):
        with pytest.raises(LibraryError):
            call()
    assert [path.name for path in folder.iterdir()] == ["good.prompty"]


@pytest.mark.parametrize("name", ["a", "Ünï", "情感分析", "a b-c_d.e", "console", "😀", "cafe\u0301"])
def test_other_names_are_kept(library: Library, name: str) -> None:
    library.save(prompt(name), None)
    assert names(library) == [safe_name(name)]
    assert library.load(name)[0].messages == prompt().messages


def test_a_near_miss_is_answered_with_what_may_be_meant(library: Library, folder: Path) -> None:
    library.save(prompt("sentiment"), None)
    with pytest.raises(LibraryError, match="Did you mean sentiment"):
        load_prompt("sentimnt", library)
    with pytest.raises(LibraryError, match="There are: sentiment"):
        load_prompt("zzz", library)
    with pytest.raises(LibraryError, match=r"Did you mean sentiment\.prompty"):
        load_prompt(str(folder / "sentimnt.prompty"), library)


def test_a_prompt_is_named_by_path_or_by_name(library: Library, tmp_path: Path) -> None:
    library.save(prompt(), None)
    outside = tmp_path / "outside.prompty"
    outside.write_text("user:\nHello\n")
    assert load_prompt("greeting", library) == prompt()
    assert load_prompt(str(outside), library) == prompt("outside", "Hello")


def test_tables_of_cases_are_listed(library: Library, folder: Path) -> None:
    (folder / "cases").mkdir(parents=True)
    for name in ("b.csv", "A.csv", "notes.txt"):
        (folder / "cases" / name).touch()
    assert [path.name for path in library.cases()] == ["A.csv", "b.csv"]


def test_the_folder_is_the_named_one_else_the_one_here_else_the_users_own(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = library_folder()
    assert own == home / "data" / "prompts"
    shipped = paths.shipped_folder() / "prompts"
    assert {path.name for path in own.glob("*.prompty")} == {path.name for path in shipped.glob("*.prompty")}
    assert (own / "cases").is_dir()
    for path in own.glob("*.prompty"):
        path.unlink()
    assert list(library_folder().glob("*.prompty")) == []  # what the user deleted does not come back
    (Path.cwd() / "prompts").mkdir()
    assert library_folder() == own
    (Path.cwd() / "prompts" / "a.prompty").touch()
    assert library_folder() == Path.cwd() / "prompts"
    monkeypatch.setenv("PROMPTGRID_PROMPTS", str(tmp_path / "named"))
    assert library_folder() == tmp_path / "named"


OLD = """---
name: Shop Chat
model: {parameters: {temperature: 0, tools: []}}
sample: ${file:sample.json}
---
user:
{{ question }}
"""


def test_an_imported_file_keeps_its_bytes_its_title_and_its_form(library: Library, folder: Path) -> None:
    assert library.add("shop", OLD.encode()) == "shop"
    assert library.path("shop").read_bytes() == OLD.encode()
    (folder / "sample.json").write_text('{"question": ["a"]}')
    loaded, etag = library.load("shop")
    assert (loaded.name, loaded.title, loaded.given_examples) == ("shop", "Shop Chat", {"question": '["a"]'})
    library.save(replace(loaded, description="New"), etag)
    library.rename("shop", "shop2")
    copy = library.load(library.duplicate("shop2"))[0]
    assert replace(copy, name="shop") == replace(loaded, description="New")
    text = library.path("shop2").read_text("utf-8")
    assert text == OLD.replace("---\nuser", "description: New\n---\nuser")


def test_a_prompt_without_a_title_has_its_new_name_in_the_file(library: Library) -> None:
    library.save(prompt(), None)
    library.rename("greeting", "hello")
    assert "name: hello\n" in library.path("hello").read_text("utf-8")
    assert "name: hello-copy\n" in library.path(library.duplicate("hello")).read_text("utf-8")


@pytest.mark.parametrize(
    "target",
    [
        *("../out.json", "/etc/passwd", "in/../../out.json", "link.json", "linked/a.json", ".hidden.json"),
        *("~/a.json", "a.key", "C:\\\\a.json", "none.json", "", "in"),
    ],
)
def test_a_file_outside_of_the_prompts_folder_is_never_read(tmp_path: Path, folder: Path, target: str) -> None:
    (folder / "in").mkdir(parents=True)
    for path in ("out.json", "library/.hidden.json", "library/a.key"):
        (tmp_path / path).write_text('{"question": "secret"}')
    (folder / "link.json").symlink_to(tmp_path / "out.json")
    (folder / "linked").symlink_to(tmp_path)
    (folder / "x.prompty").write_text(OLD.replace("sample.json", target))
    loaded = load_prompt(str(folder / "x.prompty"), Library(folder))
    assert loaded.inputs == ()
    assert any(note.startswith("sample is not taken over") for note in loaded.notes)
    assert "secret" not in str(loaded)


def test_a_file_in_a_folder_below_is_read(folder: Path) -> None:
    (folder / "in").mkdir(parents=True)
    (folder / "in" / "s.json").write_text('\ufeff{"question": "Why?"}', "utf-8")
    (folder / "x.prompty").write_text(OLD.replace("sample.json", "in/s.json"))
    assert load_prompt(str(folder / "x.prompty"), Library(folder)).given_examples == {"question": "Why?"}


@pytest.mark.parametrize(
    ("name", "words"), [("x.prompt", "Dotprompt"), ("x.txt", "not a .prompty file"), ("x", "Rename")]
)
def test_other_files_are_refused_by_name(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / name).write_text("Where is {{q}}?")
    with pytest.raises(LibraryError) as caught:
        load_prompt(str(tmp_path / name), Library(tmp_path))
    assert words in f"{caught.value} {caught.value.hint}"
