"""The report in a browser: its summary at any width."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from playwright.sync_api import Browser

from promptgrid.export.html import write_html
from promptgrid.store import Database
from promptgrid.store.plans import keep_version, plan_json
from tests.running import PROMPT, a_plan
from tests.stored import Cell, store_run

CHECKS = ("Donaudampfschifffahrtsgesellschaftskapitänscheck", "is_it_polite_and_does_it_answer_the_question", "x")
OVERLAPS = """cells => cells.filter(cell => cell.scrollWidth > cell.clientWidth + 1).map(cell => cell.textContent)"""
ALIGNED = """rows => rows.map(row => [...row.cells].slice(1).map(cell => getComputedStyle(cell).textAlign))"""


def test_the_summary_keeps_its_cells_apart_at_any_width(database: Database, browser: Browser) -> None:
    model = "a-model-whose-name-has-no-space-and-is-longer-than-any-column-of-a-table-should-be"
    some: dict[str, Any] = {"model": model, "cost_usd": None}
    cells = [Cell(str(case), technique, scores=dict.fromkeys(CHECKS, 0.5), **some)
             for case in range(2) for technique in ("zero-shot", "few-shot")]  # fmt: skip
    cells.append(Cell("9", "zero-shot", scores={"x": 1}, **some))
    run_id = store_run(database, cells, plan=plan_json(a_plan()))
    with database.write() as connection:
        keep_version(connection, PROMPT)
    out = BytesIO()
    write_html(database, run_id, out)
    page = browser.new_page()
    page.set_content(out.getvalue().decode())
    for width in (360, 800, 1400):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.eval_on_selector_all(".figures :is(th, td)", OVERLAPS) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    alignments = page.eval_on_selector_all(".figures tr", ALIGNED)
    assert {tuple(row) for row in alignments} == {("right",) * len(alignments[0])}
    assert page.locator(".matrix td").last.text_content() == "–"  # the last case has no cell in the last column
    texts = page.locator(":is(.figures, .matrix) :is(th, td)").all_text_contents()
    assert [text for text in texts if not text.strip()] == []
    page.close()
