"""Measures certainty: intervals, paired tests, samples of one case, agreement of judges, rankings.

All functions are pure: they take and return numbers. A missing value is None and is left out; it is not zero. The
result for no values is None, so that user data never raises an error.
"""

from promptgrid.stats.agreement import cohen_kappa, krippendorff_alpha
from promptgrid.stats.chance import mcnemar, paired_permutation
from promptgrid.stats.intervals import Interval, bca_interval, mean_interval, wilson
from promptgrid.stats.paired import Comparison, PairedVerdict, compared, compared_all, compared_pairs
from promptgrid.stats.power import Reach, reach
from promptgrid.stats.ranking import PairVote, PositionBias, Ranking, bradley_terry, independent_wins, position_bias
from promptgrid.stats.samples import entropy, mean_similarity, pass_at_k
