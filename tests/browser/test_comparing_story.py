"""Is it better, or is it luck? Two prompts at three temperatures on the real built-in model: from the form of the run
to files that others read, every figure on the way held against what the database says."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

import openpyxl
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from promptgrid import builtin, stats
from promptgrid.export.csv_in import read_csv
from promptgrid.export.jsonl import read_jsonl
from promptgrid.store import Database, results, votes
from promptgrid.store.results import ResultRow
from tests.browser.acting import choose, settled
from tests.places import CHECKOUT

if TYPE_CHECKING:
    from tests.browser.serving import Dashboard, Serve

TEMPERATURES = ("0", "0.7", "1.2")
SAMPLES, VOTES = 5, 10
CASES = {
    "Delighted: it lasts two days.": "positive",
    "Broken on day one, no refund.": "negative",
    "Good sound, poor battery.": "mixed",
    "It is fine, I suppose.": "mixed",
}
PROMPT = """---
name: {name}
metadata:
  cases: cases/reviews.csv
  answer: {{kind: label, labels: [positive, negative, mixed]}}
inputs:
  - {{name: text, kind: string, example: "What a great day!"}}
model: {{options: {{temperature: 0, maxOutputTokens: 10, seed: 7}}}}
template: {{format: {{kind: jinja2}}, parser: {{kind: prompty}}}}
---
user:
{question}
"""
QUESTIONS = {
    "question": "Is this review positive, negative or mixed? {{ text }}",
    "form": "Review: {{ text }}\nSentiment (positive, negative, mixed):",
}
CELLS = len(QUESTIONS) * len(TEMPERATURES) * SAMPLES * len(CASES)


@pytest.fixture(scope="module")
def app(serve: Serve, weights_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """A dashboard with a library of two prompts, and the built-in model in a server of its own."""
    folder = tmp_path_factory.mktemp("story")
    weights = folder / f"{builtin.MODEL}.gguf"
    weights.symlink_to(weights_file)
    (folder / "cases").mkdir()
    lines = [f'"{text}",{expected}' for text, expected in CASES.items()]
    (folder / "cases" / "reviews.csv").write_text("\n".join(["text,expected", *lines, ""]), "utf-8")
    for name, question in QUESTIONS.items():
        (folder / f"{name}.prompty").write_text(PROMPT.format(name=name, question=question), "utf-8")
    extra = {"PROMPTGRID_PROMPTS": str(folder), "PROMPTGRID_BUILTIN_MODEL": str(weights)}
    with serve(CHECKOUT / "workbench.py", **extra) as running:
        yield running
        with pytest.MonkeyPatch.context() as patch:
            for name, value in {**extra, "PROMPTGRID_HOME": str(running.home)}.items():
                patch.setenv(name, value)
            builtin.stop()


@pytest.fixture
def page(app: Dashboard, browser: Browser) -> Iterator[Page]:
    context = app.context(browser, viewport={"width": 1440, "height": 900}, accept_downloads=True)
    yield context.new_page()
    context.close()


def test_from_a_run_to_what_is_better_and_to_files(app: Dashboard, page: Page, tmp_path: Path) -> None:
    run_id = a_finished_run(page, app)
    with closing(Database(app.home / "data" / "promptgrid.sqlite3")) as database:
        the_story_of(run_id, database, page, app.url, tmp_path)


def the_story_of(run_id: str, database: Database, page: Page, url: str, folder: Path) -> None:
    rows = list(results.result_rows(database, run_id))
    assert [row.status for row in rows] == ["answered"] * CELLS

    page.goto(f"{url}/Compare?run={run_id}")
    expect(page.get_by_role("gridcell").first).to_be_visible()
    the_summary_is_that_of_stats(page, rows)
    the_cases_that_differ_can_be_found_and_read(page, rows)

    page.goto(f"{url}/Judge?run={run_id}")
    for count in range(VOTES):
        expect(page.locator(".arena .count")).to_contain_text(re.compile(rf"^{count} of "))
        page.keyboard.press("ArrowLeft" if count % 2 else "ArrowRight")
    expect(page.locator(".arena .count")).to_contain_text(re.compile(rf"^{VOTES} of "))
    cast_votes = votes.listed(database, run_id)
    assert [one.outcome for one in cast_votes] == ["right", "left"] * (VOTES // 2)
    button = page.get_by_role("button", name=f"Preference pairs ({VOTES})")
    pairs = list(read_jsonl(downloaded(page, button, folder / "pairs.jsonl")))
    output = {row.position: row.output for row in rows}
    assert [(pair["chosen"][0]["content"], pair["rejected"][0]["content"]) for pair in pairs] == [
        (output[one.left_position], output[one.right_position])[:: 1 if one.outcome == "left" else -1]
        for one in cast_votes
    ]

    page.goto(f"{url}/Compare?run={run_id}")
    page.get_by_role("button", name="Export", exact=True).click()
    csv_file, workbook, report = (
        downloaded(page, page.locator(f".st-key-compare_download_{form} button"), folder / name)
        for form, name in (("csv", "out.csv"), ("xlsx", "out.xlsx"), ("html", "out.html"))
    )
    assert [(row["case_id"], row["output"]) for row in read_csv(csv_file)] == said(rows)
    assert the_workbooks_rows(workbook) == said(rows)
    the_report_stands_alone(report.read_text("utf-8"), rows)


def a_finished_run(page: Page, app: Dashboard) -> str:
    """Sets the run up in the form, starts it and waits for its end; its id."""
    page.goto(f"{app.url}/Run?prompts={','.join(QUESTIONS)}")
    choose(page, "run_temperatures", *TEMPERATURES)
    page.locator(".st-key-run_techniques").get_by_text("few-shot", exact=True).click()  # chosen at first
    settled(page)
    samples = page.locator(".st-key-run_samples input")
    samples.fill(str(SAMPLES))
    samples.press("Enter")
    expect(page.get_by_text(f"{CELLS // SAMPLES} calls").first).to_be_visible()
    page.locator(".st-key-start button").click()
    expect(page).to_have_url(re.compile(r"run=\w{8}"))
    expect(page.get_by_text(f"{CELLS} of {CELLS}").first).to_be_visible(timeout=300_000)
    return page.url.split("run=")[1][:8]


def by_variant(rows: Sequence[ResultRow]) -> dict[str, dict[str, list[ResultRow]]]:
    """Label of the variant -> case -> its samples, all in the grid's order."""
    samples: dict[str, dict[str, list[ResultRow]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        samples[f"{row.prompt} · t = {row.parameters['temperature']:g}"][row.case_id].append(row)
    return samples


def voted(samples: Sequence[ResultRow]) -> str | None:
    votes = Counter(row.answer for row in samples if row.answer is not None)
    return votes.most_common(1)[0][0] if votes else None


def the_summary_is_that_of_stats(page: Page, rows: Sequence[ResultRow]) -> None:
    """Score and interval, of the cases' means, in the heads of the matrix and in the table beneath."""
    intervals = 0
    table = page.get_by_test_id("stDataFrame").first
    for column, (label, cases) in enumerate(by_variant(rows).items(), 1):
        scores = [[one.scores["label"].value for one in samples] for samples in cases.values()]
        known = [[score for score in some if score is not None] for some in scores]
        interval = stats.mean_interval([sum(some) / len(some) for some in known if some])
        if interval is None:
            continue
        text = f"{100 * interval.low:.0f}–{100 * interval.high:.0f}"
        expect(page.get_by_role("columnheader").nth(column)).to_contain_text(text)
        line = table.locator("[role=row]", has=page.get_by_text(label, exact=True))
        expect(line.get_by_text(text, exact=True)).to_be_attached()
        intervals += 1
    assert intervals
    expect(page.get_by_text("No column is marked as the best")).to_be_visible()  # four cases cannot tell


def the_cases_that_differ_can_be_found_and_read(page: Page, rows: Sequence[ResultRow]) -> None:
    variants = by_variant(rows)
    every_case = dict.fromkeys(row.case_id for row in rows)
    answers_of = {case: [voted(cases[case]) for cases in variants.values()] for case in every_case}
    differ = [case for case, answers in answers_of.items() if len(set(answers)) > 1]
    page.get_by_text(f"Answers differ {len(differ)}").click()
    lines = page.locator(".matrix tbody tr")
    expect(lines).to_have_count(len(differ))
    settled(page)
    cell = lines.locator("td").filter(has=page.locator(".differs")).first
    y, x = cell.evaluate("cell => [cell.parentElement.sectionRowIndex, cell.cellIndex - 1]")
    assert answers_of[differ[y]][x] != answers_of[differ[y]][0]
    cell.click()
    expect(page.locator(".st-key-compare_detail")).to_be_visible()
    settled(page)
    page.get_by_role("combobox", name="Compare with").click()
    page.get_by_role("option", name="the baseline").click()
    words = page.locator(".words-diff pre")
    expect(words.locator("ins").first).to_be_visible()
    samples = [list(variants.values())[at][differ[y]] for at in (0, x)]
    outputs = [next(row.output or "" for row in some if row.answer == voted(some)) for some in samples]
    assert [bare(text_without(words, tag)) for tag in ("INS", "DEL")] == list(map(bare, outputs))


def text_without(words: Locator, tag: str) -> str:
    texts = words.evaluate(
        "(node, tag) => [...node.children].filter((part) => part.tagName !== tag).map((part) => part.textContent)", tag
    )
    return "".join(texts)


def bare(text: str) -> str:
    """Without white space, and without the signs that make it visible where it changed."""
    return re.sub(r"[\s·↵→]", "", text)


def downloaded(page: Page, button: Locator, path: Path) -> Path:
    with page.expect_download() as started:
        button.click()
    started.value.save_as(path)
    return path


def said(rows: Sequence[ResultRow]) -> list[tuple[str, str]]:
    return [(row.case_id, row.output or "") for row in rows]


def the_workbooks_rows(path: Path) -> list[tuple[str, str]]:
    heads, *lines = openpyxl.load_workbook(path)["results"].iter_rows(values_only=True)
    case, output = heads.index("case_id"), heads.index("output")
    return [(str(line[case]), str(line[output])) for line in lines]


class ReportReader(HTMLParser):
    """Collects what would run or be fetched, and the rows in the body of each table."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.references: list[str] = []
        self.handlers: list[str] = []
        self.tables: list[int] = []
        self.text: list[str] = []
        self._in_body = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            self.handlers += [name] if name.startswith("on") else []
            if name in ("src", "href", "xlink:href", "srcset", "action", "formaction", "data", "poster", "background"):
                self.references.append(value or "")
            self.references += re.findall(r"url\(['\"]?([^)]*)", value or "")
        if tag == "tbody":
            self.tables.append(0)
            self._in_body = True
        elif tag == "tr" and self._in_body:
            self.tables[-1] += 1

    def handle_endtag(self, tag: str) -> None:
        self._in_body = self._in_body and tag != "tbody"

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def the_report_stands_alone(html: str, rows: Sequence[ResultRow]) -> None:
    report = ReportReader()
    report.feed(html)
    assert not report.tags & {"script", "iframe", "object", "embed", "link", "base", "form"}
    assert report.handlers == []
    assert [one for one in report.references if not one.startswith(("#", "data:"))] == []
    (style,) = re.findall(r"<style>(.*?)</style>", html, re.S)
    assert "@import" not in style
    assert "url(" not in style
    assert report.tables == [len(by_variant(rows)), len(CASES)]  # the summary, the answers
    text = " ".join(" ".join(report.text).split())
    for samples in (samples for cases in by_variant(rows).values() for samples in cases.values()):
        output = next(row.output or "" for row in samples if row.answer == voted(samples))
        assert " ".join(output.split()) in text
