"""What Compare says of retrieval: the measures of each column, and why its wrong answers are wrong."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from promptgrid import api, compare, connections
from promptgrid.budget import BudgetReached
from promptgrid.cli import sheet
from promptgrid.compare.retrieval import faithful_note, faithful_summary, retrieval_summary, use_summary
from promptgrid.compare.retrieval.summary import retrieval_words
from promptgrid.compare.views import View
from promptgrid.documents.adding import Source, add
from promptgrid.endpoint import Reply, Request, ScriptedEndpoint
from promptgrid.errors import PlanError
from promptgrid.export import read_csv
from promptgrid.export.runs import save_run
from promptgrid.judging.faithfulness import faithfulness_preflight, judge_faithfulness, stored_faithfulness
from promptgrid.prompt import loads
from promptgrid.runner import client
from promptgrid.store import Database, ratings
from promptgrid.store.documents import collections
from tests.running import carried_out
from tests.ui import pages

TEXTS = {
    "boat.md": "# The ferry\n\nThe ferry leaves at nine.\n\nThe ferry returns at ten.",
    "zoo.md": "# The zoo\n\nZebras graze lazily. The zoo opens at noon.",
    "inn.md": "# The inn\n\nGuests of the inn dine at eight.",
}


def gold(name: str, quote: str) -> str:
    start = TEXTS[name].index(quote)
    return f"{name}:{start}-{start + len(quote)}"


QUESTIONS = [
    ("When does the ferry leave?", "nine", "boat.md", "The ferry leaves at nine."),
    ("When do zebras open?", "noon", "zoo.md", "The zoo opens at noon."),
    ("Guests dine at the inn?", "eight", "inn.md", "Guests of the inn dine at eight."),
    ("When does the ferry return?", "ten", "boat.md", "The ferry returns at ten."),
]
CASES = [
    *({"question": question, "expected": answer, "gold": gold(*place)} for question, answer, *place in QUESTIONS),
    {"question": "Who wrote the anthem?", "expected": "not stated", "gold": ""},
]
TEXT = """---
name: ask
metadata:
  retrieval: {collection: town, chunker: "sentences:size=8", k: 1}
  answer: {kind: text}
---
user:
{{ context }}

Question: {{ question }}
"""


def reader(request: Request) -> Reply:
    """Repeats the passages, reads `ten` as `two`, and is misled by more than one passage about dinner."""
    text = request.messages[-1].text.partition("Question:")[0].replace(" ten", " two")
    if text.count("[") > 1:
        text = text.replace("eight", "late")
    return Reply(text or "I do not know.", prompt_tokens=5, completion_tokens=5)


@pytest.fixture
def database(home: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    endpoint = ScriptedEndpoint(reader, name="reader", models=("any",))
    connect: Callable[[str], Any] = connections.connect
    (home / "config").mkdir(parents=True)
    (home / "config" / "endpoints.toml").write_text('[reader]\nbase_url = "http://127.0.0.1:9/v1"\n', "utf-8")
    monkeypatch.setattr(connections, "connect", lambda name: endpoint if name == "reader" else connect(name))
    database = Database()
    town = collections.create(database, "town")
    list(add(database, town, [Source(name, data=text.encode()) for name, text in TEXTS.items()]))
    return database


def finished(database: Database, **axes: Any) -> str:
    plan = api.plan(prompts=loads(TEXT, "ask"), cases=CASES, models="reader/any", show=lambda note: None, **axes)
    run_id = client.submit(database, plan)
    assert carried_out(database, run_id) == "finished"
    return run_id


def test_each_column_is_measured_by_gold_and_its_wrong_answers_have_causes(database: Database) -> None:
    run_id = finished(database, retrievers=["none", "bm25", "oracle"], chunks=[1, 2])
    summaries = retrieval_summary(database, compare.facts(database, run_id), View())
    none, one, two, oracle = summaries
    assert [summary.cases for summary in summaries] == [4, 4, 4, 4]
    assert [summary.means["recall"] for summary in summaries] == [0.0, 0.75, 1.0, 1.0]
    assert (none.means["precision"], oracle.means["precision"]) == (None, 1.0)
    assert one.means["ndcg"] == 0.75
    assert two.means["reciprocal_rank"] == 0.875
    assert none.causes == {"not in the documents": 1, "not retrieved": 4}
    assert one.causes == {"not in the documents": 1, "not retrieved": 1, "misread": 1}
    assert two.causes == {"not in the documents": 1, "retrieved, not used": 1, "misread": 1}
    assert (oracle.causes, oracle.wrong) == ({"not in the documents": 1, "misread": 1}, 2)
    assert one.sentence.startswith("Recall: ")
    assert "left out" not in one.sentence
    assert "retrieved, not used" in sheet.retrieval_table(database, run_id)
    page = pages.opened("3_Compare.py", run=run_id)
    (shown,) = (table.value for table in page.dataframe if "Wrong" in table.value)
    assert shown["not retrieved"].tolist() == ["4", "1", "0", "0"]
    assert shown["Mostly"].tolist()[:2] == ["not retrieved", "not in the documents; not retrieved; misread"]
    headings, rows = retrieval_words(summaries)
    assert headings[-2:] == ["retrieved, not used", "misread"]
    assert rows[1][3].startswith("75.0% (")


def test_replies_are_measured_by_the_passages_that_they_cite(database: Database) -> None:
    run_id = finished(database, retrievers=["none", "bm25", "oracle"], chunks=[1])
    none, one, oracle = use_summary(database, compare.facts(database, run_id), View())
    assert (none.replies, none.citing, none.cited_gold) == (5, 0, None)
    assert (one.citing, one.cited_gold, one.gold_uncited, one.wrong_citations) == (4, 0.75, 0, 0)
    assert (oracle.citing, oracle.cited_gold) == (4, 1.0)
    page = pages.opened("3_Compare.py", run=run_id)
    (shown,) = (table.value for table in page.dataframe if "Cited gold" in table.value)
    assert shown["Cite"].tolist() == ["0", "4", "4"]
    assert "Cited gold" in sheet.retrieval_table(database, run_id)


def test_without_the_oracle_a_wrong_answer_with_its_gold_is_not_explained(database: Database) -> None:
    run_id = finished(database, retrievers=["bm25"], chunks=[2])
    (summary,) = retrieval_summary(database, compare.facts(database, run_id), View())
    assert summary.causes == {"not in the documents": 1, "retrieved, still wrong": 2}


def test_there_is_no_ndcg_where_the_collection_has_changed_since(database: Database) -> None:
    run_id = finished(database, retrievers=["bm25"])
    town = collections.find(database, "town").id
    list(add(database, town, [Source("new.md", data=b"The ferry leaves at nine.")]))
    (summary,) = retrieval_summary(database, compare.facts(database, run_id), View())
    assert (summary.means["recall"], summary.means["ndcg"]) == (0.75, None)


def test_a_run_without_retrieval_has_no_such_summary(database: Database) -> None:
    prompt = loads("---\nname: say\n---\nuser:\n{{ question }}\n", "say")
    run_id = client.submit(database, api.plan(prompts=prompt, cases=CASES, models="reader/any", show=lambda note: None))
    assert carried_out(database, run_id) == "finished"
    assert retrieval_summary(database, compare.facts(database, run_id), View()) == []


def test_the_results_file_has_what_was_retrieved_and_a_column_for_each_measure(
    database: Database, tmp_path: Path
) -> None:
    run_id = finished(database, retrievers=["none", "bm25"])
    save_run(database, run_id, tmp_path / "out.csv")
    rows = {(row["case_id"], row["retriever"]): row for row in read_csv(tmp_path / "out.csv")}
    ferry, zoo = rows["1", "bm25"], rows["2", "bm25"]
    assert (ferry["retrieval.hit"], zoo["retrieval.recall"]) == (1, 0)
    (shown,) = json.loads(ferry["retrieved_json"])
    assert TEXTS[shown["document"]][shown["start"] : shown["end"]].strip() == "The ferry leaves at nine."
    assert (shown["number"], shown["rank"]) == (1, 1)
    nothing, no_gold = rows["1", "none"], rows["5", "bm25"]
    assert (json.loads(nothing["retrieved_json"]), nothing["retrieval.precision"]) == ([], None)
    assert (no_gold["retrieval.recall"], no_gold["retrieved_json"] is None) == (None, False)


class Judging:
    """Reads passages, and judges replies: faithful if they speak of the ferry, when asked again only if of nine."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()

    def __call__(self, request: Request) -> Reply:
        text = request.messages[-1].text
        if "<reply " not in text:
            return reader(request)
        self.asked[text] += 1
        faithful = ("ferry" if self.asked[text] == 1 else "nine") in text.partition("<reply ")[2]
        return Reply(f"Looked at.\nVerdict: {'pass' if faithful else 'fail'}", prompt_tokens=5, completion_tokens=5)


def test_faithfulness_comes_with_its_spread_and_its_agreement_with_people(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = Judging()
    endpoint = ScriptedEndpoint(judge, name="reader", models=("any",), max_n=1)
    monkeypatch.setattr(connections, "connect", lambda name: endpoint)
    run_id = finished(database, retrievers=["none", "bm25"], chunks=[1])
    with pytest.raises(PlanError, match="1 repeats are out of range"):
        faithfulness_preflight(database, run_id, "reader/any", 1)
    assert faithfulness_preflight(database, run_id, "reader/any", 2).calls == 8  # nothing is shown of the anthem
    with pytest.raises(BudgetReached):
        judge_faithfulness(database, run_id, "reader/any", 2, budget="5calls")
    judged = judge_faithfulness(database, run_id, "reader/any", 2)
    assert sorted(judge.asked.values()) == [2, 2, 2, 2]
    assert stored_faithfulness(database, run_id) == judged
    (summary,) = faithful_summary(database, compare.facts(database, run_id), View())
    assert (summary.judged, summary.unread, summary.alike) == (4, 0, 0.75)
    assert (summary.share, summary.repeats) == (0.375, [0.5, 0.25])
    assert "No person has rated these replies" in faithful_note(database, run_id, [summary])
    for position, repeats in judged.verdicts.items():
        ratings.put(database, run_id, ratings.Rating(position, "ada", float(any(repeats)), "thumb", ""))
    (summary,) = faithful_summary(database, compare.facts(database, run_id), View())
    assert (summary.rated, summary.agreed) == (3, 3)  # where the repeats are at odds, the judge says neither
    assert "agrees with people on 3 of 3 rated replies" in sheet.retrieval_table(database, run_id)
    page = pages.opened("3_Compare.py", run=run_id)
    (shown,) = (table.value for table in page.dataframe if "By repeat" in table.value)
    assert shown["Agrees with people"].tolist() == ["3 of 3"]
    page.selectbox(key="faithfulness_model").select("reader/any")
    page.number_input(key="faithfulness_repeats").set_value(2)
    page = pages.press(pages.ran(page), "faithfulness_count")
    assert page.button(key="faithfulness_go").label == "Judge"
    assert "8 judged already" in pages.shown(page)
