"""The blind arena's engine: which pairs are shown, what the votes say, and the pairs as data."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from promptgrid import api, arena
from promptgrid.arena import (
    AgreementOfAll,
    Arena,
    ReplyPair,
    agreement_of_all,
    agreement_words,
    agreements,
    notes,
    order_bias_words,
    order_biases,
    standings,
    verdict,
)  # fmt: skip
from promptgrid.cli import main
from promptgrid.export.jsonl import read_jsonl
from promptgrid.export.preferences import save_preferences
from promptgrid.prompt import Message, Prompt
from promptgrid.store import Database, results, runs, votes
from promptgrid.store.votes import Vote, VoteOutcome
from tests.faults.answers import prompt_text
from tests.faults.server import HostileServer

PROMPT = Prompt("say", (Message("system", "Be brief."), Message("user", "Say {{ word }}.")))


Carried = Callable[..., str]


@pytest.fixture
def carried(hostile: HostileServer, monkeypatch: pytest.MonkeyPatch) -> Carried:
    """Carries a run out whose replies are made by a function of (text, temperature), and returns its id."""
    monkeypatch.setenv("OPENAI_BASE_URL", hostile.url)

    def carry_out(answer: Callable[[str, Any], str], words: int = 4, prompts: Any = PROMPT, **axes: Any) -> str:
        hostile.answer = lambda body: answer(prompt_text(body), body.get("temperature"))
        rows = [{"word": f"w{n}", "expected": f"W{n}"} for n in range(words)]
        api.run(api.plan(prompts, rows, **{"models": "openai/ok", "temperatures": [0, 0.5, 1], **axes}))
        return runs.list_runs(Database())[0].id

    return carry_out


def each_its_own(text: str, temperature: Any) -> str:
    return f"{text} at {temperature}"


def judged(
    database: Database, run_id: str, owner: str, choose: Callable[[Arena, ReplyPair], VoteOutcome], most: int = 1000
) -> list[ReplyPair]:
    """Votes until nothing is left (or `most` times), and returns the pairs that were shown."""
    this_arena = arena.read(database, run_id)
    pairs: list[ReplyPair] = []
    while len(pairs) < most and (pair := this_arena.next_pair(votes.listed(database, run_id), owner)):
        votes.add(database, run_id, pair.left, pair.right, choose(this_arena, pair), owner)
        pairs.append(pair)
    return pairs


def colder(this_arena: Arena, pair: ReplyPair) -> VoteOutcome:
    left, right = this_arena.variant_at(pair.left), this_arena.variant_at(pair.right)
    assert left is not None
    assert right is not None
    return "left" if left < right else "right"


def test_every_pair_comes_once_each_of_one_case_and_two_variants(database: Database, carried: Carried) -> None:
    run_id = carried(each_its_own)
    this_arena = arena.read(database, run_id)
    assert (this_arena.possible, this_arena.identical) == (4 * 3, 0)
    pairs_shown = judged(database, run_id, "ada", lambda *_: "skip")  # a skip counts as seen
    rows = {row.position: row for row in results.result_rows(database, run_id)}
    pairs = [tuple(rows[at] for at in (pair.left, pair.right)) for pair in pairs_shown]
    heat = {row.position: row.parameters["temperature"] for pair in pairs for row in pair}
    assert all(a.case_id == b.case_id and heat[a.position] != heat[b.position] for a, b in pairs)
    assert len({(a.case_id, frozenset((heat[a.position], heat[b.position]))) for a, b in pairs}) == 12


def test_the_least_judged_come_first(database: Database, carried: Carried) -> None:
    run_id = carried(each_its_own, words=6)
    this_arena = arena.read(database, run_id)
    pairs = judged(database, run_id, "ada", lambda *_: "tie", most=9)
    compared = Counter(
        frozenset((this_arena.variant_at(pair.left), this_arena.variant_at(pair.right))) for pair in pairs
    )
    assert set(compared.values()) == {3}
    cases = Counter(row.case_id for pair in pairs for row in results.result_rows(database, run_id, [pair.left]))
    assert max(cases.values()) - min(cases.values()) <= 1


def test_the_order_is_the_same_every_time_and_another_with_another_seed(database: Database, carried: Carried) -> None:
    run_id = carried(each_its_own)
    first, again = (arena.read(database, run_id).next_pair([], "ada") for _ in range(2))
    assert first == again
    others = {arena.read(database, run_id, seed=seed).next_pair([], "ada") for seed in range(12)}
    assert len(others) > 3


def test_judges_see_the_same_pairs_and_sides_are_shuffled(database: Database, carried: Carried) -> None:
    run_id = carried(each_its_own, words=10)
    ada, bo = (judged(database, run_id, owner, lambda *_: "tie") for owner in ("ada", "bo"))
    assert [{p.left, p.right} for p in ada] == [{p.left, p.right} for p in bo]
    same = sum(a == b for a, b in zip(ada, bo, strict=True))
    assert 0 < same < len(ada)
    this_arena = arena.read(database, run_id)
    colder_left = sum(colder(this_arena, pair) == "left" for pair in ada)
    assert 5 <= colder_left <= 25  # of 30; drawn by a fixed seed, so this never changes by itself


def test_an_undone_vote_brings_its_pair_back(database: Database, carried: Carried) -> None:
    run_id = carried(each_its_own)
    *_, last = judged(database, run_id, "ada", lambda *_: "left", most=5)
    votes.undo(database, votes.listed(database, run_id)[-1].id)
    assert arena.read(database, run_id).next_pair(votes.listed(database, run_id), "ada") == last


def test_equal_texts_are_left_out_and_counted(database: Database, carried: Carried) -> None:
    def answer(text: str, temperature: Any) -> str:
        return f"  {text}\n" if temperature == 0.5 else f"{text} hot" if temperature == 1 else text

    run_id = carried(answer)
    this_arena = arena.read(database, run_id)
    assert (this_arena.possible, this_arena.identical) == (8, 4)  # white space around a text is no difference
    for pair in judged(database, run_id, "ada", lambda *_: "tie"):
        texts = [(row.output or "").strip() for row in results.result_rows(database, run_id, [pair.left, pair.right])]
        assert texts[0] != texts[1]


def test_of_several_samples_two_that_differ_are_shown(database: Database, carried: Carried) -> None:
    count = Counter[str]()

    def answer(text: str, temperature: Any) -> str:
        count[text] += 1
        return "odd" if temperature == 1 and count[text] % 3 == 0 else "same"

    run_id = carried(answer, temperatures=[0, 1], samples=6)
    outputs = {row.position: row.output for row in results.result_rows(database, run_id)}
    pairs = judged(database, run_id, "ada", lambda *_: "tie")
    assert pairs
    assert all({outputs[pair.left], outputs[pair.right]} == {"odd", "same"} for pair in pairs)


@pytest.mark.parametrize(
    ("axes", "identical", "variants"),
    [({"temperatures": [0]}, 0, 1), ({}, 12, 3), ({"models": "openai/unknown-model"}, 0, 0)],
)
def test_where_there_is_nothing_to_choose_between(
    database: Database, carried: Carried, axes: dict[str, Any], identical: int, variants: int
) -> None:
    run_id = carried(lambda *_: "same", **axes)
    this_arena = arena.read(database, run_id)
    assert (this_arena.possible, this_arena.identical, len(this_arena.variants)) == (0, identical, variants)
    assert this_arena.next_pair([], "ada") is None
    nothing = standings(this_arena, [])
    assert (nothing.ranked, nothing.votes, nothing.bias.share) == ([], 0, None)


def test_failed_cells_make_no_pairs(database: Database, carried: Carried) -> None:
    run_id = carried(each_its_own, models=["openai/ok", "openai/bad-json"], temperatures=[0, 1])
    this_arena = arena.read(database, run_id)
    assert {variant.model for variant in this_arena.variants} == {"openai/ok"}
    assert this_arena.possible == 4


def test_the_ranking_puts_first_who_wins_and_says_how_sure_that_is(database: Database, carried: Carried) -> None:
    run_id = carried(each_its_own, words=20)
    judged(database, run_id, "ada", colder)
    this_arena = arena.read(database, run_id)
    ranking = standings(this_arena, votes.listed(database, run_id))
    assert [one.label for one in ranking.ranked] == ["t = 0", "t = 0.5", "t = 1"]
    assert [(one.won, one.lost, one.tied) for one in ranking.ranked] == [(40, 0, 0), (20, 20, 0), (0, 40, 0)]
    assert ranking.won[0][2] == 20
    for one in ranking.ranked:
        assert 0 <= one.interval.low <= one.share <= one.interval.high <= 1
    assert ranking.regularised  # nobody ever lost to the last: there is no finite answer
    assert verdict(ranking) == "t = 0 is ahead of all others by more than chance explains."
    assert "half a win" in " ".join(notes(ranking))


def test_ties_count_half_and_skips_not_at_all(database: Database, carried: Carried) -> None:
    run_id = carried(each_its_own)
    judged(database, run_id, "ada", lambda *_: "tie", most=6)
    judged(database, run_id, "bo", lambda *_: "skip", most=2)
    ranking = standings(arena.read(database, run_id), votes.listed(database, run_id))
    assert (ranking.votes, ranking.skipped, ranking.bias.decided) == (6, 2, 0)
    assert all(one.share == pytest.approx(0.5) for one in ranking.ranked)
    assert "do not distinguish the variants" in verdict(ranking)


def test_a_judge_who_prefers_a_side_is_found_out(database: Database, carried: Carried) -> None:
    run_id = carried(each_its_own, words=8)
    judged(database, run_id, "ada", lambda *_: "left")
    ranking = standings(arena.read(database, run_id), votes.listed(database, run_id))
    assert (ranking.bias.left, ranking.bias.decided) == (24, 24)
    assert "the side seems to matter" in " ".join(notes(ranking))


@pytest.mark.parametrize(("pairs_won", "ahead"), [(13, False), (19, True)])
def test_judges_who_always_agree_are_worth_one(
    database: Database, carried: Carried, pairs_won: int, ahead: bool
) -> None:
    run_id = carried(each_its_own, words=20, temperatures=[0, 1])
    this_arena = arena.read(database, run_id)
    pairs: list[frozenset[int]] = []

    def choose(_: Arena, pair: ReplyPair) -> VoteOutcome:
        replies = frozenset((pair.left, pair.right))
        if replies not in pairs:
            pairs.append(replies)
        by_heat = colder(this_arena, pair)
        return by_heat if pairs.index(replies) < pairs_won else "right" if by_heat == "left" else "left"

    judged(database, run_id, "ada", choose)
    alone = standings(this_arena, votes.listed(database, run_id))
    for owner in ("bo", "cy", "di", "ed"):
        judged(database, run_id, owner, choose)
    ranking = standings(this_arena, votes.listed(database, run_id))
    assert (ranking.votes, ranking.pairs) == (100, 20)
    assert ranking.ranked[0].share == pytest.approx(pairs_won / 20)
    assert ranking.ranked[0].interval.low == pytest.approx(alone.ranked[0].interval.low, abs=1e-6)
    assert ranking.ranked[1].p == pytest.approx(alone.ranked[1].p, abs=1e-6)
    assert ("ahead of all others" in verdict(ranking)) is ahead
    assert "votes on the same pair weighed by how far they agree" in notes(ranking)[0]


def test_a_model_that_always_says_first_is_biased_in_every_pair() -> None:
    def vote(number: int, owner: str, orders: str) -> Vote:
        return Vote(number, 2 * number, 2 * number + 1, "tie", owner, True, None, 0.0, orders)

    model_votes = [vote(n, "openai/first", "first first") for n in range(10)]
    model_votes += [vote(n, "openai/fair", "first second" if n < 8 else "tie tie") for n in range(10)]
    model_votes += [vote(20, "openai/fair", "first tie"), vote(21, "openai/fair", "second second")]
    model_votes += [vote(22, "openai/old", "")]
    first, fair = order_biases(model_votes)
    assert (first.judge, first.pairs, first.changed, first.share) == ("openai/first", 10, 10, 1.0)
    assert (first.places.left, first.places.decided) == (10, 10)
    assert order_bias_words(first) == (
        "Position bias of openai/first: its preference changed with the order in 10 of 10 pairs (100 %): 10 times for"
        " the first place, 0 times for the second, the place seems to matter (p = 0.00098)."
    )
    assert (fair.pairs, fair.changed, fair.places.left, fair.places.decided) == (12, 2, 0, 1)
    assert "changed with the order in 2 of 12 pairs (17 %)" in order_bias_words(fair)


def test_the_sides_of_a_models_votes_are_no_bias_of_people(database: Database, carried: Carried) -> None:
    run_id = carried(each_its_own)
    votes.add(database, run_id, 0, 1, "left", "openai/m", by_model=True, orders="first second")
    ranking = standings(arena.read(database, run_id), votes.listed(database, run_id))
    assert (ranking.votes, ranking.bias.decided) == (1, 0)
    assert "Position bias" not in " ".join(notes(ranking))


def test_votes_on_replies_that_are_gone_are_counted_as_such(database: Database, carried: Carried) -> None:
    run_id = carried(each_its_own)
    this_arena = arena.read(database, run_id)
    stray = [Vote(1, 900, 901, "left", "ada", False, None, 0.0), Vote(2, 0, 0, "left", "ada", False, None, 0.0)]
    assert (standings(this_arena, stray).votes, standings(this_arena, stray).stale) == (0, 2)
    assert this_arena.next_pair(stray, "ada") == this_arena.next_pair([], "ada")


def test_agreement_is_by_the_two_replies_whatever_their_sides() -> None:
    def vote(number: int, left: int, right: int, outcome: VoteOutcome, owner: str, by_model: bool = False) -> Vote:
        return Vote(number, left, right, outcome, owner, by_model, None, 0.0)

    cast = [
        vote(1, 0, 1, "left", "ada"), vote(2, 2, 3, "right", "ada"), vote(3, 4, 5, "left", "ada"),
        vote(4, 1, 0, "right", "bo"), vote(5, 3, 2, "left", "bo"), vote(6, 4, 5, "right", "bo"),
        vote(7, 4, 5, "left", "bo"),  # a judge's latest word counts
        vote(8, 0, 1, "left", "m", True), vote(9, 2, 3, "left", "m", True), vote(10, 8, 9, "skip", "m", True),
    ]  # fmt: skip
    by_judges = {(one.one, one.other): one for one in agreements(cast)}
    assert (by_judges["ada", "bo"].same, by_judges["ada", "bo"].both, by_judges["ada", "bo"].kappa) == (3, 3, 1.0)
    assert (by_judges["ada", "m"].same, by_judges["ada", "m"].both) == (1, 2)
    assert by_judges["people together", "m"].both == 2
    assert agreements(cast[:3]) == []
    assert agreement_of_all(cast) == AgreementOfAll(3, pytest.approx(1 - 0.25 * 56 / 24))  # type: ignore[arg-type]
    assert "All 3 judges together: Krippendorff's alpha 0.42" in agreement_words(agreement_of_all(cast))
    assert agreement_words(agreement_of_all(cast[:3])) == ""


def test_preference_pairs_come_back_as_they_were_judged(database: Database, carried: Carried, tmp_path: Path) -> None:
    hostile = 'a\x00\u2028"\r\n```我'
    run_id = carried(lambda text, temperature: f"{hostile}{text} at {temperature}")
    outcomes: list[VoteOutcome] = ["left", "right", "tie", "skip"]
    pairs = judged(database, run_id, "ada", lambda *_: outcomes[len(votes.listed(database, run_id)) % 4], most=8)
    assert save_preferences(database, run_id, tmp_path / "out.jsonl") == 4
    lines = list(read_jsonl(tmp_path / "out.jsonl"))
    rows = {row.position: row for row in results.result_rows(database, run_id)}
    decided = [(p.left, p.right) if i % 4 == 0 else (p.right, p.left) for i, p in enumerate(pairs) if i % 4 < 2]
    for line, (preferred, rejected) in zip(lines, decided, strict=True):
        assert line["prompt"] == json.loads(rows[preferred].request_json or "")["messages"]
        assert [message["role"] for message in line["prompt"]] == ["system", "user"]
        assert line["chosen"] == [{"role": "assistant", "content": rows[preferred].output}]
        assert line["rejected"] == [{"role": "assistant", "content": rows[rejected].output}]
        metadata = line["metadata"]
        assert (metadata["judge"], metadata["by_model"], metadata["same_prompt"]) == ("ada", False, True)
        assert metadata["chosen"]["temperature"] == rows[preferred].parameters["temperature"]
        assert metadata["rejected"]["cell_id"] == rows[rejected].cell_id


def test_a_pair_out_of_two_prompts_says_so(database: Database, carried: Carried, tmp_path: Path) -> None:
    other = Prompt("shout", (Message("user", "Shout {{ word }}."),))
    run_id = carried(each_its_own, words=1, prompts=[PROMPT, other], temperatures=[0])
    judged(database, run_id, "ada", lambda *_: "left")
    save_preferences(database, run_id, tmp_path / "out.jsonl")
    (line,) = read_jsonl(tmp_path / "out.jsonl")
    metadata = line["metadata"]
    assert not metadata["same_prompt"]
    messages = {
        metadata["chosen"]["prompt"]: line["prompt"],
        metadata["rejected"]["prompt"]: metadata["rejected"]["messages"],
    }
    assert [message["content"] for message in messages["say"]] == ["Be brief.", "Say w0."]
    assert [message["content"] for message in messages["shout"]] == ["Shout w0."]


def test_the_command_line_ranks_and_exports(database: Database, carried: Carried, tmp_path: Path) -> None:
    run_id = carried(each_its_own, words=6)
    empty = CliRunner().invoke(main, ["arena", run_id])
    assert (empty.exit_code, "No votes of people yet" in empty.output) == (0, True)
    judged(database, run_id, "ada", colder)
    judged(database, run_id, "bo", colder, most=3)
    result = CliRunner().invoke(main, ["arena", "last"], catch_exceptions=False)
    lines = result.output.splitlines()
    assert " ".join(lines[0].split()) == "variant wins against the others 95 % interval won lost tied"
    assert lines[1].startswith("t = 0 ")
    assert "ada and bo: 3 of 3 pairs judged alike" in result.output
    body = json.loads(CliRunner().invoke(main, ["arena", run_id, "--json"]).output)
    assert [one["label"] for one in body["ranked"]] == ["t = 0", "t = 0.5", "t = 1"]
    assert body["agreement"][0]["same"] == 3
    assert body["agreement_of_all"]["judges"] == 2
    out = tmp_path / "pairs.jsonl"
    done = CliRunner().invoke(main, ["export", run_id, "--preferences", str(out)])
    assert (done.exit_code, "Wrote 21 preference pairs" in done.output) == (0, True)
    assert len(list(read_jsonl(out))) == 21
    assert CliRunner().invoke(main, ["arena", "nothing"]).exit_code == 2


def test_help_loads_no_numbers() -> None:
    code = "import sys, promptgrid.cli; assert not {'numpy', 'scipy', 'sqlalchemy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
