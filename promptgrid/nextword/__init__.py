"""What comes next: the likeliest next tokens of a text, what temperature and top_p make of them, and surprise.

Pure: `chances` (a distribution reshaped), `pieces` (tokens as a person can read them), `tallies` (samples against the
curve), `surprise`. With calls to a model: `place` (where in a text the model is asked), `asking` (the one way out),
`looking` (the next token), `writing`, `scoring`, `sampling`.
"""

from promptgrid.endpoint.base import TokenStep
from promptgrid.nextword.asking import Asker
from promptgrid.nextword.chances import VOCABULARY, Chances, Share, Shares, reshape
from promptgrid.nextword.continuation import Continuation
from promptgrid.nextword.looking import Look, look
from promptgrid.nextword.pieces import completed, is_whole, shown
from promptgrid.nextword.sampling import repeated, sampled
from promptgrid.nextword.scoring import MAX_SCORED, scored
from promptgrid.nextword.surprise import bits, perplexity
from promptgrid.nextword.tallies import TokenTally, tally
from promptgrid.nextword.writing import written

__all__ = [
    "MAX_SCORED",
    "VOCABULARY",
    "Asker",
    "Chances",
    "Continuation",
    "Look",
    "Share",
    "Shares",
    "TokenStep",
    "TokenTally",
    "bits",
    "completed",
    "is_whole",
    "look",
    "perplexity",
    "repeated",
    "reshape",
    "sampled",
    "scored",
    "shown",
    "tally",
    "written",
]
