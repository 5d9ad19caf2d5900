"""The search itself, pure: distributions over next tokens become beams.

At each step every open beam is continued by every token, and the `width` likeliest continuations stay open. As in
transformers, a text that ends counts only if it is among the `width` likeliest of its step, so that the probability of
an end competes with that of going on (beam search with scores normalised by length: Wu et al. 2016, §7).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from promptgrid.endpoint.base import Beam, BeamPath, TokenChance
from promptgrid.prompt import Parameters


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """What a search is to find: `width` texts of at most `most` tokens, ended by a control token or by one of the texts
    in `stop`.

    A text's score is its log probability / length ** `length_penalty`. With `early_stop`, the search ends when `width`
    texts have ended; without, it goes on until no open beam can reach the score of one of them.
    """

    width: int
    most: int
    length_penalty: float = 1.0
    early_stop: bool = False
    stop: tuple[bytes, ...] = ()


def search_settings(parameters: Parameters) -> SearchSettings:
    """Returns the settings of the search that these parameters ask for; `max_tokens` must be set."""
    penalty = 1.0 if parameters.length_penalty is None else parameters.length_penalty
    stop = tuple(text.encode("utf-8", "replace") for text in parameters.stop or () if text)
    assert parameters.max_tokens is not None
    return SearchSettings(parameters.written, parameters.max_tokens, penalty, bool(parameters.early_stop), stop)


@dataclass(frozen=True, slots=True)
class Search:
    """A search after some steps: its open beams (`running`), the likeliest first, and its ended texts (`finished`), the
    best first; at most `width` of each."""

    settings: SearchSettings
    running: tuple[BeamPath, ...] = (BeamPath(),)
    finished: tuple[BeamPath, ...] = ()

    def advanced(self, distributions: Sequence[Sequence[TokenChance]]) -> Search:
        """Returns the search after one more step. `distributions` has, for each open beam in order, its likeliest next
        tokens: at least 2 × `width` of them, else a text that belongs to the best may be missed."""
        width = self.settings.width
        longer = [
            self._longer(path, token)
            for path, tokens in zip(self.running, distributions, strict=True)
            for token in tokens
        ]
        best = sorted(longer, key=lambda path: -path.logprob)[: 2 * width]
        last = bool(best) and len(best[0].tokens) >= self.settings.most
        ended = [path for path in best[:width] if path.ended or last]
        running = () if last else tuple([path for path in best if not path.ended][:width])
        finished = sorted([*self.finished, *ended], key=lambda path: -self.score(path))[:width]
        return replace(self, running=running, finished=tuple(finished))

    @property
    def done(self) -> bool:
        """Whether no further step can change the ended texts, or with `early_stop` whether there are enough."""
        if not self.running:
            return True
        if len(self.finished) < self.settings.width:
            return False
        # no later token raises a probability, so the best that a beam can reach is its own at the best length
        best, penalty = self.running[0], self.settings.length_penalty
        length = self.settings.most if penalty > 0 else max(1, len(best.tokens))
        return self.settings.early_stop or best.logprob / length**penalty <= self.score(self.finished[-1])

    def score(self, path: BeamPath) -> float:
        """Returns the score by which a text is ranked: its log probability / length ** length penalty."""
        return path.logprob / float(max(1, len(path.tokens)) ** self.settings.length_penalty)

    @property
    def beams(self) -> tuple[Beam, ...]:
        """The ended texts, the best first."""
        return tuple(
            Beam(self.text(path), path.logprob, len(path.tokens), self.score(path), path.ended)
            for path in self.finished
        )

    def text(self, path: BeamPath) -> str:
        """Returns the text of a beam, without the stop text that has ended it."""
        data = path.data
        ends = [place for stop in self.settings.stop if (place := data.find(stop)) >= 0]
        return data[: min(ends, default=len(data))].decode("utf-8", "replace")

    def _longer(self, path: BeamPath, token: TokenChance) -> BeamPath:
        longer = BeamPath((*path.tokens, token), path.logprob + token.logprob)
        ended = not token.data or any(stop in longer.data for stop in self.settings.stop)
        return replace(longer, ended=ended)
