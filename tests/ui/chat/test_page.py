"""The Chat page without a browser: what is sent and kept, branches and their way back, what a conversation becomes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from promptgrid import chat
from promptgrid.cases.table import read_cases
from promptgrid.chat import ChatVariant, Settings, tree
from promptgrid.errors import PlanError
from promptgrid.library.folder import Library
from promptgrid.store import Database, conversations, drafts
from promptgrid.ui.chat import actions
from tests.faults.disk import Disk
from tests.faults.modes import HOSTILE_TEXT
from tests.faults.server import HostileServer
from tests.ui import pages
from tests.ui.pages import ran, shown

pytestmark = pytest.mark.usefixtures("library")
opened = partial(pages.opened, "10_Chat.py")
OK = "openai/ok"


@pytest.fixture(autouse=True)
def _answers(endpoint: HostileServer) -> None:
    endpoint.answer = lambda body: f"re: {body['messages'][-1]['content']}"


def begun(database: Database, *turns: tuple[str, str], settings: Settings | None = None) -> str:
    """A conversation with these turns."""
    new = conversations.create(database, "Talk", chat.to_json(settings or Settings((ChatVariant(1, OK),))))
    at: int | None = None
    for role, text in turns:
        at = conversations.add_turn(database, new, at, role, text)  # type: ignore[arg-type]
    return new


def said(database: Database, conversation_id: str, variant: int = 1) -> list[str]:
    now = conversations.load(database, conversation_id)
    return [tree.text_of(node, variant) for node in tree.path(now, now.leaf)]


def answered(at: AppTest, conversation_id: str) -> AppTest:
    """After the replies in flight have come."""
    actions.rounds()[conversation_id].wait(60)
    return ran(at)


def send(at: AppTest, conversation_id: str, text: str) -> AppTest:
    at.text_area(key=actions.text_key(conversation_id)).set_value(text)
    at.button(key="chat_send").click()
    return answered(ran(at), conversation_id)


def press(at: AppTest, conversation_id: str, act: str, turn: int, **more: Any) -> AppTest:
    """What the log does when it is pressed; then the page is drawn."""
    actions.act(conversation_id, {"act": act, "id": turn, **more})
    if actions.running(conversation_id):
        return answered(at, conversation_id)
    return ran(at)


def test_the_food_order_is_the_first_conversation(database: Database) -> None:
    at = opened()
    assert "no conversation yet" in shown(at)
    at.button(key="chat_first").click()
    ran(at)
    info = conversations.listed(database)[0]
    assert (info.name, len(said(database, info.id))) == ("food-order", 5)
    assert "burger" in str(at.text_area(key=actions.text_key(info.id)).value)
    assert conversations.load(database, info.id).settings["variants"][0]["temperature"] == 0.7


def test_a_turn_is_sent_answered_and_stored(database: Database) -> None:
    talk = begun(database)
    at = send(opened(chat=talk), talk, "hello")
    assert said(database, talk) == ["hello", "re: hello"]
    assert at.text_area(key=actions.text_key(talk)).value == ""
    send(at, talk, "again")
    assert said(database, talk)[2:] == ["again", "re: again"]


def test_a_temperature_out_of_range_is_not_sent(database: Database, hostile: HostileServer) -> None:
    talk = begun(database)
    at = opened(chat=talk)
    at.number_input(key=f"chat_temperature_{talk}_1").set_value(7)
    assert "From 0 to 2." in shown(ran(at))
    at.text_area(key=actions.text_key(talk)).set_value("hello")
    at.button(key="chat_send").click()
    assert "Temperature 7 is out of range.  \nIt goes from 0 to 2." in shown(ran(at))
    assert at.text_area(key=actions.text_key(talk)).value == "hello"
    assert said(database, talk) == []
    assert "/v1/chat/completions" not in [request.path for request in hostile.requests]


def test_what_is_typed_is_kept_as_a_draft_and_gone_when_sent(database: Database) -> None:
    talk = begun(database)
    at = opened(chat=talk)
    at.text_area(key=actions.text_key(talk)).set_value("half a tho")
    ran(at)
    assert opened(chat=talk).text_area(key=actions.text_key(talk)).value == "half a tho"
    send(at, talk, "whole")
    assert drafts.draft(database, actions.draft_key(talk)) is None


def test_a_turn_is_added_without_asking_and_asked_for_later(database: Database, hostile: HostileServer) -> None:
    talk = begun(database)
    at = opened(chat=talk)
    at.text_area(key=actions.text_key(talk)).set_value("wait")
    at.button(key="chat_add").click()
    ran(at)
    assert (said(database, talk), hostile.calls("ok")) == (["wait"], 0)
    at.button(key="chat_send").click()
    answered(ran(at), talk)
    assert said(database, talk) == ["wait", "re: wait"]
    at.button(key="chat_send").click()
    assert "nothing to send" in shown(ran(at))


def test_two_variants_answer_side_by_side(database: Database, hostile: HostileServer) -> None:
    hostile.answer = lambda body: f"{body['messages'][0]['content']} {body.get('temperature')}"
    talk = begun(database, ("system", "Be kind."))
    at = opened(chat=talk)
    at.button(key="chat_add_variant").click()
    ran(at)
    at.number_input(key=f"chat_temperature_{talk}_2").set_value(1.5)
    ran(at)
    at.checkbox(key=f"chat_own_{talk}_2").check()
    ran(at)
    at.text_area(key=f"chat_system_{talk}_2").set_value("Be short.")
    send(ran(at), talk, "hello")
    assert said(database, talk, 1)[-1] == "Be kind. None"
    assert said(database, talk, 2)[-1] == "Be short. 1.5"
    at.button(key=f"chat_remove_{talk}_1").click()
    ran(at)
    assert [v["id"] for v in conversations.load(database, talk).settings["variants"]] == [2]
    at.button(key=f"chat_changes_{talk}_undo").click()
    ran(at).checkbox(key=f"chat_own_{talk}_2").uncheck()
    ran(at)
    assert [v["id"] for v in conversations.load(database, talk).settings["variants"]] == [1, 2]
    at.button(key=f"chat_changes_{talk}_undo").click()
    assert ran(at).text_area(key=f"chat_system_{talk}_2").value == "Be short."


def test_edit_branch_ask_again_delete_and_the_way_back(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    undo: list[Callable[[], None]] = []
    monkeypatch.setattr(actions, "offer_undo", lambda page, text, restore: undo.append(restore))
    talk = begun(database)
    at = send(opened(chat=talk), talk, "one")
    at = send(at, talk, "two")
    first, reply, second, last = (node.id for node in actions.on_screen(conversations.load(database, talk)))

    press(at, talk, "edit", first, variant=None, text="ONE", how="here")
    assert said(database, talk) == ["ONE", "re: one", "two", "re: two"]
    press(at, talk, "edit", reply, variant=1, text="mine", how="here")
    assert said(database, talk)[1] == "mine"
    for texts in (["ONE", "re: one"], ["one", "re: one"]):
        undo.pop()()
        assert said(database, talk)[:2] == texts
    assert conversations.load(database, talk).nodes[reply].replies[1].state == "answered"
    press(at, talk, "edit", first, variant=None, text="ONE", how="here")
    press(at, talk, "edit", reply, variant=1, text="mine", how="here")
    press(at, talk, "edit", first, variant=None, text="other", how="branch")
    assert said(database, talk) == ["other", "re: other", "two", "re: two"]
    now = conversations.load(database, talk)
    press(at, talk, "sibling", actions.on_screen(now)[0].id, by=-1)
    assert said(database, talk) == ["ONE", "mine", "two", "re: two"]
    press(at, talk, "again", last)
    assert len(tree.beside(conversations.load(database, talk), now.nodes[last])) == 2
    press(at, talk, "branch", reply)
    assert said(database, talk) == ["ONE", "mine"]
    at.button(key="chat_go_on").click()
    ran(at)
    assert said(database, talk) == ["ONE", "mine", "two", "re: two"]
    conversations.set_deleted(database, talk, second, True)
    at.session_state["chat_undo"] = (talk, second)
    ran(at)
    assert said(database, talk) == ["ONE", "mine", "re: two"]
    at.button(key="chat_undo_button").click()
    ran(at)
    assert said(database, talk)[2] == "two"


def test_a_refused_edit_keeps_its_text_until_it_is_carried_out(database: Database) -> None:
    talk = begun(database, ("user", "one"))
    turn = actions.on_screen(conversations.load(database, talk))[0].id
    opened(chat=talk)
    edit = {"act": "edit", "id": turn, "variant": None, "how": "here"}
    for times in (1, 2):
        with pytest.raises(PlanError):
            actions.act(talk, {**edit, "text": " "})
        assert actions.refused_edit(talk) == {**edit, "text": " ", "times": times}
    actions.act(talk, {**edit, "text": "two"})
    assert actions.refused_edit(talk) is None
    conversations.set_deleted(database, talk, turn, True)
    with pytest.raises(PlanError, match="deleted in another tab"):
        actions.act(talk, {**edit, "text": "three"})
    actions.act(talk, {"act": "delete", "id": turn})  # a second press is no error
    assert actions.refused_edit(talk) is None


def test_the_text_of_an_edit_whose_turn_is_gone_can_be_copied(database: Database) -> None:
    talk = begun(database, ("user", "one"))
    turn = actions.on_screen(conversations.load(database, talk))[0].id
    at = opened(chat=talk)
    conversations.set_deleted(database, talk, turn, True)
    message = {"act": "edit", "id": turn, "variant": None, "how": "here", "text": "three", "times": 1}
    at.session_state[f"chat_refused_{talk}"] = message
    assert [code.value for code in ran(at).code] == ["three"]


def test_what_replays_a_turn_is_offered_where_more_than_one_reply_follows(database: Database) -> None:
    talk = begun(database)
    at = send(send(opened(chat=talk), talk, "one"), talk, "two")
    [element] = [e for e in at.get("bidi_component") if e.proto.component_name == "promptgrid_chat"]
    offered = ["rerun" in turn["acts"] for turn in json.loads(element.proto.json)["turns"]]
    assert offered == [True, False, False, False]


def test_another_system_message_and_run_again_keep_the_old_branch_to_compare_with(
    database: Database, hostile: HostileServer
) -> None:
    hostile.answer = lambda body: f"{body['messages'][0]['content']} {body['messages'][-1]['content']}"
    talk = begun(database, ("system", "Kind."))
    at = send(send(opened(chat=talk), talk, "one"), talk, "two")
    system = actions.on_screen(conversations.load(database, talk))[0].id
    press(at, talk, "edit", system, variant=None, text="Rude.", how="branch")
    assert said(database, talk) == ["Rude.", "one", "Rude. one", "two", "Rude. two"]
    assert len(tree.leaves(conversations.load(database, talk))) == 2


def test_a_small_limit_cuts_the_oldest_and_says_so(database: Database) -> None:
    long = "word " * 40
    talk = begun(
        database, ("system", "Kind."), ("user", long), ("assistant", long), ("user", long), ("assistant", "ok")
    )
    at = opened(chat=talk)
    at.number_input(key=f"chat_room_{talk}").set_value(20)
    ran(at)
    at.select_slider(key=f"chat_limit_{talk}").set_value(128)
    ran(at)
    assert "Not sent: 2 turns" in shown(at)
    at.selectbox(key=f"chat_policy_{talk}").select("oldest")
    assert "1 system message" in shown(ran(at))
    send(at, talk, "still there?")
    cut = conversations.load(database, talk).nodes[6 + 1].replies[1].cut
    assert cut >= 2


@pytest.mark.parametrize("kind", ["messages", "examples"])
def test_it_becomes_a_prompt(database: Database, library: Library, kind: str) -> None:
    talk = begun(database, ("system", "Kind."), ("user", "a"), ("assistant", "b"), ("user", "c {{ d }}"))
    at = opened(chat=talk)
    at.radio(key="chat_save_kind").set_value(f"A prompt, turns as {kind}")
    at.text_input(key="chat_save_name").set_value("talked")
    at.button(key="chat_save_now").click()
    assert "Saved as the prompt talked" in shown(ran(at))
    prompt = library.load("talked")[0]
    assert (len(prompt.messages), len(prompt.examples)) == ((4, 0) if kind == "messages" else (2, 1))
    at.button(key="chat_save_now").click()
    assert "already" in shown(ran(at))


def test_it_becomes_a_case(database: Database, library: Library) -> None:
    talk = begun(database, ("user", "a"), ("assistant", "b"))
    at = opened(chat=talk)
    at.radio(key="chat_save_kind").set_value("A case")
    at.text_input(key="chat_save_name").set_value("talks")
    for _ in range(2):
        at.button(key="chat_save_now").click()
        ran(at)
    cases = read_cases(library.folder / "cases" / "talks.csv").cases
    assert [(dict(case.inputs), case.expected) for case in cases] == [({"question": "a"}, "b")] * 2


def test_conversations_are_renamed_deleted_and_brought_back(database: Database) -> None:
    talk = begun(database)
    at = opened(chat=talk)
    at.text_input(key=f"chat_name_{talk}").set_value("Mine")
    ran(at)
    assert conversations.listed(database)[0].name == "Mine"
    at.button(key="chat_delete").click()
    ran(at)
    assert conversations.listed(database) == []
    at.button(key="chat_undo_button").click()
    ran(at)
    assert [info.id for info in conversations.listed(database)] == [talk]


def test_a_conversation_that_is_gone_is_said_to_be(database: Database) -> None:
    assert "no conversation nowhere any more" in shown(opened(chat="nowhere"))


def test_hostile_replies_and_names_are_never_interpreted(database: Database, hostile: HostileServer) -> None:
    hostile.answer = lambda body: HOSTILE_TEXT
    talk = begun(database)
    conversations.rename(database, talk, HOSTILE_TEXT)
    at = send(opened(chat=talk), talk, HOSTILE_TEXT)
    assert said(database, talk)[1] == HOSTILE_TEXT
    for element in (*at.markdown, *at.caption):
        assert "![pixel](http" not in str(element.value)


def test_while_the_model_answers_it_can_be_stopped_and_nothing_else(database: Database, hostile: HostileServer) -> None:
    hostile.answer = lambda body: "word " * 3000
    talk = begun(database, settings=Settings((ChatVariant(1, "openai/slow-stream"),), room=9000))
    at = opened(chat=talk)
    at.text_area(key=actions.text_key(talk)).set_value("go")
    at.button(key="chat_send").click()
    ran(at)
    again = opened(chat=talk)  # a refresh, in the middle of it
    round_of_replies = actions.rounds()[talk]
    deadline = time.monotonic() + 60
    while not round_of_replies.live[1].text and time.monotonic() < deadline:
        time.sleep(0.01)
    again.button(key="chat_stop").click()
    ran(again)
    answered(again, talk)
    reply = conversations.load(database, talk).nodes[round_of_replies.slot].replies[1]
    assert (reply.state, reply.text[:4]) == ("stopped", "word")
    assert again.button(key="chat_send")


def test_a_reply_that_comes_while_the_page_is_drawn_is_not_waited_for(database: Database) -> None:
    class Quick(chat.Round):
        looked = 0

        @property
        def running(self) -> bool:
            self.looked += 1
            return self.looked == 1

    talk = begun(database, ("user", "go"), ("assistant", "done"))
    slot = conversations.load(database, talk).leaf or 0
    actions.rounds()[talk] = Quick(database, talk, slot, [1])
    at = opened(chat=talk)
    assert not [button for button in at.button if button.key == "chat_stop"]


def test_a_reply_that_ends_after_the_conversation_was_read_is_read_too(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Ending(chat.Round):
        ended = False

        @property
        def running(self) -> bool:
            return not self.ended

    talk = begun(database, ("user", "go"), ("assistant", ""))
    ending = Ending(database, talk, conversations.load(database, talk).leaf or 0, [1])
    actions.rounds()[talk] = ending
    reads: list[bool] = []
    load = conversations.load

    def read(store: Database, conversation_id: str) -> conversations.Conversation:
        conversation = load(store, conversation_id)
        reads.append(ending.ended)
        ending.ended = True
        return conversation

    monkeypatch.setattr(conversations, "load", read)
    at = opened(chat=talk)
    assert reads[0] is False
    assert reads[-1] is True
    assert not [button for button in at.button if button.key == "chat_stop"]


def test_a_turn_is_not_edited_away(database: Database) -> None:
    talk = begun(database, ("user", "one"), ("assistant", "two"))
    first = conversations.load(database, talk).leaf
    for how in ("here", "branch"):
        with pytest.raises(PlanError, match="The turn is empty"):
            actions.act(talk, {"act": "edit", "id": first, "variant": None, "text": " \n", "how": how})
    assert said(database, talk) == ["one", "two"]


def test_one_that_was_deleted_in_another_tab_says_so_and_comes_back(database: Database) -> None:
    talk = begun(database, ("user", "one"), ("assistant", "two"))
    at = opened(chat=talk)
    assert "is deleted" not in shown(at)
    conversations.delete(database, talk)
    assert "This conversation is deleted" in shown(ran(at))
    at.button(key="chat_restore_this").click()
    assert "is deleted" not in shown(ran(at))
    assert [info.id for info in conversations.listed(database)] == [talk]


def test_a_full_disk_is_said_and_neither_a_text_nor_half_a_conversation_is_lost(database: Database, disk: Disk) -> None:
    at = opened()
    disk.full = True
    at.button(key="chat_first").click()
    assert "free some space" in shown(ran(at))
    assert conversations.listed(database) == []
    disk.full = False
    at.button(key="chat_first").click()
    ran(at)
    talk = conversations.listed(database)[0].id
    key = actions.text_key(talk)
    disk.full = True
    at.text_area(key=key).set_value("A salad, please.")
    assert "free some space" in shown(ran(at))
    at.button(key="chat_add").click()
    ran(at)
    assert at.text_area(key=key).value == "A salad, please."
    disk.full = False
    at.button(key="chat_add").click()
    ran(at)
    assert said(database, talk)[-1] == "A salad, please."
    assert not at.text_area(key=key).value
