"""A run as a file of every form: cells that failed, were refused, are empty or never ended; and what can go wrong."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, get_args

import openpyxl
import pandas as pd
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from markdown_it import MarkdownIt

from promptgrid import compare
from promptgrid.answers import Answer
from promptgrid.cases.table import Case
from promptgrid.cli import main
from promptgrid.errors import ExportError, StoreError
from promptgrid.export import columns_for, excel, html, markdown, parquet, read_csv, read_jsonl, report, runs
from promptgrid.export.runs import FileFormat, save_run, write_run
from promptgrid.grading import Score
from promptgrid.prompt import AnswerRule, Message, Prompt
from promptgrid.store import Database, commits
from promptgrid.store import runs as stored
from promptgrid.store.commits import CellOutcome, CellResult, Group
from tests.commits import answered, greeting_plan, pending, queued
from tests.export.fragments import FRAGMENTS, NAMES

pytestmark = pytest.mark.usefixtures("openai")
FORMS: tuple[FileFormat, ...] = get_args(FileFormat)
HOSTILE = """<script>alert(1)</script><img src="http://evil.invalid/x" onerror=alert(2)> {{ 7*7 }} &amp; | `a` ![x](http://evil.invalid)"""
SAID = {0: "good", 1: "", 2: f"{HOSTILE}\nAnswer: bad"}  # by position; the others end without a reply
ENDS = {3: "failed", 4: "refused", 5: "too_long", 6: "cancelled"}
TEMPERATURES = (0.0, 1.0)


@pytest.fixture
def run_id(database: Database) -> str:
    """Four cases × two temperatures: answered, empty, hostile, failed, refused, too long, cancelled, pending."""
    rule = AnswerRule("label", labels=("good", "bad"))
    prompt = Prompt("judge", (Message("user", "Judge {{ text }}"),), answer=rule)
    cases = [Case(str(n), {"text": f"case {n} {HOSTILE}"}, "good") for n in range(1, 4)] + [Case("4", {"text": "=1+1"})]
    run = queued(
        database, greeting_plan(prompts=(prompt,), cases=tuple(cases), temperatures=TEMPERATURES, name=HOSTILE)
    )
    end(database, run)
    stored.change(database, run, note=HOSTILE)
    return run


def end(database: Database, run: str) -> None:
    names = {at: name for name, at in pending(database, run).items()}
    outcomes = [CellOutcome(CellResult(at, status, error=f"{status} {HOSTILE}")) for at, status in ENDS.items()]
    for at, text in SAID.items():
        reply = answered(at, text, run_id=run, key=names[at].key, sample=names[at].sample, latency_ms=5.0)
        label = "bad" if "bad" in text else text
        score = Score("label", float(label == "good"), label == "good", label, f"because {HOSTILE}")
        result = CellResult(at, "answered", Answer("", label), [score] if label else ())
        outcomes.append(CellOutcome(result, reply=reply.reply))
    commits.commit(database, run, commits.claim(database, run), Group(outcomes))


def exported(database: Database, run: str, form: FileFormat, positions: list[int] | None = None) -> bytes:
    out = io.BytesIO()
    write_run(database, run, out, form, positions)
    return out.getvalue()


def test_every_form_of_the_rows_says_what_became_of_each_cell(database: Database, run_id: str) -> None:
    statuses = {**dict.fromkeys(SAID, "answered"), **ENDS, 7: "pending"}
    expected = [(statuses[at], SAID.get(at), 0.0 if at == 2 else 1.0 if at == 0 else None) for at in range(8)]

    def told(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
        return [(row["status"], row["output"], row["score.label"]) for row in rows]

    assert told(list(read_csv(io.BytesIO(exported(database, run_id, "csv"))))) == expected
    assert told(list(read_jsonl(io.BytesIO(exported(database, run_id, "jsonl"))))) == expected
    assert told(pq.read_table(io.BytesIO(exported(database, run_id, "parquet"))).to_pylist()) == expected
    sheet = pd.read_excel(io.BytesIO(exported(database, run_id, "xlsx")), sheet_name="results", dtype=object)
    rows = sheet.to_dict("records")
    without_nan = [{str(name): None if pd.isna(value) else value for name, value in row.items()} for row in rows]
    no_empty_text = [(status, text or None, score) for status, text, score in expected]
    assert told(without_nan) == no_empty_text  # Excel has none


def test_the_view_alone_can_be_exported(database: Database, run_id: str) -> None:
    for form in ("csv", "jsonl", "parquet", "xlsx"):
        out = io.BytesIO()
        assert write_run(database, run_id, out, form, [6, 1]) == 2
    rows = list(read_csv(io.BytesIO(exported(database, run_id, "csv", [6, 1]))))
    assert [row["cell_id"] for row in rows] == [f"{run_id}-1", f"{run_id}-6"]
    contents = report.report(database, run_id, [2])
    assert ([row.id for row in contents.rows], [head.label for head in contents.heads]) == (["2"], ["t = 0"])
    assert (contents.matching, contents.total, contents.summaries[0].cells) == (1, 4, 4)


def test_the_report_of_a_view_keeps_the_order_of_its_rows(database: Database, run_id: str) -> None:
    facts = compare.facts(database, run_id)
    lengths = compare.comparison_rows(database, facts, compare.View(sort=compare.Sort("length", descending=True)))
    order = [lengths.row_id(index) for index in range(len(lengths))]
    assert order != sorted(order)
    assert [row.id for row in report.report(database, run_id, lengths.positions()).rows] == order
    page = exported(database, run_id, "html", lengths.positions()).decode()
    assert re.findall(r'<th scope="row"><b>(\d)</b>', page) == order


def test_the_workbook_has_a_summary_and_how_the_run_was_made(database: Database, run_id: str) -> None:
    book = openpyxl.load_workbook(io.BytesIO(exported(database, run_id, "xlsx")))
    assert book.sheetnames == ["results", "summary", "run"]
    head, *lines = book["summary"].iter_rows(values_only=True)
    figures = dict(zip(head, lines[0], strict=True))
    assert (figures["variant"], figures["cells"], figures["answered"], figures["score"]) == ("t = 0", 4, 2, 0.5)
    facts = dict(book["run"].iter_rows(values_only=True))
    assert (facts["run"], facts["temperatures"], facts["note"]) == (run_id, "0, 1", HOSTILE)
    cells = [cell for sheet in book for line in sheet.iter_rows() for cell in line]
    assert not [cell for cell in cells if cell.data_type == "f" or cell.hyperlink]


class Seen(HTMLParser):
    """Tags, attributes and texts of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_report_holds_everything_as_text_and_nothing_that_acts(database: Database, run_id: str) -> None:
    page = exported(database, run_id, "html").decode()
    contents = Seen(page)
    assert (
        not {"script", "img", "iframe", "object", "embed", "a", "form", "base", "image", "use"} & contents.tags.keys()
    )
    assert ("content", html.POLICY) in contents.attributes
    assert html.POLICY.startswith("default-src 'none'; style-src 'unsafe-inline'")
    assert not [name for name, _ in contents.attributes if name.startswith("on") or "href" in name or name == "src"]
    assert "@import" not in page
    assert "url(" not in page.replace("url(#", "")
    for text in (
        HOSTILE,
        "case 1",
        "t = 1",
        "failed",
        "refused",
        "too long",
        "cancelled",
        "not answered yet",
        "empty answer",
    ):
        assert text in contents.text, text
    assert contents.text.count(f"because {HOSTILE}") == 2
    assert "50 %" in contents.text
    assert "All 4 cases" in contents.text
    assert "alert(1)" in contents.text
    assert "49" not in Seen(page).text.split("Answers")[1].split("How the run")[0]  # no template in what a model said


def test_a_large_report_is_cut_and_says_so(database: Database, run_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "CASES", 2)
    monkeypatch.setattr(report, "TEXT", 10)
    text = Seen(exported(database, run_id, "html").decode()).text
    assert "The first 2 of 4 cases" in text
    assert f"{len(SAID[2]) - 10} characters more" in text
    assert "The first 2 of 4 cases" in exported(database, run_id, "markdown").decode()
    monkeypatch.setattr(report, "CHARACTERS", 5)
    monkeypatch.setattr(report, "_PAGE", 1)
    assert len(report.report(database, run_id).rows) == 1


def test_a_drawing_keeps_only_what_draws() -> None:
    drawing = """<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" onload="x()">
    <script>alert(1)</script><defs><clipPath id="clip1"><rect width="1"/></clipPath></defs>
    <g clip-path="url(#clip1)"><a href="http://evil.invalid"><text>link</text></a><image xlink:href="http://x"/>
    <text onclick="x()">a &lt; b</text></g></svg>"""
    contents = Seen(html.inline(drawing, "c7-"))
    assert contents.tags.keys() == {"svg", "defs", "clippath", "rect", "g", "text"}
    assert {value for name, value in contents.attributes if name in ("id", "clip-path")} == {
        "c7-clip1",
        "url(#c7-clip1)",
    }
    assert not [name for name, _ in contents.attributes if name.startswith("on") or "href" in name]
    assert contents.text.strip() == "a < b"


def cells_of(rendered: str) -> list[str]:
    return [Seen(cell).text.strip() for cell in rendered.replace("<br>", "\n").split("<td>")[1:]]


def test_a_markdown_table_shows_every_text_as_it_is(database: Database, run_id: str) -> None:
    renderer = MarkdownIt("commonmark", {"html": True}).enable("table")
    texts = [text for text in FRAGMENTS if text.strip() and text.isprintable()] + [HOSTILE, "a\r\nb\nc"]
    rendered = renderer.render(markdown.table(["t|xt", "<b>"], [[text, text] for text in texts]))
    contents = Seen(rendered)
    assert set(contents.tags) <= {"table", "thead", "tbody", "tr", "th", "td", "br", "code"}
    assert (contents.tags["tr"], contents.tags["td"]) == (len(texts) + 1, 2 * len(texts))
    assert "\u2060" not in rendered  # the table is made to be copied
    cells = cells_of(rendered)
    assert cells == [text.replace("\r\n", "\n").strip() for text in texts for _ in (1, 2)]
    whole = Seen(renderer.render(exported(database, run_id, "markdown").decode()))
    assert not {"script", "img", "a"} & whole.tags.keys()
    assert whole.tags["table"] == 2


def test_none_and_numbers_in_a_markdown_table() -> None:
    assert markdown.table(["a", "b"], [[1, None], [0.123456789, "x"]]) == (
        "| a | b |\n| ---: | --- |\n| 1 |  |\n| 0.123457 | x |\n"
    )
    assert markdown.table(["a"], []) == "| a |\n| --- |\n"


def test_parquet_has_one_schema_and_groups_of_bounded_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "GROUP_ROWS", 2)
    empty, some = io.BytesIO(), io.BytesIO()
    parquet.write_parquet([], empty, **NAMES)
    parquet.write_parquet([{"sample": n, "score.label": None} for n in range(5)], some, **NAMES)
    assert pq.read_schema(empty) == pq.read_schema(some)
    assert pq.ParquetFile(some).num_row_groups == 3
    assert [str(pq.read_schema(some).field(name).type) for name in ("sample", "cost_usd", "reused", "output")] == [
        "int64", "double", "bool", "string",
    ]  # fmt: skip
    with pytest.raises(ExportError, match="does not fit into its column"):
        parquet.write_parquet([{"sample": 2**70}], io.BytesIO(), **NAMES)


def test_what_excel_cannot_hold_is_said_or_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(excel, "SHEET_ROWS", 3)
    rows: list[dict[str, Any]] = [
        {"output": "x" * 40_000, "seed": 2**53 + 1, "cost_usd": float("nan"), "latency_ms": float("inf")},
        {"output": "😀" * 20_000, "seed": 2**53, "cost_usd": 0.25, "latency_ms": None},
        {"output": "third"},
    ]
    out = io.BytesIO()
    assert excel.write_xlsx(rows, out, **NAMES) == 3
    book = openpyxl.load_workbook(out)
    assert book.sheetnames == ["results", "results 2"]
    head, first, second = book["results"].iter_rows(values_only=True)
    assert head == columns_for(**NAMES)
    records = [dict(zip(head, line, strict=True)) for line in (first, second)]
    assert [row["seed"] for row in records] == ["9007199254740993", 2**53]
    assert [row["cost_usd"] for row in records] == [None, 0.25]
    assert records[0]["output"].endswith("x …[cut: 40,000 characters]")
    assert records[1]["output"].endswith("😀 …[cut: 20,000 characters]")
    assert all(len(row["output"].encode("utf-16-le")) <= 2 * 32_767 for row in records)
    with pytest.raises(ExportError, match="an Excel sheet 16,384"):
        excel.write_xlsx([], io.BytesIO(), variables=[str(n) for n in range(16_384)], checks=[])


@pytest.mark.parametrize("form", FORMS)
def test_a_run_that_is_gone_makes_no_file(database: Database, run_id: str, form: FileFormat, tmp_path: Path) -> None:
    stored.forget(database, run_id)
    (tmp_path / "out").mkdir()
    with pytest.raises(StoreError, match=run_id):
        save_run(database, run_id, tmp_path / "out" / "file", form)
    assert not list((tmp_path / "out").iterdir())


def test_a_run_that_goes_in_the_middle_is_still_exported_whole(
    database: Database, run_id: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(runs, "_TELL_ROWS", 1)
    gone = iter([lambda: stored.forget(database, run_id)])
    counts: list[int] = []

    def progress(done: int) -> None:
        counts.append(done)
        next(gone, lambda: None)()

    assert save_run(database, run_id, tmp_path / "out.jsonl", "jsonl", progress=progress) == 8
    assert counts == list(range(1, 9))
    assert len(list(read_jsonl(tmp_path / "out.jsonl"))) == 8


@pytest.mark.parametrize("form", FORMS)
def test_a_place_that_cannot_be_written_is_named(
    database: Database, run_id: str, form: FileFormat, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(ExportError, match=r"Cannot write .*file/out"):
        save_run(database, run_id, tmp_path / "file" / "out", form)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("form", FORMS)
def test_a_full_disk_is_said_so(database: Database, run_id: str, form: FileFormat) -> None:
    with pytest.raises(ExportError, match=r"Cannot write /dev/full: No space left") as raised:
        save_run(database, run_id, Path("/dev/full"), form)
    assert "free some space" in raised.value.hint


def test_the_command_writes_every_form(database: Database, run_id: str) -> None:
    options = [part for form in FORMS if form != "csv-for-excel" for part in (f"--{form}", f"out.{form}")]
    result = CliRunner().invoke(main, ["export", run_id, *options, "--csv-for-excel"])
    assert result.exit_code == 0, result.output
    assert "Wrote 8 rows to out.csv." in result.output
    assert "Wrote 4 cases to out.html." in result.output
    assert Path("out.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    with Path("out.csv-wide").open(encoding="utf-8", newline="") as file:
        assert len(list(csv.reader(file))) == 5
    assert [json.loads(line)["status"] for line in Path("out.jsonl").read_text("utf-8").splitlines()][3] == "failed"
