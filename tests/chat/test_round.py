"""What a branch of a conversation sends to each variant, and what is stored when."""

from __future__ import annotations

from dataclasses import replace

import pytest

from promptgrid import chat
from promptgrid.chat import ChatVariant, Round, Settings, to_json, tree
from promptgrid.errors import PlanError
from promptgrid.store import Database, conversations
from tests.chat.talk import OK, Talk
from tests.faults.modes import HOSTILE_TEXT
from tests.faults.server import HostileServer
from tests.running import until


@pytest.fixture(autouse=True)
def _answers(endpoint: HostileServer) -> None:
    """Models repeat the last message and add their temperature."""
    endpoint.answer = lambda body: f"{body['messages'][-1]['content']} at {body.get('temperature')}"


def test_a_reply_is_stored_with_its_facts_as_a_try(database: Database) -> None:
    talk = Talk(database)
    talk.add("user", "hello there")
    talk.ask()
    reply = talk.now.nodes[talk.now.leaf or 0].replies[1]
    assert (reply.text, reply.state, reply.model) == ("hello there at None", "answered", "ok")
    assert (reply.prompt_tokens, reply.completion_tokens, reply.cut) == (2, 4, 0)
    assert reply.reply_id is not None
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT kind, run_id FROM replies").all() == [("try", None)]


def test_variants_see_their_own_replies_and_system_messages(database: Database, hostile: HostileServer) -> None:
    talk = Talk(database, Settings((ChatVariant(1, OK), ChatVariant(2, OK, 0.5, "Be short."), ChatVariant(5, OK, 1.0))))
    talk.add("system", "Be kind.")
    talk.add("user", "one")
    talk.ask()
    talk.add("user", "two")
    talk.ask()
    calls = [request.body for request in hostile.requests if request.path.endswith("/completions")]
    sent = {body.get("temperature"): body["messages"] for body in calls[3:]}
    texts = {temperature: [m["content"] for m in messages] for temperature, messages in sent.items()}
    assert texts[None] == ["Be kind.", "one", "one at None", "two"]
    assert texts[0.5] == ["Be short.", "one", "one at 0.5", "two"]
    assert talk.said(5) == ["Be kind.", "one", "one at 1.0", "two", "two at 1.0"]


def test_a_variant_that_came_later_takes_what_was_said_by_the_first(database: Database) -> None:
    talk = Talk(database)
    talk.add("user", "one")
    talk.ask()
    assert talk.said(7) == ["one", "one at None"]
    own_system = ChatVariant(7, OK, system="Late.")
    now = talk.now
    assert [turn.message.role for _, turn in tree.sent(tree.path(now, now.leaf), own_system)] == [
        "system", "user", "assistant"]  # fmt: skip


def test_asking_again_and_editing_make_branches_that_stay(database: Database) -> None:
    talk = Talk(database)
    first = talk.add("user", "one")
    talk.ask()
    reply = talk.now.leaf or 0
    talk.add("user", "after")
    talk.ask()
    end = talk.now.leaf
    talk.add("user", "other", parent=reply)
    assert talk.said() == ["one", "one at None", "other"]
    now = talk.now
    assert tree.beside(now, now.nodes[now.leaf or 0]) == [3, now.leaf]
    assert tree.latest_leaf(now, 3) == end
    assert tree.leaves(now) == [end, now.leaf]
    assert tree.children(now, first) == [reply]
    conversations.set_leaf(database, talk.id, end)
    assert talk.said()[-1] == "after at None"


def test_a_deleted_turn_is_passed_over_and_comes_back(database: Database) -> None:
    talk = Talk(database)
    talk.add("user", "one")
    second = talk.add("assistant", "two")
    talk.add("user", "three")
    conversations.set_deleted(database, talk.id, second, True)
    assert talk.said() == ["one", "three"]
    conversations.set_deleted(database, talk.id, second, False)
    assert talk.said() == ["one", "two", "three"]


def test_the_rest_of_a_talk_is_asked_turn_by_turn(database: Database) -> None:
    talk = Talk(database, Settings((ChatVariant(1, OK), ChatVariant(2, OK, 0.5))))
    talk.add("user", "one")
    talk.ask()
    talk.add("user", "aside")
    talk.add("assistant", "yes")
    talk.add("user", "two")
    talk.ask()
    now = talk.now
    before = tree.path(now, now.leaf)
    slot, left = chat.go_on(database, talk.id, None, tree.steps(before))
    assert slot is not None
    this_round = Round(database, talk.id, slot, [1, 2], left)
    this_round.start()
    this_round.wait(60)
    again = tree.path(talk.now, talk.now.leaf)
    assert talk.said(2) == ["one", "one at 0.5", "aside", "yes", "two", "two at 0.5"]
    assert not {node.id for node in again} & {node.id for node in before}


def test_a_failure_is_kept_with_its_reason_and_ends_the_rest(database: Database) -> None:
    talk = Talk(database, Settings((ChatVariant(1, OK), ChatVariant(2, "openai/html"), ChatVariant(3, "nowhere/x"))))
    talk.add("user", "one")
    this_round = talk.ask(tree.Step("user", "never", asks=True))
    replies = talk.now.nodes[this_round.slot].replies
    assert replies[1].state == "answered"
    assert (replies[2].state, replies[3].state) == ("failed", "failed")
    assert replies[2].error
    assert "nowhere" in replies[3].error
    assert talk.said() == ["one", "one at None"]
    assert this_round.error is None


def test_half_a_reply_is_kept_when_it_is_stopped_or_breaks(database: Database, hostile: HostileServer) -> None:
    hostile.answer = lambda body: "word " * 2000
    talk = Talk(database, Settings((ChatVariant(1, "openai/slow-stream"),), room=4000))
    talk.add("user", "one")
    this_round = talk.ask(wait=False)
    until(lambda: this_round.live[1].text)
    this_round.stop()
    until(lambda: talk.now.nodes[this_round.slot].replies)
    reply = talk.now.nodes[this_round.slot].replies[1]
    assert reply.state == "stopped"
    assert reply.text.startswith("word")
    assert not this_round.running
    until(lambda: hostile.hung_up == 1)
    conversations.set_settings(database, talk.id, to_json(Settings((ChatVariant(1, "openai/half-stream"),))))
    talk.add("user", "again", parent=this_round.slot)
    slot = talk.ask().slot
    broken = talk.now.nodes[slot].replies[1]
    assert (broken.state, broken.text.strip()) == ("failed", "word word")


def test_what_does_not_fit_any_more_is_cut_and_told(database: Database, hostile: HostileServer) -> None:
    settings = Settings((ChatVariant(1, OK),), limit=200, room=50)
    talk = Talk(database, settings)
    talk.add("system", "Be kind.")
    for number in range(4):
        talk.add("user", f"{number} " + "long " * 40)
        talk.add("assistant", "short")
    talk.add("user", "last")
    this_round = talk.ask()
    sent = [m["content"] for m in hostile.requests[-1].body["messages"]]
    cut = talk.now.nodes[this_round.slot].replies[1].cut
    assert (sent[0], sent[-1]) == ("Be kind.", "last")
    assert len(sent) == 10 - cut
    assert cut in (4, 6)
    conversations.set_settings(database, talk.id, to_json(replace(settings, room=190)))
    talk.add("user", "more " * 60)
    slot = talk.ask().slot
    reply = talk.now.nodes[slot].replies[1]
    assert "exceed the limit of 200: nothing was sent" in reply.error
    assert hostile.calls("ok") == 1


def test_without_a_question_nothing_is_asked(database: Database) -> None:
    with pytest.raises(PlanError, match="no user turn"):
        chat.prepare([], ChatVariant(1, OK), Settings())


def test_hostile_text_is_kept_as_it_is(database: Database, hostile: HostileServer) -> None:
    hostile.answer = lambda body: HOSTILE_TEXT
    talk = Talk(database)
    talk.add("user", "a lone \ud800 surrogate")
    talk.ask()
    assert talk.said() == ["a lone \ufffd surrogate", HOSTILE_TEXT]
