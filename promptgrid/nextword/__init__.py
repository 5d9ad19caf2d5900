"""Next tokens: the likeliest tokens after a text, the effect of temperature and top_p on them, and surprise.

Pure: `chances` (a distribution, its reshaping, and surprise), `pieces` (readable tokens), `tallies` (samples compared
with the distribution), `continuation` (a text and the tokens after it), `beam_tree`. With calls to a model: `client`
(makes the calls and stores the replies), `prediction` (the next token), `generation`, `scoring`, `sampling`, `beams`.
"""

from promptgrid.endpoint.base import TokenStep
from promptgrid.nextword.beam_tree import BeamNode, beam_tree
from promptgrid.nextword.beams import BeamStep, WholeText, calls_of_comparison, compared_texts
from promptgrid.nextword.chances import VOCABULARY, Chances, Share, Shares, bits, perplexity, reshape
from promptgrid.nextword.client import ModelClient
from promptgrid.nextword.continuation import Continuation
from promptgrid.nextword.generation import generated_tokens
from promptgrid.nextword.pieces import completed_character, is_whole, token_label
from promptgrid.nextword.prediction import Prediction, predict
from promptgrid.nextword.sampling import text_samples, token_samples
from promptgrid.nextword.scoring import MAX_SCORED, scored_tokens
from promptgrid.nextword.tallies import TokenTally, tally
