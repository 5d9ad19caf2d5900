"""The comparison's definitions, by numbers that can be counted by hand."""

from __future__ import annotations

import pytest

from promptgrid.compare.filters import Filter
from promptgrid.compare.matrix import Entry, Matrix, matrix_of
from promptgrid.compare.old_summary import summarise
from promptgrid.compare.samples import SHOWN
from promptgrid.compare.variants import Variant, in_grid_order, labels

Row = dict[str, object]


def row(case: str, technique: str, answer: str | None, score: float | None = None, **changes: object) -> Row:
    """A result row as the store gives it; `answer` None: answered, and nothing could be read."""
    return {
        "position": 0, "case_id": case, "prompt": "p", "prompt_version": "v1", "technique": technique,
        "endpoint": "e", "model": "m", "temperature": 0.0, "status": "answered", "answer": answer,
        "output": f"out {answer}", "error": "", "expected": "a", "var.text": f"case {case}", "score.label": score,
        "prompt_tokens": 10, "completion_tokens": 2, "cost_usd": 0.5, "latency_ms": 100.0,
    } | changes  # fmt: skip


def unanswered(case: str, technique: str, status: str) -> Row:
    nothing = dict.fromkeys(["output", "prompt_tokens", "completion_tokens", "cost_usd", "latency_ms"])
    return {key: v for key, v in row(case, technique, None, status=status, **nothing).items() if key != "score.label"}


def entry(*rows: Row) -> Entry:
    (case,) = matrix_of(rows).cases
    (only,) = case.entries.values()
    return only


def case_ids(matrix: Matrix, **chosen: object) -> list[str]:
    return [case.case_id for case in Filter(**chosen).apply(matrix)]  # type: ignore[arg-type]


def test_samples_are_pooled_and_the_score_is_the_mean_of_theirs() -> None:
    pooled = entry(row("1", "zero-shot", "a", 1.0), row("1", "zero-shot", "b", 0.0), row("1", "zero-shot", "b", 0.0))
    assert pooled.score == pytest.approx(1 / 3)
    assert (pooled.vote.answer, pooled.vote.votes) == ("b", 2)
    assert pooled.agreement == pytest.approx(2 / 3)
    assert pooled.shown.answer == "b"


def test_self_consistency_scores_the_voted_answer_and_nothing_else() -> None:
    rows = [row("1", "self-consistency", answer, score) for answer, score in [("b", 0.0), ("a", 1.0), ("a", 1.0)]]
    assert entry(*rows).score == 1.0
    assert entry(*rows, row("1", "self-consistency", "b", 0.0), row("1", "self-consistency", "b", 0.0)).score == 0.0


def test_several_checks_count_alike_and_each_is_there_by_itself() -> None:
    both = entry(row("1", "zero-shot", "a", 1.0, **{"score.json": 0.5}))
    assert both.score == 0.75
    assert both.score_of("json") == 0.5
    assert both.score_of("no such check") is None


def test_not_scored_is_neither_zero_nor_wrong() -> None:
    unscored = row("1", "zero-shot", "a", None)
    assert entry(unscored).score is None
    assert entry(unscored, row("1", "zero-shot", "a", 1.0)).score == 1.0
    assert not matrix_of([unscored]).cases[0].wrong


def test_what_brought_no_reply_is_left_out_of_vote_score_and_agreement() -> None:
    mixed = entry(
        row("1", "zero-shot", "a", 1.0), unanswered("1", "zero-shot", "failed"), row("1", "zero-shot", "a", 1.0)
    )
    assert (mixed.score, mixed.agreement, mixed.vote.total) == (1.0, 1.0, 2)


def test_a_reply_without_a_readable_answer_agrees_with_nothing() -> None:
    assert entry(row("1", "zero-shot", "a"), row("1", "zero-shot", None)).agreement == 0.5
    assert entry(row("1", "zero-shot", None), row("1", "zero-shot", None)).agreement == 0.0
    assert entry(row("1", "zero-shot", "a")).agreement is None


@pytest.mark.parametrize(
    ("statuses", "status"),
    [
        (["failed", "answered"], "answered"),
        (["failed", "pending"], "pending"),
        (["failed", "too_long", "too_long"], "too_long"),
        (["cancelled"], "cancelled"),
    ],
)
def test_the_status_of_many_samples(statuses: list[str], status: str) -> None:
    rows = [unanswered("1", "zero-shot", s) if s != "answered" else row("1", "zero-shot", "a") for s in statuses]
    assert entry(*rows).status == status


def differs(*rows: Row) -> bool:
    return matrix_of(rows).cases[0].differs


def test_answers_differ_when_two_variants_vote_differently() -> None:
    assert differs(row("1", "zero-shot", "a"), row("1", "few-shot", "b"))
    assert not differs(row("1", "zero-shot", "a"), row("1", "few-shot", "a"))
    # One dissenting sample is outvoted.
    assert not differs(*(row("1", "zero-shot", x) for x in "aab"), row("1", "few-shot", "a"))


def test_what_is_missing_does_not_differ_but_no_answer_does() -> None:
    assert not differs(row("1", "zero-shot", "a"), unanswered("1", "few-shot", "pending"))
    assert not differs(row("1", "zero-shot", "a"), unanswered("1", "few-shot", "failed"))
    assert differs(row("1", "zero-shot", "a"), row("1", "few-shot", None))
    assert not differs(row("1", "zero-shot", None), row("1", "few-shot", None, output="other words"))


def test_a_variant_alone_differs_when_its_own_samples_do() -> None:
    assert differs(row("1", "zero-shot", "a"), row("1", "zero-shot", "b"))
    assert not differs(row("1", "zero-shot", "a"), row("1", "zero-shot", "a"))


def test_long_answers_are_cut_and_still_told_apart() -> None:
    long = "x" * (SHOWN + 50)
    assert differs(row("1", "zero-shot", long + "1"), row("1", "few-shot", long + "2"))
    assert not differs(row("1", "zero-shot", long), row("1", "few-shot", long))
    kept = entry(row("1", "zero-shot", long, output=long * 9)).samples[0]
    assert kept.answer == kept.output == "x" * SHOWN + "…"


def test_wrong_is_below_one_and_failed_is_not_cancelled() -> None:
    cases = matrix_of(
        [
            row("right", "zero-shot", "a", 1.0),
            row("partly", "zero-shot", "a", 0.5),
            row("wrong", "zero-shot", "b", 0.0),
            unanswered("failed", "zero-shot", "failed"),
            unanswered("refused", "zero-shot", "refused"),
            unanswered("long", "zero-shot", "too_long"),
            unanswered("cancelled", "zero-shot", "cancelled"),
            unanswered("waits", "zero-shot", "pending"),
        ]
    )
    assert case_ids(cases, show="wrong") == ["partly", "wrong"]
    assert case_ids(cases, show="failed") == ["failed", "refused", "long"]
    assert Filter().counts(cases) == {"all": 8, "differ": 0, "wrong": 2, "failed": 3}


@pytest.fixture
def three() -> Matrix:
    return matrix_of(
        [
            *(row(case, "zero-shot", "a", 1.0) for case in ("1", "2", "3")),
            row("1", "few-shot", "b", 0.0),
            row("2", "few-shot", "a", 1.0),
            unanswered("3", "few-shot", "failed"),
            row("1", "chain-of-thought", "b", 0.0, output="Because of the Hinge."),
            row("2", "chain-of-thought", "c", 0.0),
            row("3", "chain-of-thought", "a", 1.0),
        ]
    )


def test_the_text_filter_looks_at_case_answers_and_outputs_whatever_the_capitals(three: Matrix) -> None:
    assert case_ids(three, text="hinge") == ["1"]
    assert case_ids(three, text=" CASE 2 ") == ["2"]
    assert case_ids(three, text="no such words") == []
    assert case_ids(three, case_ids=("3", "1")) == ["1", "3"]


def test_with_a_variant_only_that_one_counts_and_differs_means_from_the_baseline(three: Matrix) -> None:
    few = three.variants[1].id
    assert case_ids(three, show="wrong") == ["1", "2"]
    assert case_ids(three, show="wrong", variant=few) == ["1"]
    assert case_ids(three, show="differ", variant=few) == ["1"]
    assert case_ids(three, show="failed", variant=few) == ["3"]
    assert Filter(text="case", variant=few).counts(three) == {"all": 3, "differ": 1, "wrong": 1, "failed": 1}


def test_a_part_of_the_columns_is_compared_by_itself_with_its_own_baseline(three: Matrix) -> None:
    zero, few, chain = three.variants
    part = three.only([few.id, chain.id], first=chain.id)
    assert part.variants == [chain, few]
    assert part.label(few) == three.label(few) == "few-shot"
    assert case_ids(part, show="differ") == ["2"]
    assert case_ids(part, show="failed") == ["3"]
    assert three.only([]) is three
    assert three.only(["unknown"]) is three
    assert [v.technique for v in three.only([zero.id]).variants] == ["zero-shot"]


def test_the_summary_counts_what_a_hand_counts() -> None:
    (found,) = summarise(
        matrix_of(
            [
                row("1", "zero-shot", "a", 1.0, latency_ms=100.0),
                row("1", "zero-shot", "a", 1.0, latency_ms=300.0),
                row("2", "zero-shot", "b", 0.0, latency_ms=200.0),
                row("2", "zero-shot", "a", 1.0, latency_ms=900.0),
                row("3", "zero-shot", None, None, latency_ms=400.0),
                unanswered("3", "zero-shot", "failed"),
                unanswered("4", "zero-shot", "pending"),
            ]
        )
    )
    assert (found.cells, found.answered, found.unread, found.samples) == (7, 5, 1, 2)
    assert (found.score, found.scored) == (0.75, 2)  # cases 1 and 2: (1 + 0.5) / 2; case 3 was not scored
    assert found.by_check == {"label": (0.75, 2)}
    assert found.distinct == 2
    assert found.agreement == 0.75  # cases 1 and 2: (1 + 0.5) / 2; case 3 has one reply
    assert (found.tokens, found.prompt_tokens, found.completion_tokens) == (60, 10, 2)
    assert (found.cost_usd, found.latency_ms) == (2.5, 300.0)


def test_what_is_unknown_in_the_summary_is_none_and_not_zero() -> None:
    (found,) = summarise(matrix_of([unanswered("1", "zero-shot", "failed")]))
    unknown = (found.score, found.agreement, found.tokens, found.prompt_tokens, found.cost_usd, found.latency_ms)
    assert unknown == (None,) * 6
    assert (found.answered, found.scored, found.distinct) == (0, 0, 0)

    (found,) = summarise(
        matrix_of([row("1", "zero-shot", "a"), row("2", "zero-shot", "a", cost_usd=None, prompt_tokens=None)])
    )
    assert (found.cost_usd, found.tokens) == (None, None)
    assert found.prompt_tokens == 10
    free = summarise(matrix_of([row("1", "zero-shot", "a", cost_usd=0.0)]))
    assert free[0].cost_usd == 0.0


def test_variants_stand_in_the_order_of_the_grid_with_temperatures_by_size() -> None:
    def variant(technique: str, temperature: float | None) -> Variant:
        return Variant("p", "v1", technique, "e/m", temperature)

    mixed = [variant("zero-shot", 0.7), variant("few-shot", 0.0), variant("zero-shot", None), variant("zero-shot", 0.0)]
    ordered = in_grid_order(mixed)
    assert [(v.technique, v.temperature) for v in ordered] == [
        ("zero-shot", None), ("zero-shot", 0.0), ("zero-shot", 0.7), ("few-shot", 0.0)
    ]  # fmt: skip
    assert list(labels(ordered).values()) == [
        ["zero-shot", "t = default"], ["zero-shot", "t = 0"], ["zero-shot", "t = 0.7"], ["few-shot", "t = 0"]
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (Variant("p", "v1", "few-shot", "e/m", 0.0), [["zero-shot"], ["few-shot"]]),
        (Variant("p", "v2abcdefg", "zero-shot", "e/m", 0.0), [["p@v1"], ["p@v2abcd"]]),
        (Variant("q", "v2", "zero-shot", "e/m", 0.0), [["p"], ["q"]]),
        (Variant("p", "v1", "zero-shot", "e/n", 0.0), [["e/m"], ["e/n"]]),
    ],
)
def test_a_label_says_what_tells_variants_apart_and_nothing_else(other: Variant, said: list[list[str]]) -> None:
    one = Variant("p", "v1", "zero-shot", "e/m", 0.0)
    assert list(labels([one, other]).values()) == said
    assert list(labels([one]).values()) == [["zero-shot", "t = 0"]]
    assert one.id != other.id
    assert len(one.id) == 8


def test_two_versions_of_two_prompts_are_told_apart() -> None:
    variants = [Variant(p, v, "zero-shot", "e/m", 0.0) for p, v in [("p", "v1"), ("p", "v2"), ("q", "v3")]]
    assert len({" ".join(label) for label in labels(variants).values()}) == 3


def test_lone_surrogates_and_control_characters_are_compared_like_any_text() -> None:
    odd = "\ud800\x00" * SHOWN
    assert differs(row("1", "zero-shot", odd), row("1", "few-shot", odd + "!"))
