"""What a runner commits is stored to the letter, or not at all."""

from __future__ import annotations

import pytest

from promptgrid.store import Database, commits, results
from promptgrid.store.commits import CellOutcome, CellResult, Group
from tests.commits import HOSTILE, answer_all, answered, greeting_plan, queued

pytestmark = pytest.mark.usefixtures("openai")


def test_hostile_text_is_stored_and_read_back(database: Database) -> None:
    run_id = queued(database, greeting_plan())
    answer_all(database, run_id, HOSTILE)
    rows = list(results.result_rows(database, run_id))
    assert rows[0].output == HOSTILE.replace("\ud800", "\ufffd")
    assert rows[1].inputs["name"] == HOSTILE  # inputs are what was typed, to the letter


def test_odd_names_from_a_server_do_not_lose_a_reply(database: Database) -> None:
    run_id = queued(database, greeting_plan())
    epoch = commits.claim(database, run_id)
    odd = answered(0, model_returned="m\ud800", finish_reason="\udfff")
    commits.commit(database, run_id, epoch, Group([odd]))
    assert next(results.result_rows(database, run_id)).model_returned == "m\ufffd"


def test_a_lost_epoch_commits_nothing(database: Database) -> None:
    run_id = queued(database, greeting_plan())
    old = commits.claim(database, run_id)
    commits.claim(database, run_id)
    with pytest.raises(commits.Fenced):
        commits.commit(database, run_id, old, Group([CellOutcome(CellResult(0, "failed"))]))
    assert {row.status for row in results.result_rows(database, run_id)} == {"pending"}
