"""Conversations: what a branch sends to each variant, what is stored when, and what a conversation can become."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from promptgrid import chat, techniques
from promptgrid.cases.table import Cases, read_cases
from promptgrid.chat import ChatVariant, Round, Settings, from_json, to_json, tree
from promptgrid.errors import PlanError, PromptError, StoreError
from promptgrid.library.folder import Library
from promptgrid.paths import shipped_folder
from promptgrid.prompt import Message, dumps, loads, render
from promptgrid.store import Database, conversations
from promptgrid.store.conversations import Conversation, VariantReply
from tests.faults.modes import HOSTILE_TEXT
from tests.faults.server import HostileServer

OK = "openai/ok"


@pytest.fixture
def database(hostile: HostileServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    hostile.answer = lambda body: f"{body['messages'][-1]['content']} at {body.get('temperature')}"
    monkeypatch.setenv("OPENAI_BASE_URL", hostile.url)
    opened = Database()
    yield opened
    opened.close()


class Talk:
    """A conversation, and the shortest way to do things with it."""

    def __init__(self, database: Database, settings: Settings | None = None) -> None:
        self.database = database
        self.id = conversations.create(database, "Talk", to_json(settings or Settings((ChatVariant(1, OK),))))

    @property
    def now(self) -> Conversation:
        return conversations.load(self.database, self.id)

    def add(self, role: str, text: str = "", parent: int | None = None) -> int:
        after = self.now.leaf if parent is None else parent
        return conversations.add_turn(self.database, self.id, after, role, text)  # type: ignore[arg-type]

    def ask(self, *steps: tree.Step, wait: bool = True) -> Round:
        slot = self.add("assistant")
        settings = from_json(self.now.settings)
        asked = Round(self.database, self.id, slot, [v.id for v in settings.variants], steps)
        asked.start()
        if wait:
            asked.wait(60)
        return asked

    def said(self, variant: int = 1) -> list[str]:
        now = self.now
        return [tree.text_of(node, variant) for node in tree.path(now, now.leaf)]


def until(condition: object, what: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if condition():  # type: ignore[operator]
            return
        time.sleep(0.01)
    pytest.fail(f"{what} never happened")


def test_a_reply_is_stored_with_its_facts_as_a_try(database: Database) -> None:
    talk = Talk(database)
    talk.add("user", "hello there")
    talk.ask()
    said = talk.now.nodes[talk.now.leaf or 0].said[1]
    assert (said.text, said.state, said.model) == ("hello there at None", "answered", "ok")
    assert (said.prompt_tokens, said.completion_tokens, said.cut) == (2, 4, 0)
    assert said.reply_id is not None
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
    asked = Round(database, talk.id, slot, [1, 2], left)
    asked.start()
    asked.wait(60)
    again = tree.path(talk.now, talk.now.leaf)
    assert talk.said(2) == ["one", "one at 0.5", "aside", "yes", "two", "two at 0.5"]
    assert not {node.id for node in again} & {node.id for node in before}


def test_a_failure_is_kept_with_its_reason_and_ends_the_rest(database: Database) -> None:
    talk = Talk(database, Settings((ChatVariant(1, OK), ChatVariant(2, "openai/html"), ChatVariant(3, "nowhere/x"))))
    talk.add("user", "one")
    asked = talk.ask(tree.Step("user", "never", asks=True))
    said = talk.now.nodes[asked.slot].said
    assert said[1].state == "answered"
    assert (said[2].state, said[3].state) == ("failed", "failed")
    assert said[2].error
    assert "nowhere" in said[3].error
    assert talk.said() == ["one", "one at None"]
    assert asked.error is None


def test_half_a_reply_is_kept_when_it_is_stopped_or_breaks(database: Database, hostile: HostileServer) -> None:
    hostile.answer = lambda body: "word " * 2000
    talk = Talk(database, Settings((ChatVariant(1, "openai/slow-stream"),), room=4000))
    talk.add("user", "one")
    asked = talk.ask(wait=False)
    until(lambda: asked.live[1].text, "a first word")
    asked.stop()
    until(lambda: talk.now.nodes[asked.slot].said, "the kept half")
    said = talk.now.nodes[asked.slot].said[1]
    assert said.state == "stopped"
    assert said.text.startswith("word")
    assert not asked.running
    until(lambda: hostile.hung_up == 1, "the end of the connection")
    conversations.set_settings(database, talk.id, to_json(Settings((ChatVariant(1, "openai/half-stream"),))))
    talk.add("user", "again", parent=asked.slot)
    slot = talk.ask().slot
    broken = talk.now.nodes[slot].said[1]
    assert (broken.state, broken.text.strip()) == ("failed", "word word")


def test_what_does_not_fit_any_more_is_cut_and_told(database: Database, hostile: HostileServer) -> None:
    settings = Settings((ChatVariant(1, OK),), limit=200, room=50)
    talk = Talk(database, settings)
    talk.add("system", "Be kind.")
    for number in range(4):
        talk.add("user", f"{number} " + "long " * 40)
        talk.add("assistant", "short")
    talk.add("user", "last")
    asked = talk.ask()
    sent = [m["content"] for m in hostile.requests[-1].body["messages"]]
    cut = talk.now.nodes[asked.slot].said[1].cut
    assert (sent[0], sent[-1]) == ("Be kind.", "last")
    assert len(sent) == 10 - cut
    assert cut in (4, 6)
    conversations.set_settings(database, talk.id, to_json(replace(settings, room=190)))
    talk.add("user", "more " * 60)
    slot = talk.ask().slot
    said = talk.now.nodes[slot].said[1]
    assert "do not fit into 200: nothing was sent" in said.error
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


def test_a_conversation_is_deleted_restored_and_removed_for_good(database: Database) -> None:
    talk = Talk(database)
    talk.add("user", "one")
    talk.ask()
    conversations.delete(database, talk.id)
    assert conversations.listed(database) == []
    conversations.restore(database, talk.id)
    assert [info.name for info in conversations.listed(database)] == ["Talk"]
    conversations.delete(database, talk.id)
    assert conversations.purge(database) == 1
    with pytest.raises(StoreError, match="no conversation"):
        talk.now  # noqa: B018
    with pytest.raises(StoreError, match="no conversation"):
        conversations.rename(database, talk.id, "x")


def test_settings_survive_and_have_one_to_four_variants() -> None:
    settings = Settings((ChatVariant(1, OK, 0.5, "Hi"),), "examples", 100, 20)
    assert from_json(to_json(settings)) == settings
    more = settings.with_one_more().with_one_more().with_one_more()
    assert [variant.id for variant in more.variants] == [1, 2, 3, 4]
    with pytest.raises(PlanError, match="at most"):
        more.with_one_more()
    assert [variant.id for variant in more.without(2).with_one_more().variants] == [1, 3, 4, 5]
    assert settings.without(1) == settings
    with pytest.raises(PlanError, match="no variant 9"):
        settings.variant(9)


MESSAGES = [
    Message("system", "Use {{ braces }} and {% signs %}."),
    Message("user", "one {# no comment #}"),
    Message("assistant", "two"),
    Message("user", "three {{ x }}"),
    Message("assistant", "four"),
]


@pytest.mark.parametrize("how", ["messages", "examples"])
def test_as_a_prompt_it_asks_what_was_asked(how: chat.saving.As) -> None:
    prompt = chat.as_prompt(MESSAGES, "talk", how)
    prompt = loads(dumps(prompt), "talk")
    values = {"question": prompt.inputs[0].example}
    rendered = render(prompt.messages, values, prompt.inputs)
    if how == "messages":
        assert list(rendered) == MESSAGES[:4]
    else:
        assert list(rendered) == [MESSAGES[0], MESSAGES[3]]
        assert [(e.inputs["question"], e.answer) for e in prompt.examples] == [("one {# no comment #}", "two")]
        turns = techniques.build_turns(prompt, values, "few-shot")
        assert [turn.message for turn in turns] == MESSAGES[:4]


def test_what_no_prompt_can_say_is_refused() -> None:
    with pytest.raises(PromptError, match="no user turn"):
        chat.as_prompt(MESSAGES[:1], "talk", "messages")
    with pytest.raises(PromptError, match="endraw"):
        chat.as_prompt([Message("system", "{% raw %}{% endraw %}"), Message("user", "x")], "talk", "messages")


def test_as_a_case_the_reply_is_what_is_expected() -> None:
    def read(csv: str) -> Cases:
        return read_cases(csv.encode())

    first = read(chat.with_case(MESSAGES))
    assert [(dict(case.inputs), case.expected) for case in first.cases] == [({"question": "three {{ x }}"}, "four")]
    second = read(chat.with_case(MESSAGES[:4], first))
    assert [case.expected for case in second.cases] == ["four", None]
    other = read(chat.with_case(MESSAGES, read_cases(b"id,text,lang\n7,old,en\n")))
    assert [dict(case.inputs) for case in other.cases] == [
        {"id": "7", "text": "old", "lang": "en"},
        {"id": "chat-2", "text": "three {{ x }}", "lang": ""},
    ]
    assert [case.expected for case in other.cases] == [None, "four"]


def test_markdown_has_each_turn_in_a_fence_of_its_own() -> None:
    text = chat.as_markdown("a\n# name", [Message("user", "```\n![x](http://y)\n```"), Message("assistant", "fine")])
    assert text.startswith("# a # name\n\n**user**\n\n````text\n```\n")
    assert text.endswith("**assistant**\n\n```text\nfine\n```\n")


def test_the_food_order_begins_with_its_greeting_and_leaves_the_order_to_be_sent() -> None:
    turns, question = chat.opening(Library(shipped_folder() / "prompts").load("food-order")[0])
    assert [turn.message.role for turn in turns] == ["system", "user", "assistant", "user", "assistant"]
    assert "burger" in question


def test_every_shipped_prompt_can_begin_a_conversation() -> None:
    for entry in Library(shipped_folder() / "prompts").entries():
        assert entry.prompt is not None
        assert chat.opening(entry.prompt)[1]


def test_replies_of_a_turn_are_edited_one_variant_at_a_time(database: Database) -> None:
    talk = Talk(database)
    talk.add("user", "one")
    talk.ask()
    slot = talk.now.leaf or 0
    with database.write() as connection:
        conversations.keep_reply(connection, slot, 2, VariantReply("second"))
    conversations.change_turn(database, talk.id, slot, "mended", 1)
    assert (talk.said(1)[-1], talk.said(2)[-1]) == ("mended", "second")
    assert talk.now.nodes[slot].said[1].state == "edited"
