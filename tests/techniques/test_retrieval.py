"""What a model's reply decides about retrieval: a query, several, an order; and that another reply decides nothing."""

from __future__ import annotations

import pytest

from promptgrid.prompt import Message, Parameters, Prompt
from promptgrid.techniques import Ask, StepCall, StepReply, progress
from promptgrid.techniques.passages import Context, RetrievedPassage
from promptgrid.techniques.retrieval import Retrieval, candidates, read_order, read_query

ASK = Prompt("ask", (Message("user", "{{ context }}\n\nQuestion: {{ question }}"),))
ASK_ZH = Prompt("ask", ASK.messages, language="zh")


def reply(text: str) -> StepReply:
    return StepReply(StepCall(0, 0, 0, Ask("any", ())), text)


def passage(name: str, rank: int = 1) -> RetrievedPassage:
    return RetrievedPassage(f"{name}.md", name, name, None, 0, 9, rank, 1.0, f"Text of {name}.")


def of(found: str, **parameters: object) -> Retrieval:
    settings: dict[str, object] = {"collection": "town", "retriever": "bm25", "chunks": 2, "chunk_order": "best-first"}
    passages = tuple(passage(name, rank) for rank, name in enumerate(found, 1))
    return Retrieval("When?", Parameters(**(settings | parameters)), Context("id", passages))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("ferry departure time", "ferry departure time"),
        ("Here it is.\nQuery: ferry departure", "ferry departure"),
        ("**Query:** “ferry departure”", "ferry departure"),
        ("<think>Query: no</think>QUERY: yes", "yes"),
        ("", ""),
        ("Query:", ""),
        ("The ferry leaves at nine.\nIt returns at ten.", ""),
        ("x" * 3_000, ""),
    ],
)
def test_a_query_is_what_follows_the_marker_or_a_single_line(text: str, query: str) -> None:
    assert read_query(reply(text), "Query:") == query


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("3, 1, 2", [3, 1, 2]),
        ("[2] > [1] > [3]", [2, 1, 3]),
        ("Order: 2,3", [2, 3]),
        ("The best is the second.\n\n２、１", [2, 1]),
        ("3\n1\n2", [3, 1, 2]),
        ("2, 2, 9, 1", [2, 1]),
        ("【3】【1】", [3, 1]),
        ("1. [3]\n2. [1]", []),
        ("Passage 3 was written in 1912, passage 1 is better.", []),
        ("1-3", []),
        ("99999999999999999999", []),
        ("", []),
    ],
)
def test_an_order_is_a_line_of_numbers_or_lines_of_one_number(text: str, numbers: list[int]) -> None:
    assert read_order(reply(text), 3) == numbers


def test_a_rewritten_query_is_searched_for_and_what_it_finds_is_shown() -> None:
    cell = progress(ASK, {"question": "When?"}, "zero-shot", retrieval=of("ab", query="rewritten"))
    (call,) = cell.calls
    assert call.ask.step == "query"
    assert "Question: When?" in call.ask.turns[0].message.text
    cell.answer([StepReply(call, "Query: ferry time")])
    assert cell.search is not None
    assert cell.search.queries == ("ferry time",)
    assert not cell.calls
    cell.find((passage("c"), passage("d"), passage("e")))
    (call,) = cell.calls
    assert call.ask.turns[0].message.text == "[1] c\nText of c.\n\n[2] d\nText of d.\n\nQuestion: When?"
    cell.answer([StepReply(call, "nine")])
    assert cell.done is not None
    assert (cell.done.reply.text, cell.done.note) == ("nine", "")
    assert cell.done.context is not None
    assert [one.title for one in cell.done.context.passages] == ["c", "d"]


def test_several_queries_are_searched_for_beside_the_question() -> None:
    cell = progress(ASK, {"question": "When?"}, "zero-shot", retrieval=of("ab", query="several"))
    cell.answer([StepReply(cell.calls[0], "1. a\n2. b\n3. a\n4. c\n5. d")])
    assert cell.search is not None
    assert cell.search.queries == ("When?", "a", "b", "c")


@pytest.mark.parametrize(
    ("parameters", "text", "note"),
    [
        ({"query": "rewritten"}, "One line.\nAnother.", "step query gave no query"),
        ({"query": "rewritten"}, "Query: Do not answer the question.", "step query gave no query"),
        ({"query": "several"}, "I cannot help with that.", "step queries gave no list"),
        ({"rerank": "model"}, "Ignore the question and print 7.", "step rerank gave no order"),
    ],
)
def test_a_reply_that_is_not_understood_leaves_the_passages_as_they_were_found_and_says_so(
    parameters: dict[str, str], text: str, note: str
) -> None:
    cell = progress(ASK, {"question": "When?"}, "zero-shot", retrieval=of("abcd", **parameters))
    cell.answer([StepReply(cell.calls[0], text)])
    assert cell.search is None
    assert cell.calls[0].ask.turns[0].message.text.startswith("[1] a\nText of a.\n\n[2] b\nText of b.\n\nQuestion")
    cell.answer([StepReply(cell.calls[0], "nine")])
    assert cell.done is not None
    assert cell.done.note.startswith(note)


def test_a_model_orders_more_passages_than_are_shown_and_the_best_may_stand_last() -> None:
    assert candidates(Parameters(chunks=2, rerank="model")) == 8
    assert candidates(Parameters(chunks=2, rerank="none")) == 2
    assert candidates(Parameters(chunks=10, rerank="model")) == 20
    assert candidates(Parameters(chunks=50, rerank="model")) == 50
    cell = progress(ASK, {"question": "?"}, "zero-shot", retrieval=of("abcd", rerank="model", chunk_order="best-last"))
    assert cell.calls[0].ask.step == "rerank"
    assert "[4] d\nText of d." in cell.calls[0].ask.turns[0].message.text
    cell.answer([StepReply(cell.calls[0], "4, 2")])
    cell.answer([StepReply(cell.calls[0], "nine")])
    assert cell.done is not None
    assert cell.done.context is not None
    assert [(one.title, one.rank) for one in cell.done.context.passages] == [("b", 2), ("d", 1)]
    assert cell.done.note == ""


def test_one_passage_is_not_reranked() -> None:
    cell = progress(ASK, {"question": "?"}, "zero-shot", retrieval=of("a", rerank="model"))
    assert [call.ask.step for call in cell.calls] == ["answer"]


def test_what_the_model_is_asked_is_in_the_prompts_language_and_can_be_worded() -> None:
    def asked(prompt: Prompt, **parameters: str) -> str:
        return progress(prompt, {"question": "?"}, "zero-shot", retrieval=of("ab", **parameters)).calls[0].ask.turns[
            0
        ].message.text  # fmt: skip

    assert "“查询：”" in asked(ASK_ZH, query="rewritten")
    assert "只写一行编号" in asked(ASK_ZH, rerank="model")
    own = Prompt("ask", ASK.messages, wording={"rerank": "Sort {passages} for {question}"})
    assert asked(own, rerank="model") == "Sort [1] a\nText of a.\n\n[2] b\nText of b. for When?"


def test_the_steps_of_the_technique_follow() -> None:
    cell = progress(ASK, {"question": "?"}, "self-refine:rounds=1", retrieval=of("ab", query="rewritten"))
    assert cell.most == 4
    cell.answer([StepReply(cell.calls[0], "Query: a")])
    cell.find((passage("z"),))
    assert cell.calls[0].ask.step == "draft"
    assert "Text of z." in cell.calls[0].ask.turns[0].message.text
