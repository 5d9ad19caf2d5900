"""The columns of the results file."""

from __future__ import annotations

from promptgrid.export import COLUMNS, columns_for

# As design.md §9 has it, typed here a second time on purpose: the order is a promise to files that are out there.
CONTRACT = (
    "run_id, cell_id, case_id, part, prompt, prompt_version, technique, examples_k, examples, "
    "model, endpoint, model_returned, temperature, temperature_sent, "
    "effort, effort_sent, tool_choice, tool_choice_sent, "
    "parallel_calls, parallel_calls_sent, beams, beams_sent, "
    "collection, chunker, retriever, chunks, chunk_order, query, rerank, shots, selector, shot_order, parameter_note, "
    "top_p, max_tokens, seed, length_penalty, sample, "
    "prompt_tokens_counted, prompt_tokens, completion_tokens, reasoning_tokens, cached_tokens, context_limit, "
    "cost_usd, latency_ms, first_token_ms, attempts, calls, lost_tokens, lost_cost_usd, "
    "reused, finish_reason, status, error, var.*, "
    "expected, checks, reasoning, answer, output, score.*, human_score, human_note, created_utc, request_json, "
    "steps_json, beams_json, tool_calls_json, retrieved_json, "
    "retrieval.hit, retrieval.recall, retrieval.precision, retrieval.reciprocal_rank, retrieval.ndcg"
)


def test_the_columns_are_those_of_the_contract() -> None:
    assert tuple(CONTRACT.split(", ")) == COLUMNS
    assert [*COLUMNS[:55], "var.a", "var.b", *COLUMNS[56:61], "score.x", *COLUMNS[62:]] == list(
        columns_for(["a", "b"], ["x"])
    )
