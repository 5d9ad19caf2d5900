"""Checks over stored replies, against real sockets: added, changed, removed, judged; nothing is sent unsaid."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from promptgrid.calls import call
from promptgrid.cli import main
from promptgrid.errors import LibraryError, PlanError
from promptgrid.grading import parse_check
from promptgrid.judging import rescore
from promptgrid.prompt import Message, Prompt
from promptgrid.runner import client
from promptgrid.store import Database, plans, results, runs, scores
from promptgrid.store.schema import replies
from promptgrid.store.schema import scores as scores_table
from tests.judging.rechecks import ADD, a_plan, completions, rechecked, values
from tests.running import a_run, carried_out, resumed

if TYPE_CHECKING:
    from tests.faults.server import HostileServer

SAY = Prompt("say", (Message("user", "Say {{ a }}."),))
JUDGE = "judge:model=openai/wise,scale=1-5"


@pytest.fixture(autouse=True)
def _answers(endpoint: HostileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Models say a number; `wise` judges: 5 for the 2 among them, 1 for others."""
    endpoint.answer = answered
    monkeypatch.setattr(call, "_FIRST_WAIT_S", 0.002)


def answered(body: dict[str, Any]) -> str:
    text = body["messages"][-1]["content"]
    if "<reply " in text:
        return "It is right.\nVerdict: 5" if "It is 2." in text else "It is not.\nVerdict: 1"
    return "It is 2."


def sent(hostile: HostileServer, model: str) -> int:
    return completions(hostile).count(model)


def test_checks_are_added_changed_and_removed_and_nothing_is_sent(database: Database, hostile: HostileServer) -> None:
    run_id = a_run(database, a_plan())
    assert values(database, run_id) == {"number": [1, 0, None]}
    before = len(hostile.requests)
    rechecked(database, run_id, "length:max=3", "number:tolerance=1")
    assert values(database, run_id) == {"number": [1, 1, None], "length": [1, 1, 1]}
    rechecked(database, run_id, remove=["length"])
    assert values(database, run_id) == {"number": [1, 1, None]}
    rechecked(database, run_id, remove=["number"])
    assert values(database, run_id) == {}
    assert runs.plan_of(database, run_id).checks == ()
    assert len(hostile.requests) == before


def test_the_usual_checks_stay_each_with_its_prompt(database: Database) -> None:
    run_id = a_run(database, a_plan([ADD, SAY]))
    rechecked(database, run_id, "length:max=9")
    assert values(database, run_id) == {"number": [1, 0, None], "contains": [1, 0, None], "length": [1] * 6}
    assert [str(check) for check in runs.plan_of(database, run_id).checks or ()] == ["usual", "length:max=9.0"]
    rechecked(database, run_id, remove=["contains"])
    assert "contains" not in values(database, run_id)


def test_cells_that_come_later_are_scored_the_same(database: Database, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("def score(output, inputs): return inputs['a'] == '1'\n")
    run_id = a_run(database, a_plan())
    rechecked(database, run_id, "length:max=1", f"python:file={tmp_path / 'own.py'}")
    client.extend(database, run_id, samples=2)
    assert carried_out(database, run_id) == "finished"
    assert sorted(values(database, run_id)["length"], key=str) == [0] * 6
    assert sorted(values(database, run_id)["python"], key=str) == [0, 0, 0, 0, 1, 1]


def test_a_judge_is_told_asked_once_and_counted(database: Database, hostile: HostileServer) -> None:
    run_id = a_run(database, a_plan(samples=3))
    planned = rescore.plan_recheck(database, run_id, add=[parse_check(JUDGE)])
    (sheet,) = rescore.preflights(database, planned)
    assert (sheet.ref, sheet.calls, sheet.shared, sheet.answered, sheet.free) == ("openai/wise", 3, 6, 0, True)
    assert sent(hostile, "wise") == 0
    steps: list[tuple[int, int]] = []
    rescore.carry_out(database, planned, on_progress=lambda *done: steps.append(done))
    assert steps[-1] == (9, 9)
    assert values(database, run_id)["judge"] == [1] * 9
    assert (sent(hostile, "wise"), sent(hostile, "m")) == (3, 9)  # the same reply to the same question is judged once
    with database.read() as connection:
        rows = connection.execute(sa.select(replies.c.id, replies.c.run_id).where(replies.c.kind == "judge")).all()
        ids = connection.scalars(sa.select(scores_table.c.judge_reply_id)).all()
    assert [row.run_id for row in rows] == [run_id] * 3
    assert {row.id for row in rows} == set(ids) - {None}
    rechecked(database, run_id, JUDGE)
    assert sent(hostile, "wise") == 3
    rechecked(database, run_id, JUDGE, fresh=True)
    assert sent(hostile, "wise") == 6


def test_a_judges_explanation_and_prompt_are_kept_with_the_run(database: Database, hostile: HostileServer) -> None:
    run_id = a_run(database, a_plan())
    rechecked(database, run_id, f"polite={JUDGE},rubric=Is it polite, sir?")
    row = next(iter(results.result_rows(database, run_id)))
    assert row.scores["polite"].explanation == "5: It is right. Verdict: 5"
    text = hostile.requests[-1].body["messages"][-1]["content"]
    for part in ("Add ", "It is 2.", "Is it polite, sir?", "from 1 (worst) to 5 (best)"):
        assert part in text
    (check,) = [check for check in runs.plan_of(database, run_id).all_checks if check.name == "polite"]
    name, _, version = check.options["prompt"].partition("@")
    assert plans.prompt_at(database, name, version).version == version


def test_a_judges_prompt_of_ones_own(database: Database, hostile: HostileServer, tmp_path: Path) -> None:
    mine = tmp_path / "strict.prompty"
    mine.write_text(
        "---\nname: strict\nmetadata:\n  answer: {kind: label, labels: [pass, fail]}\n---\nuser:\n{{ output }}?\n"
    )
    hostile.answer = lambda body: "It is a fail." if body["model"] == "wise" else "2"
    run_id = a_run(database, a_plan())
    rechecked(database, run_id, f"judge:model=openai/wise,scale=pass/fail,prompt={mine}")
    assert values(database, run_id)["judge"] == [0] * 3
    mine.unlink()
    rechecked(database, run_id)  # the version is kept
    assert values(database, run_id)["judge"] == [0] * 3


@pytest.mark.parametrize(
    ("nonsense", "why"),
    [
        ("Lovely.", "the judge gave no mark of 1-5, but: Lovely."),
        ("Verdict: 9", "the judge gave no mark of 1-5, but: Verdict: 9"),
        ("", "the judge gave no mark of 1-5, but:"),
    ],
)
def test_a_judge_that_answers_nonsense_scores_nothing(
    database: Database, hostile: HostileServer, nonsense: str, why: str
) -> None:
    run_id = a_run(database, a_plan())
    hostile.answer = lambda body: nonsense
    rechecked(database, run_id, JUDGE)
    assert values(database, run_id)["judge"] == [None] * 3
    assert why in next(iter(results.result_rows(database, run_id))).scores["judge"].explanation
    (total,) = [total for total in scores.totals(database, run_id) if total.check == "judge"]
    assert (total.mean, total.scored, total.unscored, total.failed) == (None, 0, 3, 3)


@pytest.mark.parametrize(
    ("mode", "why", "calls"),
    [("unauthorized", "key", 3), ("html", "the check failed", 9), ("server-error", "the check failed", 18)],
)
def test_a_judge_whose_endpoint_fails_scores_nothing_and_is_asked_again_later(
    database: Database, hostile: HostileServer, mode: str, why: str, calls: int
) -> None:
    run_id = a_run(database, a_plan())
    hostile.script("wise", *[mode] * 18, "ok")
    rechecked(database, run_id, JUDGE)
    assert values(database, run_id)["judge"] == [None] * 3
    assert why in next(iter(results.result_rows(database, run_id))).scores["judge"].explanation
    assert sent(hostile, "wise") <= calls
    hostile.script("wise", "ok")
    rechecked(database, run_id)
    assert values(database, run_id)["judge"] == [1, 1, 1]


@pytest.mark.parametrize("retries", [0, 2])
def test_a_judge_is_sent_again_as_often_as_the_plan_says(
    database: Database, hostile: HostileServer, retries: int
) -> None:
    hostile.script("wise", *["server-error"] * 99)
    run_id = a_run(database, a_plan(checks=["usual", JUDGE], retries=retries))
    assert sent(hostile, "wise") == 3 * (1 + retries)
    rechecked(database, run_id, JUDGE)
    assert sent(hostile, "wise") == 6 * (1 + retries)


def test_a_judge_of_a_new_run_is_told_before_and_asked_at_its_end(database: Database, hostile: HostileServer) -> None:
    plan = a_plan(checks=["usual", JUDGE], samples=2)
    (judge,) = client.preflight(database, plan).judges
    assert (judge.ref, judge.calls, judge.exact) == ("openai/wise", 6, False)
    run_id = a_run(database, plan)
    assert values(database, run_id) == {"number": [1, 1, 0, 0, None, None], "judge": [1] * 6}
    assert completions(hostile) == ["m"] * 6 + ["wise"] * 3
    before = len(hostile.requests)
    assert resumed(database, run_id) == "finished"
    assert len(hostile.requests) == before


def test_a_run_whose_judge_failed_goes_on_where_it_stopped(database: Database, hostile: HostileServer) -> None:
    hostile.script("wise", "ok", "html")
    run_id = a_run(database, a_plan(checks=[JUDGE], concurrency=1))
    assert sorted(values(database, run_id)["judge"], key=str) != [1] * 3
    hostile.script("wise", "ok")
    assert resumed(database, run_id) == "finished"
    assert values(database, run_id)["judge"] == [1] * 3
    assert sent(hostile, "m") == 3


def test_a_budget_holds_for_judges_too(database: Database, hostile: HostileServer) -> None:
    run_id = client.submit(database, a_plan(checks=[JUDGE], budget="4calls"))
    assert carried_out(database, run_id) == "stopped"
    assert (sent(hostile, "m"), sent(hostile, "wise")) == (3, 1)
    assert "budget" in runs.find_run(database, run_id).message
    runs.set_limits(database, run_id, budget="6calls")
    assert resumed(database, run_id) == "finished"
    assert sent(hostile, "wise") == 3


def test_a_check_over_many_replies_comes_in_chunks(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scores, "CHUNK", 2)
    run_id = a_run(database, a_plan(samples=5))
    rechecked(database, run_id, "length:max=3")
    assert values(database, run_id)["length"] == [1] * 15


def test_chosen_replies_are_read_and_no_others(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scores, "CHUNK", 2)
    run_id = a_run(database, a_plan(samples=3))
    chunks = list(scores.answered(database, run_id, {8, 0, 5, 99}))
    assert [[one.position for one in chunk] for chunk in chunks] == [[0, 5], [8]]
    assert chunks[0][1].scored == {"number"}


@pytest.mark.parametrize(
    ("add", "remove", "says"),
    [
        ([], ["nubmer"], "Did you mean number?"),
        (["judge:model=opnai/wise"], [], "Did you mean openai?"),
        (["judge:model=openai/wise,prompt=no-such"], [], "no prompt 'no-such'"),
        (["python:file=nowhere.py"], [], "Cannot read"),
    ],
)
def test_a_check_that_cannot_be_carried_out_changes_nothing(
    database: Database, add: list[str], remove: list[str], says: str
) -> None:
    run_id = a_run(database, a_plan())
    with pytest.raises((PlanError, LibraryError)) as caught:
        rechecked(database, run_id, *add, remove=remove)
    assert says in str(caught.value)
    assert values(database, run_id) == {"number": [1, 0, None]}


def test_a_judges_prompt_that_cannot_judge_is_refused(database: Database, tmp_path: Path) -> None:
    blind = tmp_path / "blind.prompty"
    for text, says in (("{{ rubric }}", "does not show the judge"), ("{{ output }} {{ mood }}", "needs 'mood'")):
        blind.write_text(f"---\nname: blind\n---\nuser:\n{text}\n")
        with pytest.raises(PlanError, match=says):
            client.submit(database, a_plan(checks=[f"judge:model=openai/wise,prompt={blind}"]))


def test_checks_of_a_run_at_work_stay_as_they_are(database: Database) -> None:
    run_id = client.submit(database, a_plan())
    with pytest.raises(PlanError, match="is active"):
        rechecked(database, run_id, "length:max=3")


def test_replies_of_judges_that_a_score_shows_outlive_their_run(database: Database, hostile: HostileServer) -> None:
    first = a_run(database, a_plan(checks=[JUDGE]))
    second = a_run(database, a_plan(checks=[JUDGE]))
    assert sent(hostile, "wise") == 3
    runs.delete(database, first)
    runs.purge(database)
    assert values(database, second)["judge"] == [1] * 3


def test_the_command_line_checks_again(database: Database, tmp_path: Path) -> None:
    run_id = a_run(database, a_plan())
    result = CliRunner().invoke(main, ["check", "last", "--check", "length:max=1", "--check", JUDGE, "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["checks"][0] == {
        "check": "judge", "mean": 1.0, "scored": 3, "unscored": 0, "failed": 0,
    }  # fmt: skip
    assert "judged by openai/wise: 3 calls" in result.stderr
    (tmp_path / "own.py").write_text("def score(output): raise ValueError('no')\n")
    result = CliRunner().invoke(main, ["check", run_id, "--check", f"python:file={tmp_path / 'own.py'}"])
    assert result.exit_code == 1, result.output
    assert "python: 3 scores: the check failed: ValueError: no" in result.stderr
    assert CliRunner().invoke(main, ["check", run_id, "--remove", "pythn"]).exit_code == 2
    result = CliRunner().invoke(main, ["check", run_id, "--check", "regex:pattern=("])
    assert "The check regex scores nothing: the pattern '(' is wrong" in result.stderr


def test_a_run_that_is_paused_while_it_is_judged_goes_on(database: Database, hostile: HostileServer) -> None:
    run_id = client.submit(database, a_plan(checks=[JUDGE], concurrency=1))

    def pausing(body: dict[str, Any]) -> str:
        if body["model"] == "wise":
            runs.ask(database, run_id, "pause")
            time.sleep(0.7)  # the runner looks four times a second
        return answered(body)

    hostile.answer = pausing
    assert carried_out(database, run_id) == "paused"
    judged = sent(hostile, "wise")
    hostile.answer = answered
    assert resumed(database, run_id) == "finished"
    assert values(database, run_id)["judge"] == [1] * 3
    assert (sent(hostile, "m"), sent(hostile, "wise")) == (3, 3)
    assert judged <= 3
