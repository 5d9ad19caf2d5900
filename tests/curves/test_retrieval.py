"""Curves over the number and the size of chunks: what was retrieved, by retriever, with intervals."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from promptgrid import api, compare, connections
from promptgrid.cases.table import read_cases
from promptgrid.cli import main
from promptgrid.compare.retrieval import retrieval_summary
from promptgrid.curves import charts
from promptgrid.curves.curve import curve, drawable_axes
from promptgrid.documents import samples
from promptgrid.endpoint import ScriptedEndpoint
from promptgrid.export.html import _charts
from promptgrid.prompt import loads
from promptgrid.store import Database
from tests.running import a_run

PROMPT = (
    "---\nmetadata:\n  retrieval: {collection: brackwater-en}\n---\nuser:\n{{ context }}\n\nQuestion: {{ question }}"
)


@pytest.fixture
def database(home: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    endpoint = ScriptedEndpoint(["a reply"], name="builtin", models=("smollm2-135m-instruct",))
    monkeypatch.setattr(connections, "connect", lambda name: endpoint)
    database = Database()
    list(samples.add_sample(database, "brackwater-en"))
    return database


def run_of(database: Database, **axes: Any) -> str:
    rows = [{name: row.inputs[name] for name in ("question", "gold")}
            for row in read_cases(samples.sample_cases("brackwater-en")).cases[:12]]  # fmt: skip
    return a_run(database, api.plan(loads(PROMPT, "ask"), rows, doubts=False, show=lambda note: None, **axes))


def test_measures_over_the_number_of_chunks_are_those_of_compare_with_their_intervals(database: Database) -> None:
    run_id = run_of(database, retrievers=["bm25", "oracle"], chunks=[1, 3], chunkers=["sentences:size=40"])
    of_run = curve(database, run_id, "chunks")
    assert of_run.values == [1, 3]
    summaries = {one.head.label: one for one in
                 retrieval_summary(database, compare.facts(database, run_id), compare.View())}  # fmt: skip
    for point in of_run.points[:2]:
        (summary,) = (one for label, one in summaries.items() if "bm25" in label and f"k = {point.value}" in label)
        for name, mean in summary.means.items():
            interval = summary.intervals[name]
            assert point.retrieval[name] == pytest.approx(mean)
            assert interval is not None
            assert point.retrieval[f"{name}_low"] == pytest.approx(interval.low)
            assert point.retrieval[f"{name}_high"] == pytest.approx(interval.high)
            assert point.retrieval[f"{name}_cases"] == summary.cases
    low, high = of_run.points[:2]
    assert (high.retrieval["recall"] or 0) >= (low.retrieval["recall"] or 0)
    assert 3 * (low.retrieval["retrieved_tokens"] or 0) > (high.retrieval["retrieved_tokens"] or 0) > 40
    assert any("it changes nothing" in text or "the same on the wire" in text for text in of_run.left_out)


def test_the_size_of_chunks_is_an_axis_with_a_line_for_each_way_to_cut(database: Database) -> None:
    chunkers = ["sentences:size=40", "sentences:size=100", "recursive:size=40", "recursive"]
    run_id = run_of(database, chunkers=chunkers, chunks=[2])
    assert drawable_axes(database, run_id) == ["chunker", "chunk_size"]
    of_run = curve(database, run_id, "chunk_size")
    assert of_run.values == [40, 100, 200]
    assert of_run.lines == ["recursive", "sentences"]
    rows = charts.rows_of(of_run, charts.RETRIEVAL_MEASURES[-1])
    tokens = {(row["line"], row["chunk_size"]): row["retrieved_tokens"] for row in rows}
    assert tokens["recursive", 40] < tokens["recursive", 200]
    assert all(row["retrieved_tokens_low"] <= row["retrieved_tokens"] <= row["retrieved_tokens_high"] for row in rows)
    chart = charts.curve_chart(of_run, charts.RETRIEVAL_MEASURES[0])
    assert chart is not None
    assert len(chart.layer) == 4  # the band, the rule of its ends, the line and the points


def test_one_way_to_cut_has_its_sizes_alone_as_axis(database: Database) -> None:
    run_id = run_of(database, chunkers=["sentences:size=40", "sentences:size=100"])
    assert drawable_axes(database, run_id) == ["chunk_size"]
    titles = [chart.title for chart in _charts(database, run_id, "")[0]]
    assert titles[:2] == ["Length", "Hit"]


def test_the_command_line_and_its_csv_have_what_was_retrieved(database: Database) -> None:
    run_of(database, chunks=[1, 3])
    table = CliRunner().invoke(main, ["curve", "last", "--over", "chunks"])
    assert table.exit_code == 0, table.output
    assert "retrieved tokens" in table.output
    CliRunner().invoke(main, ["curve", "last", "--over", "chunks", "--csv", "points.csv"], catch_exceptions=False)
    with open("points.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["chunks"] for row in rows] == ["1", "3"]
    assert all(float(row["recall_low"]) <= float(row["recall"]) <= float(row["recall_high"]) for row in rows)


def test_a_run_that_retrieves_nothing_has_no_columns_of_retrieval(database: Database) -> None:
    prompt = loads("user:\nSay {{ word }}.", "say")
    run_id = a_run(database, api.plan(prompt, [{"word": "a"}], temperatures=[0, 1], doubts=False))
    of_run = curve(database, run_id)
    assert not of_run.retrieves
    assert "recall" not in of_run.columns
