"""The comparison's definitions, by numbers that can be counted by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from promptgrid import compare
from promptgrid.compare import ComparisonRow, ComparisonRows, Filter, PooledCell, Sort, View, comparison_rows, page
from promptgrid.compare.pages import SHOWN, TALLIES
from promptgrid.compare.variants import Variant, in_grid_order, labels
from promptgrid.errors import CompareError, StoreError
from promptgrid.store import Database, ratings, results, runs
from promptgrid.store.ratings import Rating
from promptgrid.store.schema import scores
from tests.stored import Case, Cell, at, store_run

UNANSWERED = ("failed", "refused", "too_long", "cancelled", "pending")


def arrange(database: Database, cells: Sequence[Cell], cases: Sequence[Case] = (), **view: Any) -> ComparisonRows:
    run_id = store_run(database, cells, case_rows=cases)
    return comparison_rows(database, compare.facts(database, run_id), View(**view))


def rows(database: Database, cells: Sequence[Cell], cases: Sequence[Case] = (), **view: Any) -> list[ComparisonRow]:
    return page(database, arrange(database, cells, cases, **view), 0, 99)


def entry(database: Database, *cells: Cell) -> PooledCell:
    (row,) = rows(database, cells)
    (only,) = row.entries.values()
    return only


def ids(comparison: ComparisonRows) -> list[str]:
    return [comparison.row_id(index) for index in range(len(comparison))]


def again(database: Database, comparison: ComparisonRows, **view: Any) -> ComparisonRows:
    """Another view of the same run."""
    return comparison_rows(database, compare.facts(database, comparison.facts.run_id), View(**view))


# One place: the samples of a case under a variant.


def test_samples_are_pooled_and_the_score_is_the_mean_of_theirs(database: Database) -> None:
    pooled = entry(database, Cell(answer="a", score=1.0), Cell(answer="b", score=0.0), Cell(answer="b", score=0.0))
    assert pooled.score == pytest.approx(1 / 3)
    assert (pooled.answer, pooled.votes, pooled.answered, pooled.distinct) == ("b", 2, 3, 2)
    assert pooled.agreement == pytest.approx(2 / 3)
    assert [(t.answer, t.count, t.score) for t in pooled.tallies] == [("b", 2, 0.0), ("a", 1, 1.0)]
    assert (pooled.representative, pooled.output, list(pooled.positions)) == (1, "out b", [0, 1, 2])


def test_of_equally_many_votes_the_answer_seen_first_wins(database: Database) -> None:
    tied = entry(database, *(Cell(answer=answer) for answer in "cabbac"))
    assert (tied.answer, tied.votes, tied.distinct) == ("c", 2, 3)
    assert [tally.answer for tally in tied.tallies] == ["c", "a", "b"]


def test_self_consistency_scores_the_voted_answer_and_nothing_else(database: Database) -> None:
    voted = [Cell(technique="self-consistency", answer=a, score=s) for a, s in [("b", 0.0), ("a", 1.0), ("a", 1.0)]]
    assert entry(database, *voted).score == 1.0
    more = [replace(voted[0], case="2"), replace(voted[0], case="2"), replace(voted[1], case="2")]
    run_id = store_run(database, more, run_id="run00002")
    (summary,) = compare.summary(database, run_id)
    assert (summary.score, summary.by_check) == (0.0, {"label": (0.0, 1)})


def test_several_checks_count_alike_and_each_is_there_by_itself(database: Database) -> None:
    run_id = store_run(database, [Cell(scores={"label": 1.0, "json": 0.5, "judge": None})])
    (column,) = compare.summary(database, run_id)
    assert column.score == 0.75
    assert column.by_check == {"json": (0.5, 1), "judge": (None, 0), "label": (1.0, 1)}


def test_one_check_can_score_the_cells_alone(database: Database) -> None:
    run_id = store_run(
        database,
        [
            Cell("1", scores={"label": 1, "short": 0}),
            Cell("2", scores={"label": 0, "short": 1}),
            Cell("3", scores={"label": None, "short": 0}),
        ],
    )
    mean = compare.facts(database, run_id)
    by_label, by_short = compare.by_check(mean, "label"), compare.by_check(mean, "short")
    wrong = View(filter=Filter("wrong"))
    assert [ids(comparison_rows(database, one, wrong)) for one in (by_label, by_short)] == [["2"], ["1", "3"]]
    assert [compare.summarise(one, View())[0].score for one in (mean, by_label, by_short)] == [1 / 3, 0.5, 1 / 3]
    assert compare.summarise(by_label, View())[0].by_check == compare.summarise(mean, View())[0].by_check
    assert by_label.stamp != by_short.stamp != mean.stamp
    with pytest.raises(CompareError, match="no score by a check 'other'"):
        compare.by_check(mean, "other")


def test_not_scored_is_neither_zero_nor_wrong(database: Database) -> None:
    comparison = arrange(database, [Cell("1"), Cell("2"), Cell("2", score=1.0)])
    assert comparison.counts["wrong"] == 0
    first, second = page(database, comparison, 0, 2)
    assert [row.entries[comparison.columns[0].id].score for row in (first, second)] == [None, 1.0]
    assert again(database, comparison, filter=Filter(below=1.1)).row_id(0) == "2"


@pytest.mark.parametrize("status", UNANSWERED)
def test_what_brought_no_reply_is_left_out_of_vote_score_and_agreement(database: Database, status: str) -> None:
    mixed = entry(database, Cell(score=1.0), Cell(status=status, error="why"), Cell(score=1.0))
    assert (mixed.score, mixed.agreement, mixed.answered, mixed.samples) == (1.0, 1.0, 2, 3)
    assert (mixed.status, mixed.statuses) == ("answered", {"answered": 2, status: 1})


def test_a_reply_without_a_readable_answer_agrees_with_nothing(database: Database) -> None:
    assert entry(database, Cell(answer="a"), Cell(answer=None)).agreement == 0.5


def test_without_any_readable_answer_there_is_no_vote(database: Database) -> None:
    unread = entry(database, Cell(answer=None, output="hm"), Cell(answer=None))
    assert (unread.agreement, unread.answer, unread.votes, unread.distinct, unread.output) == (0.0, None, 0, 0, "hm")
    assert [(tally.answer, tally.count) for tally in unread.tallies] == [(None, 2)]


def test_a_single_reply_does_not_agree_with_itself(database: Database) -> None:
    assert entry(database, Cell()).agreement is None


@pytest.mark.parametrize(
    ("statuses", "status"),
    [
        (["failed", "answered"], "answered"),
        (["failed", "pending"], "pending"),
        (["failed", "too_long", "too_long"], "too_long"),
        (["cancelled"], "cancelled"),
    ],
)
def test_the_status_of_many_samples(database: Database, statuses: list[str], status: str) -> None:
    pooled = entry(database, *(Cell(status=s, error=f"said {s}") for s in statuses))
    assert pooled.status == status
    if status != "answered":
        assert (pooled.answer, pooled.output, pooled.score, dict(pooled.metrics)) == (None, "", None, {})


def test_metrics_are_means_a_reply_and_what_is_not_known_is_not_there(database: Database) -> None:
    pooled = entry(
        database,
        Cell(output="x" * 10, prompt_tokens=10, completion_tokens=2, cost_usd=0.5, latency_ms=100),
        Cell(output="x" * 30, prompt_tokens=None, completion_tokens=2, cost_usd=None, latency_ms=300),
        Cell(status="failed"),
    )
    assert pooled.metrics == {
        "answers": 1, "agreement": 1, "tokens": 12, "cost": 0.5, "latency": 200, "length": 20
    }  # fmt: skip
    assert pooled.delta == {}


def test_only_the_commonest_answers_are_listed_and_all_are_counted(database: Database) -> None:
    many = entry(database, *(Cell(answer=str(i // 2)) for i in range(2 * TALLIES + 4)))
    assert len(many.tallies) == TALLIES
    assert many.distinct == TALLIES + 2


def test_long_texts_are_cut_and_still_told_apart(database: Database) -> None:
    long = "x" * (SHOWN + 50)
    cells = [Cell(answer=long + "1", output=long * 9), Cell(technique="few-shot", answer=long + "2")]
    comparison = arrange(database, cells)
    assert comparison.counts["differ"] == 1
    first, second = page(database, comparison, 0, 1)[0].entries.values()
    assert first.answer == first.output == second.answer == "x" * (SHOWN - 1) + "…"
    assert second.differs


def test_the_picker_of_samples_has_each_with_its_answer(database: Database) -> None:
    cells = [Cell(answer="a", score=1.0), Cell(status="failed", error="no"), Cell(answer=None)]
    pooled = entry(database, *cells)
    samples = compare.samples(database, compare.facts(database, "run00001"), pooled)
    assert [(s.position, s.number, s.status, s.answer, s.score) for s in samples] == [
        (0, 1, "answered", "a", 1.0), (1, 2, "failed", None, None), (2, 3, "answered", None, None)
    ]  # fmt: skip


# Which cases there are: differ, wrong, failed, changed.


def differs(database: Database, *cells: Cell) -> bool:
    return arrange(database, cells).counts["differ"] == 1


few = Cell(technique="few-shot", answer="b")


def test_answers_differ_when_two_variants_vote_differently(database: Database) -> None:
    assert differs(database, Cell(answer="a"), few)


def test_one_dissenting_sample_is_outvoted(database: Database) -> None:
    assert not differs(database, *(Cell(answer=x) for x in "aab"), replace(few, answer="a"))


@pytest.mark.parametrize("status", UNANSWERED)
def test_what_is_missing_does_not_differ(database: Database, status: str) -> None:
    assert not differs(database, Cell(), replace(few, status=status))


@pytest.mark.parametrize(("first", "second", "expected"), [("a", None, True), (None, None, False)])
def test_no_answer_is_an_answer_of_its_own(
    database: Database, first: str | None, second: str | None, expected: bool
) -> None:
    assert differs(database, Cell(answer=first), replace(few, answer=second, output="other words")) is expected


@pytest.mark.parametrize(("answers", "expected"), [(["a", "b"], True), (["a", "a"], False), (["a", None], True)])
def test_a_variant_alone_differs_when_its_own_samples_do(
    database: Database, answers: list[str | None], expected: bool
) -> None:
    assert differs(database, *(Cell(answer=answer) for answer in answers)) is expected


def test_wrong_is_below_one_and_failed_is_not_cancelled(database: Database) -> None:
    comparison = arrange(
        database,
        [Cell("right", score=1.0), Cell("partly", score=0.5), Cell("wrong", score=0.0),
         *(Cell(status, status=status) for status in UNANSWERED)],
    )  # fmt: skip
    assert comparison.counts == {"all": 8, "differ": 0, "wrong": 2, "failed": 3, "changed": 0, "too_long": 1}
    assert ids(again(database, comparison, filter=Filter("wrong"))) == ["partly", "wrong"]
    assert ids(again(database, comparison, filter=Filter("failed"))) == ["failed", "refused", "too_long"]
    assert ids(again(database, comparison, filter=Filter("too_long"))) == ["too_long"]
    assert ids(again(database, comparison, filter=Filter(below=0.6))) == ["partly", "wrong"]


def test_what_the_endpoint_refused_as_too_long_was_over_the_limit_too(database: Database) -> None:
    assert arrange(database, [Cell(status="failed", error_kind="too_long")]).counts["too_long"] == 1


THREE = [
    *(Cell(case, answer="a", score=1.0) for case in "123"),
    Cell("1", "few-shot", "b", 0.0),
    Cell("2", "few-shot", "a", 1.0),
    Cell("3", "few-shot", status="failed", error="The Zebra said no."),
    Cell("1", "chain-of-thought", "b", 0.0, output="Because of the Hinge."),
    Cell("2", "chain-of-thought", "c", 0.0),
    Cell("3", "chain-of-thought", "a", 1.0),
]


@pytest.fixture
def three(database: Database) -> ComparisonRows:
    return arrange(database, THREE)


def test_with_a_column_only_that_one_counts(database: Database, three: ComparisonRows) -> None:
    few_id = three.columns[1].id
    assert ids(again(database, three, filter=Filter("wrong"))) == ["1", "2"]
    assert ids(again(database, three, filter=Filter("wrong", column=few_id))) == ["1"]
    assert ids(again(database, three, filter=Filter("changed", column=few_id))) == ["1"]
    assert ids(again(database, three, filter=Filter("failed", column=few_id))) == ["3"]
    assert ids(again(database, three, filter=Filter(below=0.5, column=few_id))) == ["1"]
    assert ids(again(database, three, filter=Filter("differ", column=few_id))) == ["1", "2"]
    comparison = again(database, three, filter=Filter(text="case", column=few_id))
    assert comparison.counts == {"all": 3, "differ": 2, "wrong": 1, "failed": 1, "changed": 1, "too_long": 0}


def test_a_part_of_the_columns_is_compared_by_itself_with_its_own_baseline(
    database: Database, three: ComparisonRows
) -> None:
    zero, few, chain = three.all_columns
    part = again(database, three, column_ids=(few.id, chain.id), baseline=chain.id)
    assert part.columns == [chain, few]
    assert [head.label for head in part.columns] == ["chain-of-thought", "few-shot"]
    assert part.counts == {"all": 3, "differ": 1, "wrong": 2, "failed": 1, "changed": 1, "too_long": 0}
    assert again(database, three, column_ids=("unknown",), baseline="unknown").columns == [zero, few, chain]
    one = again(database, three, column_ids=(zero.id,))
    assert (one.columns, one.counts["wrong"]) == ([zero], 0)


def test_columns_stand_in_the_order_of_the_view(database: Database, three: ComparisonRows) -> None:
    first, second, third = (head.id for head in three.columns)
    for ids_, baseline, order in (
        ((third, first), "", [third, first]),
        ((third, first, second), first, [first, third, second]),
        (("unknown",), "", [first, second, third]),
    ):
        columns = again(database, three, column_ids=ids_, baseline=baseline).columns
        assert [head.id for head in columns] == order


def test_differences_are_told_against_the_baseline(database: Database, three: ComparisonRows) -> None:
    zero, few, chain = three.columns
    first, second, third = page(database, three, 0, 3)
    assert first.entries[few.id].delta["score"] == -1
    assert first.entries[few.id].differs
    assert first.entries[zero.id].delta == {}
    assert not second.entries[few.id].differs
    assert second.entries[few.id].delta["tokens"] == 0
    assert third.entries[few.id].delta == {}
    assert not third.entries[few.id].differs
    assert (third.entries[few.id].status, third.entries[few.id].error) == ("failed", "The Zebra said no.")
    (turned, *_) = page(database, again(database, three, baseline=chain.id), 0, 1)
    assert turned.entries[zero.id].delta["score"] == 1


# Order, pages, neighbours.


def test_rows_are_sorted_by_any_metric_with_what_is_not_known_last(database: Database) -> None:
    cells = [
        Cell("1", score=0.5, latency_ms=100), Cell("1", "few-shot", score=1.0, latency_ms=10),
        Cell("2", score=None, latency_ms=50), Cell("2", "few-shot", score=0.0, latency_ms=500),
        Cell("3", score=1.0, latency_ms=70), Cell("3", "few-shot", score=0.25, latency_ms=70),
        Cell("4", score=0.5, latency_ms=60), Cell("4", "few-shot", status="failed"),
    ]  # fmt: skip
    comparison = arrange(database, cells)
    zero, few = (head.id for head in comparison.columns)

    def order(**sort: Any) -> list[str]:
        return ids(again(database, comparison, sort=Sort(**sort)))

    assert order(by="case", descending=True) == ["4", "3", "2", "1"]
    assert order(by="score", column=zero) == ["1", "4", "3", "2"]
    assert order(by="score", column=zero, descending=True) == ["3", "1", "4", "2"]
    assert order(by="latency", column=few, descending=True) == ["2", "3", "1", "4"]
    assert order(by="score") == ["2", "4", "3", "1"]  # 0, 0.5, 0.625, 0.75
    assert order(by="score", column=few, against_baseline=True) == ["3", "1", "2", "4"]  # -0.75, +0.5
    assert order(by="score", against_baseline=True, descending=True) == ["1", "3", "2", "4"]
    assert order(by="latency", column="unknown", against_baseline=True) == ["1", "3", "2", "4"]  # -90, 0, 450


def test_a_filter_keeps_the_order_and_a_row_knows_its_neighbours(database: Database, three: ComparisonRows) -> None:
    comparison = again(database, three, filter=Filter("wrong"), sort=Sort("case", descending=True))
    assert ids(comparison) == ["2", "1"]
    assert (comparison.index_of("2"), comparison.index_of("1"), comparison.index_of("3")) == (0, 1, None)
    assert [row.id for row in page(database, comparison, 1, 5)] == ["1"]
    assert page(database, comparison, 2, 5) == []
    assert comparison.total == 3


def test_the_positions_of_a_view_are_those_of_its_rows_and_columns(database: Database, three: ComparisonRows) -> None:
    zero, _, chain = (head.id for head in three.columns)
    assert three.positions() == [0, 3, 6, 1, 4, 7, 2, 5, 8]  # row by row
    comparison = again(database, three, column_ids=(zero, chain), filter=Filter(case_ids=("3", "1")))
    assert comparison.positions() == [0, 6, 2, 8]


# Text.


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hinge", ["1"]),  # an output
        ("  CASE 2 ", ["2"]),  # an input
        ("zebra SAID", ["3"]),  # an error
        ("3", ["3"]),  # an id
        ("c", ["1", "2", "3"]),  # an answer, and "case"
        ("no such words", []),
        ("%", []),
        ("_", []),
        ("\\", []),
        ("", ["1", "2", "3"]),
    ],
)
def test_a_text_is_looked_for_in_case_answers_outputs_and_errors(
    database: Database, three: ComparisonRows, text: str, expected: list[str]
) -> None:
    assert ids(again(database, three, filter=Filter(text=text))) == expected


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("In der Straße", "STRASSE"), ("STRASSE", "straße"), ("ÄÖÜ", "äöü"), ("ΟΔΟΣ", "οδος"), ("οδος", "ΟΔΟΣ"),
        ("Привет, мир", "ПРИВЕТ"), ("ﬁnd the oﬃce", "FIND THE OFFICE"), ("300 K", "300 k"), ("İstanbul", "i̇stanbul"),
        ("天气很好", "天气"), ("a % and a _", "% AND A _"), ("C:\\temp", "c:\\TEMP"), ("x" * 700 + "End", "X" * 600),
        ("x" * 300 + "ä", "X" * 300 + "Ä"), ("it's “quoted”", "IT'S “Quoted”"), ('say "hi"', '"HI"'),
    ],
)  # fmt: skip
@pytest.mark.parametrize("where", ["output", "answer", "error", "input", "expected"])
def test_any_case_of_any_script_is_found_wherever_it_stands(
    database: Database, text: str, query: str, where: str
) -> None:
    hit = {
        "output": Cell("hit", output=text),
        "answer": Cell("hit", answer=text, output=""),
        "error": Cell("hit", status="failed", error=text),
    }.get(where, Cell("hit"))
    case = ("hit", {"text": text if where == "input" else ""}, text if where == "expected" else "")
    cells = [Cell("miss"), hit]
    assert ids(arrange(database, cells, [("miss", {"text": ""}, ""), case], filter=Filter(text=query))) == ["hit"]


def test_a_text_in_a_hidden_column_is_not_found(database: Database, three: ComparisonRows) -> None:
    zero, _, chain = three.columns
    assert ids(again(database, three, column_ids=(zero.id,), filter=Filter(text="hinge"))) == []
    assert ids(again(database, three, column_ids=(chain.id,), filter=Filter(text="hinge"))) == ["1"]


# Any axis on rows and columns.

GRID = [
    Cell(case, technique, answer, score, prompt=prompt, version=version, temperature=temperature)
    for prompt, version in (("p", "v1"), ("p", "v2"), ("q", "v3"))
    for technique in ("zero-shot", "few-shot")
    for case, answer, score in (("1", "a", 1.0), ("2", technique[0], 0.0))
    for temperature in (None, 0.0, 0.7)
]


def test_any_axis_stands_on_rows_or_columns_and_the_rest_is_pooled(database: Database) -> None:
    comparison = arrange(database, GRID, rows=("prompt",), columns=("temperature",))
    assert ids(comparison) == ["p", "q"]
    assert [(head.id, head.label) for head in comparison.columns] == [
        ("default", "t = default"), ("0", "t = 0"), ("0.7", "t = 0.7")
    ]  # fmt: skip
    first = page(database, comparison, 0, 1)[0]
    pooled = first.entries["0.7"]
    assert (pooled.cases, pooled.samples, pooled.score, pooled.answer, pooled.tallies) == (2, 8, 0.5, None, [])
    assert (first.case, first.head.label, pooled.differs, pooled.representative) == (None, "p", False, None)
    assert len(pooled.positions) == 8


def test_answers_to_different_cases_are_never_voted_on_together(database: Database) -> None:
    cells = [Cell(case, answer=case, score=1.0) for case in "12" for _ in range(3)]
    (row,) = rows(database, cells, rows=("technique",), columns=("model",))
    (pooled,) = row.entries.values()
    assert (pooled.agreement, pooled.score, pooled.cases, pooled.status) == (1.0, 1.0, 2, "answered")


def test_samples_of_pooled_variants_are_voted_on_together_and_each_variant_scores_alike(database: Database) -> None:
    cells = [
        Cell(answer="a", score=1.0),
        Cell(answer="a", score=1.0),
        Cell(technique="few-shot", answer="b", score=0.0),
    ]
    (row,) = rows(database, cells, columns=())
    (pooled,) = row.entries.values()
    assert (pooled.answer, pooled.votes, pooled.score) == ("a", 2, 0.5)
    assert pooled.agreement == pytest.approx(2 / 3)


def test_cases_can_stand_on_columns(database: Database) -> None:
    comparison = arrange(database, GRID, rows=("technique",), columns=("case",))
    assert [head.id for head in comparison.columns] == ["1", "2"]
    assert comparison.counts["differ"] == comparison.counts["changed"] == 0  # different cases are not compared
    assert [row.entries["1"].score for row in page(database, comparison, 0, 9)] == [1.0, 1.0]
    assert [s.score for s in comparison.summaries] == [1.0, 0.0]


def test_an_axis_can_be_narrowed_to_some_values(database: Database) -> None:
    comparison = arrange(
        database, GRID, only={"temperature": ("default",), "version": ("v2", "v3"), "case": ("2", "77")}
    )
    assert ids(comparison) == ["2"]
    assert [head.label for head in comparison.columns] == [
        "p · zero-shot", "p · few-shot", "q · zero-shot", "q · few-shot"
    ]  # fmt: skip
    assert comparison.total == 1
    none = again(database, comparison, only={"model": ("no/such",)})
    assert (len(none), none.columns, none.summaries, none.positions()) == (0, [], [], [])


def test_two_versions_of_a_prompt_on_columns_are_told_apart(database: Database) -> None:
    comparison = arrange(database, GRID, columns=("version", "prompt"))
    assert [head.label for head in comparison.columns] == ["p@v1", "p@v2", "q"]
    assert comparison.facts.axes["version"] == ["v1", "v2", "v3"]
    assert comparison.facts.axes["temperature"] == ["default", "0", "0.7"]


@pytest.mark.parametrize(
    "view",
    [{"rows": ()}, {"rows": ("prompt",)}, {"rows": ("case", "case"), "columns": ()}, {"only": {"colour": ("red",)}}],
)
def test_a_view_that_makes_no_sense_is_said(view: dict[str, Any]) -> None:
    with pytest.raises(CompareError, match="cannot be shown"):
        View(**view)


def test_in_pooled_rows_one_case_that_differs_is_enough(database: Database) -> None:
    comparison = arrange(database, GRID, rows=("prompt",), columns=("technique",))
    assert comparison.counts == {"all": 2, "differ": 2, "wrong": 2, "failed": 0, "changed": 2, "too_long": 0}
    assert again(database, comparison, rows=("prompt",), columns=("temperature",)).counts["differ"] == 0
    assert ids(again(database, comparison, rows=("prompt",), columns=("technique",), filter=Filter(text="case 2"))) == [
        "p", "q"
    ]  # fmt: skip


# The summary.


def test_the_summary_counts_what_a_hand_counts(database: Database) -> None:
    run_id = store_run(
        database,
        [
            Cell("1", score=1.0, latency_ms=100, output="xx"), Cell("1", score=1.0, latency_ms=300, output="xx"),
            Cell("2", answer="b", score=0.0, latency_ms=200, output="xxxx"),
            Cell("2", score=1.0, latency_ms=900, output="xxxx"),
            Cell("3", answer=None, latency_ms=400, output="xxx"), Cell("3", status="failed"),
            Cell("4", status="pending"),
        ],
    )  # fmt: skip
    (column,) = compare.summary(database, run_id)
    assert (column.cells, column.answered, column.unread, column.samples) == (7, 5, 1, 2)
    assert (column.score, column.scored) == (0.75, 2)  # cases 1 and 2: (1 + 0.5) / 2; case 3 was not scored
    assert column.by_check == {"label": (0.75, 2)}
    assert column.interval is not None
    assert 0 < column.interval.low < 0.75 < column.interval.high <= 1
    assert column.distinct == 2
    assert column.agreement == 0.75  # cases 1 and 2: (1 + 0.5) / 2; case 3 has one reply
    assert (column.tokens, column.prompt_tokens, column.completion_tokens, column.chars) == (60, 10, 2, 3)
    assert (column.cost_usd, column.latency_ms, column.latency_p95_ms) == pytest.approx((2.5, 300.0, 800))
    assert column.cost_per_correct == pytest.approx(2.0 / 3)  # four replies to scored cases at 0.5, three right
    assert (column.versus, column.sentence, column.best) == (None, "", False)


def test_pass_at_k_is_for_as_many_samples_as_every_column_has(database: Database) -> None:
    run_id = store_run(
        database,
        [
            *(Cell("1", score=score) for score in (1.0, 0.0, 0.0)), *(Cell("2", score=0.0) for _ in range(3)),
            *(Cell("1", technique="few-shot", score=score) for score in (0.0, 1.0)),
            Cell("2", technique="few-shot", score=1.0), Cell("2", technique="few-shot", status="failed"),
            *(Cell("1", technique="self-consistency", score=score) for score in (0.0, 1.0)),
        ],
    )  # fmt: skip
    three, two, voted = compare.summary(database, run_id)
    assert [summary.k for summary in (three, two, voted)] == [2, 2, 2]
    assert three.pass_at_k == pytest.approx((2 / 3 + 0) / 2)  # two of three samples, one of them right
    assert two.pass_at_k == 1.0  # case 2 has a single reply
    assert voted.pass_at_k is None  # its samples make one answer


def test_what_is_unknown_in_the_summary_is_none_and_not_zero(database: Database) -> None:
    (column,) = compare.summary(database, store_run(database, [Cell(status="failed")]))
    unknown = (column.score, column.interval, column.agreement, column.tokens, column.prompt_tokens, column.cost_usd,
               column.cost_per_correct, column.latency_ms, column.latency_p95_ms, column.chars)  # fmt: skip
    assert unknown == (None,) * 10
    assert (column.pass_at_k, column.k) == (None, 0)
    assert (column.answered, column.scored, column.distinct) == (0, 0, 0)


def test_a_sum_with_a_price_that_is_not_known_is_not_known(database: Database) -> None:
    cells = [Cell("1", score=1.0), Cell("2", score=1.0, cost_usd=None, prompt_tokens=None)]
    (column,) = compare.summary(database, store_run(database, cells))
    assert (column.cost_usd, column.tokens, column.cost_per_correct, column.prompt_tokens) == (None, None, None, 10)


def test_free_is_a_price_and_none_right_is_no_price(database: Database) -> None:
    (free,) = compare.summary(database, store_run(database, [Cell(score=1.0, cost_usd=0.0)]))
    assert (free.cost_usd, free.cost_per_correct) == (0.0, 0.0)
    (wrong,) = compare.summary(database, store_run(database, [Cell(score=0.0)], run_id="run00002"))
    assert wrong.cost_per_correct is None


def test_what_self_consistency_costs_it_costs_for_one_answer(database: Database) -> None:
    cells = [Cell(technique="self-consistency", score=1.0) for _ in range(4)]
    (column,) = compare.summary(database, store_run(database, cells))
    assert column.cost_per_correct == 2.0


def many(right: dict[str, int], cases: int = 40) -> list[Cell]:
    """So many cases of each technique are right."""
    return [Cell(str(i), t, score=float(i < count)) for t, count in right.items() for i in range(cases)]


def test_each_column_is_compared_with_the_baseline_in_words(database: Database) -> None:
    run_id = store_run(database, many({"zero-shot": 10, "few-shot": 38, "chain-of-thought": 11}))
    first, few, chain = compare.summary(database, run_id)
    assert first.versus is None
    assert few.versus is not None
    assert chain.versus is not None
    assert (few.versus.verdict, few.versus.n, few.versus.among) == ("better", 40, 3)
    assert chain.versus.verdict in ("needs more", "not distinguishable")
    assert few.sentence.startswith("few-shot is better than zero-shot over 40 cases")
    assert [s.best for s in (first, few, chain)] == [False, True, False]
    run_facts = compare.facts(database, run_id)
    turned = compare.summarise(run_facts, View(baseline=few.head.id))
    assert [s.versus and s.versus.verdict for s in turned] == [None, "worse", "worse"]


def test_best_is_only_what_is_better_than_each_other(database: Database) -> None:
    (*columns,) = compare.summary(database, store_run(database, many({"zero-shot": 10, "few-shot": 38, "other": 39})))
    assert not any(s.best for s in columns)


def test_when_all_are_equal_none_is_better(database: Database) -> None:
    (*columns,) = compare.summary(database, store_run(database, many({"zero-shot": 40, "few-shot": 40})))
    assert [(s.score, s.best) for s in columns] == [(1.0, False), (1.0, False)]
    assert columns[1].versus is not None
    assert columns[1].versus.verdict in ("needs more", "not distinguishable")
    assert columns[0].interval is not None
    assert columns[0].interval.low < 1


def test_one_case_is_too_few_to_tell(database: Database) -> None:
    cells = [Cell(score=0.0), replace(few, score=1.0)]
    _, second = compare.summary(database, store_run(database, cells))
    assert second.versus is not None
    assert (second.versus.verdict, second.best) == ("needs more", False)


def test_a_variant_that_scored_nothing_is_not_compared(database: Database) -> None:
    _, second = compare.summary(database, store_run(database, [Cell(score=0.0), replace(few, status="failed")]))
    assert (second.versus, second.sentence, second.best) == (None, "", False)


def test_the_summary_of_pooled_columns_counts_each_case_once(database: Database) -> None:
    run_id = store_run(database, GRID)
    summaries = compare.summarise(compare.facts(database, run_id), View(rows=("prompt",), columns=("technique",)))
    assert [(s.label, s.cells, s.scored, s.score) for s in summaries] == [
        ("zero-shot", 18, 2, 0.5), ("few-shot", 18, 2, 0.5)
    ]  # fmt: skip


# What is kept, and when it is read again.


def test_facts_are_kept_until_something_changes(database: Database) -> None:
    run_id = store_run(database, [Cell(score=0.0), Cell(score=1.0)])
    before = compare.facts(database, run_id)
    assert compare.facts(database, run_id) is before
    with database.write() as connection:  # the same sum: the two have changed places
        for position in (0, 1):
            mine = (scores.c.run_id == run_id) & (scores.c.position == position)
            connection.execute(scores.update().where(mine).values(value=1.0 - position))
    after = compare.facts(database, run_id)
    assert after.score.tolist() == [1.0, 0.0]
    ratings.put(database, run_id, Rating(0, "me", 1.0, "thumb", ""))
    assert compare.facts(database, run_id) is not after


@pytest.mark.parametrize("change", [{"check": "exact"}, {"value": None}, {"value": 0.5}, {"failed": True}])
def test_the_stamp_sees_any_change_of_a_score(database: Database, change: dict[str, Any]) -> None:
    run_id = store_run(database, [Cell(score=1.0), Cell(score=0.0)])
    before = results.stamp(database, run_id)
    assert results.stamp(database, run_id) == before
    with database.write() as connection:
        connection.execute(scores.update().where(scores.c.position == 0).values(change))
    assert results.stamp(database, run_id) != before


def test_what_another_process_commits_is_seen(database: Database) -> None:
    run_id = store_run(database, [Cell(score=1.0)])
    other = Database(database.path)
    before = (results.stamp(database, run_id), results.stamp(other, run_id))
    assert before[0] == before[1]
    for writer, reader in ((other, database), (database, other)):
        stamp = results.stamp(reader, run_id)
        with writer.write() as connection:
            connection.execute(scores.update().values(value=scores.c.value / 2))
        assert results.stamp(reader, run_id) != stamp
    reopened = Database(database.path)
    with reopened.write() as connection:
        connection.execute(scores.update().values(value=None))
    assert results.stamp(reopened, run_id) == results.stamp(database, run_id) != before[0]
    for opened in (other, reopened, database):
        opened.close()


def test_a_run_that_was_removed_in_the_meantime_is_said(database: Database) -> None:
    comparison = arrange(database, [Cell("1"), Cell("2")])
    runs.delete(database, "run00001")
    runs.purge(database)
    with pytest.raises(StoreError, match="run00001 no longer exists"):
        compare.facts(database, "run00001")
    (first, _) = page(database, comparison, 0, 2)  # drawn in that very moment
    (left,) = first.entries.values()
    assert (left.answer, left.tallies, first.case) == (None, [], None)
    assert compare.samples(database, comparison.facts, left) == []


def test_a_run_without_cells_has_nothing_to_show(database: Database) -> None:
    comparison = arrange(database, [])
    assert (len(comparison), comparison.columns, comparison.summaries) == (0, [], [])
    assert (comparison.positions(), page(database, comparison, 0, 9)) == ([], [])
    assert set(comparison.counts.values()) == {0}


# Names of variants.


def test_variants_stand_in_the_order_of_the_grid_with_temperatures_by_size() -> None:
    def variant(technique: str, temperature: float | None) -> Variant:
        return Variant("p", "v1", technique, "e/m", at(temperature))

    mixed = [variant("zero-shot", 0.7), variant("few-shot", 0.0), variant("zero-shot", None), variant("zero-shot", 0.0)]
    ordered = in_grid_order(mixed)
    assert [(v.technique, v.values["temperature"]) for v in ordered] == [
        ("zero-shot", None), ("zero-shot", 0.0), ("zero-shot", 0.7), ("few-shot", 0.0)
    ]  # fmt: skip
    assert list(labels(ordered).values()) == [
        ["zero-shot", "t = default"], ["zero-shot", "t = 0"], ["zero-shot", "t = 0.7"], ["few-shot", "t = 0"]
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (Variant("p", "v1", "few-shot", "e/m", at(0.0)), [["zero-shot"], ["few-shot"]]),
        (Variant("p", "v2abcdefg", "zero-shot", "e/m", at(0.0)), [["p@v1"], ["p@v2abcd"]]),
        (Variant("q", "v2", "zero-shot", "e/m", at(0.0)), [["p"], ["q"]]),
        (Variant("p", "v1", "zero-shot", "e/n", at(0.0)), [["e/m"], ["e/n"]]),
    ],
)
def test_a_label_says_what_tells_variants_apart_and_nothing_else(other: Variant, expected: list[list[str]]) -> None:
    one = Variant("p", "v1", "zero-shot", "e/m", at(0.0))
    assert list(labels([one, other]).values()) == expected
    assert list(labels([one]).values()) == [["zero-shot", "t = 0"]]
    assert one.id != other.id
    assert len(one.id) == 8


def test_the_id_of_a_variant_is_what_it_was_when_temperature_was_the_only_axis() -> None:
    """Addresses have it."""
    variants = [Variant("p", "v1", "zero-shot", "e/m", at(temperature)) for temperature in (0.0, None)]
    assert [variant.id for variant in variants] == ["5c6735cb", "22b72135"]


def test_two_versions_of_two_prompts_are_told_apart() -> None:
    variants = [Variant(p, v, "zero-shot", "e/m", at(0.0)) for p, v in [("p", "v1"), ("p", "v2"), ("q", "v3")]]
    assert len({" ".join(label) for label in labels(variants).values()}) == 3
