"""Defines the tables of conversations. `metadata` holds these and all other tables."""

from __future__ import annotations

from sqlalchemy import Column, Float, ForeignKey, String, Table, Text

from promptgrid.store.dialects.sql import Whole
from promptgrid.store.schema import metadata as metadata

conversations = Table(
    "conversations",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", Text, nullable=False),
    Column("settings", Text, nullable=False),  # JSON: the variants, and which turns are dropped when the window is full
    Column("leaf", Whole),  # the last turn of the branch shown; NULL: none yet
    Column("created", Float, nullable=False),
    Column("updated", Float, nullable=False),
    Column("deleted", Float),
)

turns = Table(
    "turns",
    metadata,
    Column("id", Whole, primary_key=True),
    Column("conversation_id", ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("parent", Whole),  # the previous turn; NULL: the first turn of the conversation
    Column("role", String, nullable=False),
    Column("part", String, nullable=False),  # the part of the context budget: history, examples or retrieved
    Column("text", Text, nullable=False),  # the text that a person wrote, or a reply shared by all variants
    Column("created", Float, nullable=False),
    Column("deleted", Float),  # when the turn was deleted; a deleted turn is skipped
)

turn_replies = Table(
    "turn_replies",
    metadata,
    Column("turn_id", ForeignKey("turns.id", ondelete="CASCADE"), primary_key=True),
    Column("variant", Whole, primary_key=True),
    Column("text", Text, nullable=False),
    Column("state", String, nullable=False),  # answered · stopped · failed · edited
    Column("error", Text, nullable=False, server_default=""),
    Column("cut", Whole, nullable=False, server_default="0"),  # the number of turns that the model did not see
    Column("reply_id", ForeignKey("replies.id")),
    Column("retrieved", Text),  # JSON: the chunks of documents that were found for the turn; NULL: none was looked for
)
