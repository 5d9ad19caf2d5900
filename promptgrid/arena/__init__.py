"""The blind arena: shows two replies to the same case without their origin, and ranks the variants by votes."""

from promptgrid.arena.orders import OrderBias, order_biases
from promptgrid.arena.pairs import Arena, ReplyPair, read
from promptgrid.arena.phrases import agreement_words, in_percent, notes, order_bias_words, verdict
from promptgrid.arena.standings import (
    Agreement,
    AgreementOfAll,
    Standing,
    Standings,
    agreement_of_all,
    agreements,
    standings,
)
