"""What tests of conversations share."""

from __future__ import annotations

from promptgrid.chat import ChatVariant, Round, Settings, from_json, to_json, tree
from promptgrid.prompt import Role
from promptgrid.store import Database, conversations
from promptgrid.store.conversations import Conversation

OK = "openai/ok"


class Talk:
    """A conversation, and the shortest way to do things with it."""

    def __init__(self, database: Database, settings: Settings | None = None) -> None:
        self.database = database
        self.id = conversations.create(database, "Talk", to_json(settings or Settings((ChatVariant(1, OK),))))

    @property
    def now(self) -> Conversation:
        return conversations.load(self.database, self.id)

    def add(self, role: Role, text: str = "", parent: int | None = None) -> int:
        after = self.now.leaf if parent is None else parent
        return conversations.add_turn(self.database, self.id, after, role, text)

    def ask(self, *steps: tree.Step, wait: bool = True) -> Round:
        slot = self.add("assistant")
        settings = from_json(self.now.settings)
        this_round = Round(self.database, self.id, slot, [v.id for v in settings.variants], steps)
        this_round.start()
        if wait:
            this_round.wait(60)
        return this_round

    def said(self, variant: int = 1) -> list[str]:
        now = self.now
        return [tree.text_of(node, variant) for node in tree.path(now, now.leaf)]
