"""The blind arena: two replies to the same case, without a word on where they come from, and what the votes say."""

from promptgrid.arena.pairs import Arena, ReplyPair, read
from promptgrid.arena.phrases import in_percent, notes, verdict
from promptgrid.arena.standings import Agreement, Standing, Standings, agreements, standings

__all__ = [
    "Agreement",
    "Arena",
    "ReplyPair",
    "Standing",
    "Standings",
    "agreements",
    "in_percent",
    "notes",
    "read",
    "standings",
    "verdict",
]
