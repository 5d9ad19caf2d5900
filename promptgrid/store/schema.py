"""Defines the tables, in SQLAlchemy Core types that SQLite and PostgreSQL have. Times are seconds since 1970, UTC."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Float,
    ForeignKey,
    Index,
    MetaData,
    String,
    Table,
    Text,
    case,
    false,
    func,
)

from promptgrid.prompt.parameters import SPECS
from promptgrid.store.dialects.sql import Whole

VERSION = 23
"""The schema's version, stored in `meta`. A change of the tables increases it and adds a step to `migrations`."""

metadata = MetaData()
meta = Table("meta", metadata, Column("name", String, primary_key=True), Column("value", Text, nullable=False))

prompt_versions = Table(
    "prompt_versions",
    metadata,
    Column("version", String, primary_key=True),
    Column("name", String, primary_key=True, index=True),
    Column("text", Text, nullable=False),  # the .prompty file of that version
    Column("created", Float, nullable=False),
)

drafts = Table(
    "drafts",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", Text, nullable=False),  # JSON
    Column("updated", Float, nullable=False),
)

prompt_drafts = Table(
    "prompt_drafts",
    metadata,
    Column("id", String, primary_key=True),  # random: each tab of a browser has its own draft of a prompt
    Column("prompt", String, nullable=False, index=True),
    Column("kind", String, nullable=False),  # draft · values · aside (drafts.KINDS)
    Column("value", Text, nullable=False),  # JSON
    Column("updated", Float, nullable=False),
)

runs = Table(
    "runs",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", Text, nullable=False),
    Column("note", Text, nullable=False, default=""),
    Column("owner", String, nullable=False, default=""),
    Column("status", String, nullable=False, index=True),
    Column("message", Text, nullable=False, default=""),  # why the run stopped, unless it finished
    Column("plan", Text, nullable=False),  # JSON, without the cases
    Column("decided", Text, nullable=False),  # JSON: the parameters sent for each prompt, model and axis value
    Column("total", Whole, nullable=False),
    Column("created", Float, nullable=False),
    Column("started", Float),
    Column("ended", Float),
    Column("deleted", Float),  # hidden, until a purge removes it
    Column("epoch", Whole, nullable=False, default=0),  # stops writes of a runner that lost the run
    Column("heartbeat", Float),
    # Figures kept by the runner with each commit, so that a page need not count replies every second.
    Column("spent_usd", Float, nullable=False, default=0.0),
    Column("unpriced", Whole, nullable=False, default=0),  # replies whose price is not known
    Column("reused", Whole, nullable=False, default=0),
    Column("retried", Whole, nullable=False, default=0),
    Column("calls", Float, nullable=False, server_default="0"),  # answered calls: each reply adds its share of one
    Column("live", Text, nullable=False, default="{}"),  # JSON: the runner's current figures
    Column("favourite", Boolean, nullable=False, default=False, server_default=false()),
    Column("tags", Text, nullable=False, default="[]", server_default="[]"),  # JSON: a list of words
    Column("fair_for", String, nullable=False, server_default=""),  # the run whose techniques this run is compared with
)

cases = Table(
    "cases",
    metadata,
    Column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Whole, primary_key=True),
    Column("case_id", Text, nullable=False),
    Column("inputs", Text, nullable=False),  # JSON
    Column("expected", Text),
    Column("part", String, nullable=False, server_default=""),  # learn · choose · prove; "": none
    Column("checks", Text, nullable=False, server_default=""),  # JSON: the case's own checks as typed; "": none
)

expectations = Table(
    "expectations",
    metadata,
    Column("id", Whole, primary_key=True),
    Column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("case_position", Whole, nullable=False),
    Column("before", Text),  # NULL: the case had no expected answer
    Column("after", Text),
    Column("changed", Float, nullable=False),
    Index("expectations_by_run", "run_id", "case_position"),
)
"""Each change of a case's expected answer after the run was planned. The newest change of a case can be undone."""

parts = Table(
    "parts",
    metadata,
    Column("content", String, primary_key=True),  # a digest of the case (cases.parts.content_digest)
    Column("part", String, nullable=False),
)
"""The part first given to a case, which stays even if the case's table is sorted or shortened later."""

openings = Table(
    "openings",
    metadata,
    Column("id", Whole, primary_key=True),
    Column("prompt", String, nullable=False, index=True),
    Column("prompt_version", String, nullable=False),
    Column("run_id", String, nullable=False),  # the run may have been deleted
    Column("cases", Whole, nullable=False),
    Column("opened", Float, nullable=False),
)
"""Each run of a prompt over cases of the part prove; never deleted, since seen results cannot be unseen."""

replies = Table(
    "replies",
    metadata,
    Column("id", Whole, primary_key=True),
    Column("key", String, nullable=False),  # the key of the point; key and sample identify a reply
    Column("sample", Whole, nullable=False),
    Column("kind", String, nullable=False),  # run · try · judge · look (at next tokens)
    Column("run_id", String, index=True),  # the run that paid for it
    Column("endpoint", String, nullable=False),
    Column("model", String, nullable=False),
    Column("model_returned", String, nullable=False),
    Column("seed", Whole),
    Column("batch", Whole, nullable=False),  # the number of replies that the call brought
    Column("text", Text, nullable=False),
    Column("chars", Whole, nullable=False),  # length of the text, known without reading the text
    Column("reasoning", Text, nullable=False),
    Column("finish_reason", String, nullable=False),
    Column("prompt_tokens", Whole),
    Column("completion_tokens", Whole),
    Column("reasoning_tokens", Whole),
    Column("cached_tokens", Whole),
    Column("cost_usd", Float),
    Column("latency_ms", Float, nullable=False),
    Column("first_token_ms", Float),
    Column("tool_calls", Text, nullable=False, server_default=""),  # JSON: [{id, name, arguments}, …]; "": none
    Column("request", Text, nullable=False),  # the JSON body as sent
    Column("honoured", Text, nullable=False),  # JSON, by parameter: true, false, null (unknown)
    Column("created", Float, nullable=False),
    Column("beams_json", Text),  # JSON: the beams of a search, the best first; NULL: there was none
    Index("replies_by_key", "key", "sample"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", Whole, primary_key=True),
    Column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("position", Whole, nullable=False),  # the cell's position; for a reservation, the call's first cell
    Column("number", Whole, nullable=False),  # 1 for a call's first attempt
    Column("started", Float, nullable=False),
    Column("ms", Float),  # NULL: in flight, or lost with its runner
    Column("kind", String, nullable=False),  # the kind of error; "": in flight, or lost with its runner
    Column("message", Text, nullable=False, default=""),
    Column("wait_s", Float),  # until the next attempt; NULL: there was none
    # The worst-case cost: reserved before the call is sent, kept permanently if the call is lost. NULL: not known.
    Column("worst_usd", Float),
    Column("worst_tokens", Whole),
    Column("worst_calls", Whole, nullable=False, default=0),
    Index("attempts_by_cell", "run_id", "position"),
)

_TYPES: Mapping[type, Any] = {float: Float, int: Whole, str: String}
STEP_SUMS = ("prompt_tokens", "completion_tokens", "reasoning_tokens", "cached_tokens", "cost_usd", "latency_ms")
"""What is summed over the calls of a cell, by the names of a reply's columns."""

cells = Table(
    "cells",
    metadata,
    Column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Whole, primary_key=True),
    Column("case_position", Whole, nullable=False),
    Column("prompt", String, nullable=False),
    Column("prompt_version", String, nullable=False),
    Column("technique", String, nullable=False),
    Column("examples_k", Whole, nullable=False),
    Column("examples", Text, nullable=False, server_default=""),  # those chosen for the case, as text
    Column("endpoint", String, nullable=False),
    Column("model", String, nullable=False),
    *(Column(column, _TYPES[spec.kind]) for spec in SPECS for column in spec.columns),
    Column("parameter_note", Text, nullable=False),
    Column("retrieval", String, nullable=False, server_default=""),  # by what passages were found; "": none were
    Column("sample", Whole, nullable=False),
    Column("key", String, nullable=False),
    Column("prompt_tokens_counted", Whole),
    Column("context_limit", Whole),
    Column("status", String, nullable=False),  # pending answered failed refused too_long cancelled
    Column("error", Text, nullable=False, server_default=""),
    Column("error_kind", String, nullable=False, server_default=""),
    Column("attempts", Whole, nullable=False, server_default="0"),
    Column("reused", Boolean, nullable=False, server_default=false()),
    Column("reply_id", ForeignKey("replies.id")),
    Column("reasoning", Text, nullable=False, server_default=""),
    Column("answer", Text),  # NULL: none could be read
    Column("ballot", BigInteger),  # answers with the same ballot are equal (answers.ballot): texts need not be read
    Column("answer_note", Text, nullable=False, server_default=""),
    Column("shown", String),  # the id of the passages that the cell's model has decided on; NULL: it decides on none
    Column("calls", Whole),  # of a technique in several steps; NULL: the cell has one call, its reply
    *(Column(f"steps_{name}", replies.c[name].type) for name in STEP_SUMS),  # over these calls: see store.steps
    Index("cells_by_case", "run_id", "status", "case_position"),
)
_has_reply = cells.c.reply_id.is_not(None)  # of planned cells, which have no reply yet, the index holds nothing
Index("cells_by_reply", cells.c.reply_id, sqlite_where=_has_reply, postgresql_where=_has_reply)

cells_with_replies = cells.outerjoin(replies, cells.c.reply_id == replies.c.id)
cell_sums: Mapping[str, ColumnElement[Any]] = {
    name: case((cells.c.calls.is_(None), replies.c[name]), else_=cells.c[f"steps_{name}"]).label(name)
    for name in STEP_SUMS
} | {
    "calls": func.coalesce(cells.c.calls, case((cells.c.reply_id.is_not(None), 1))).label("calls"),
    "batch": case((cells.c.calls.is_(None), replies.c.batch), else_=1).label("batch"),  # the sums are shares already
}
"""What all calls of a cell took, by the names of a reply's columns; for use with `cells_with_replies`."""

steps = Table(
    "steps",
    metadata,
    Column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Whole, primary_key=True),  # the cell's position
    Column("number", Whole, primary_key=True),  # of the call in the cell, from 0
    Column("round", Whole, nullable=False),  # calls of one round were sent side by side
    Column("step", Text, nullable=False),  # such as `critique 2`
    Column("reply_id", ForeignKey("replies.id"), nullable=False),
    Column("reused", Boolean, nullable=False),  # the reply was stored already and is not paid again
    Index("steps_by_reply", "reply_id"),
)
"""The replies of cells whose technique makes several calls, also of cells that have not ended."""

scores = Table(
    "scores",
    metadata,
    Column("run_id", String, primary_key=True),
    Column("position", Whole, primary_key=True),
    Column("check", String, primary_key=True),
    Column("value", Float),  # NULL: not scored, which is not zero
    Column("passed", Boolean),
    Column("answer", Text, nullable=False),
    Column("explanation", Text, nullable=False),
    Column("failed", Boolean, nullable=False, server_default=false()),  # the check raised an error or timed out
    Column("judge_reply_id", ForeignKey("replies.id")),  # the judge's reply
)

ratings = Table(
    "ratings",
    metadata,
    Column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Whole, primary_key=True),
    Column("owner", String, primary_key=True),  # who judged
    Column("value", Float),  # 0 to 1; NULL: a note only
    Column("scale", String, nullable=False),  # thumb: 0 or 1 · stars: 1 to 5 as 0, 0.25 … 1
    Column("note", Text, nullable=False, server_default=""),
    Column("updated", Float, nullable=False),
)

votes = Table(
    "votes",
    metadata,
    Column("id", Whole, primary_key=True),
    Column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("left_position", Whole, nullable=False),  # the cell shown on the left
    Column("right_position", Whole, nullable=False),
    Column("outcome", String, nullable=False),  # left · right · tie · skip
    Column("owner", String, nullable=False),  # the person or model (ENDPOINT/MODEL) that judged
    Column("by_model", Boolean, nullable=False, server_default=false()),
    Column("judge_reply_id", ForeignKey("replies.id")),
    Column("created", Float, nullable=False),
    Column("orders", String, nullable=False, server_default=""),  # a model's preferences in both orders of the replies
)

baselines = Table(
    "baselines",
    metadata,
    Column("prompt", String, primary_key=True),
    Column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("pinned", Float, nullable=False),
)
