"""Replies that models gave, read and scored: the figures of benchmarks/README.md."""

from __future__ import annotations

from benchmarks.reading import bbh_counts, gsm8k_counts


def test_replies_of_big_bench_hard_are_read_as_the_data_set_reads_them() -> None:
    counts = bbh_counts()
    assert counts["states an answer: read right"] == 5_375
    assert not counts["states an answer: read as another"] + counts["states an answer: unread"]
    assert not counts["states no one label: read"] + counts["states nothing: read"]
    assert not counts["right ones scored wrong"] + counts["wrong ones scored right"]


def test_solutions_of_gsm8k_are_scored_as_their_authors_score_them() -> None:
    assert gsm8k_counts()["agrees"] == 5_276
