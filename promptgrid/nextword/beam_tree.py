"""The beams of a search as a tree: what they share stands once, and what was cut is marked. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from promptgrid.endpoint.base import BeamPath, TokenChance
from promptgrid.nextword.beams import BeamStep


@dataclass(frozen=True, slots=True)
class BeamNode:
    """Tokens that follow each other in the same beams, and what follows them.

    `logprob` is the log probability of the text up to the last of the tokens. `cut` is true if no open beam and no
    ended text goes through it any more. `rank` is 1 for the best ended text, if one ends here; None: none ends here.
    """

    tokens: tuple[TokenChance, ...]
    logprob: float
    cut: bool
    rank: int | None
    children: tuple[BeamNode, ...]


@dataclass
class _Growing:
    path: BeamPath
    alive: bool = False
    rank: int | None = None
    after: dict[TokenChance, _Growing] = field(default_factory=dict)


def beam_tree(steps: Sequence[BeamStep]) -> tuple[BeamNode, ...]:
    """Returns the trees of all beams that were open or ended after some step of a search; those that are alive first,
    then the likelier. Chains of tokens without a branch are one node."""
    root = _Growing(BeamPath())
    for step in steps:
        for path in (*step.running, *step.finished):
            _grown(root, path)
    if steps:
        for path in (*steps[-1].running, *steps[-1].finished):
            for node in _grown(root, path):
                node.alive = True
        for rank, path in enumerate(steps[-1].finished, 1):
            *_, last = _grown(root, path)
            last.rank = rank
    return _nodes(root.after)


def _grown(root: _Growing, path: BeamPath) -> list[_Growing]:
    """Returns the nodes of the path's tokens in order; adds those that are missing."""
    nodes, node = [], root
    for token in path.tokens:
        if (following := node.after.get(token)) is None:
            longer = BeamPath((*node.path.tokens, token), node.path.logprob + token.logprob)
            following = node.after[token] = _Growing(longer)
        nodes.append(node := following)
    return nodes


def _nodes(after: Mapping[TokenChance, _Growing]) -> tuple[BeamNode, ...]:
    return tuple(sorted(map(_node, after.values()), key=lambda node: (node.cut, -node.logprob)))


def _node(first: _Growing) -> BeamNode:
    chain = list(_chain(first))
    last = chain[-1]
    tokens = tuple(one.path.tokens[-1] for one in chain)
    return BeamNode(tokens, last.path.logprob, not last.alive, last.rank, _nodes(last.after))


def _chain(node: _Growing) -> Iterator[_Growing]:
    """Yields the node and those after it as long as there is one way on, which is alive as long as the node is."""
    yield node
    while node.rank is None and len(node.after) == 1:
        (following,) = node.after.values()
        if following.alive != node.alive:
            return
        yield (node := following)
