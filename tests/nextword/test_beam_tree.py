"""The beams as a tree: what they share stands once, what was cut is marked, the best has rank 1."""

from __future__ import annotations

from promptgrid.endpoint.base import BeamPath, TokenChance
from promptgrid.nextword import BeamNode, BeamStep, beam_tree


def path(text: str, logprob: float, *, ended: bool = False) -> BeamPath:
    """A beam with a token for each letter, all of them equally likely."""
    tokens = tuple(TokenChance(letter.encode(), logprob / len(text), ord(letter)) for letter in text)
    return BeamPath(tokens, logprob, ended)


def drawn(nodes: tuple[BeamNode, ...]) -> list[object]:
    """The tree as text, cut nodes in brackets, with the ranks of the ended texts."""
    rows: list[object] = []
    for node in nodes:
        text = b"".join(token.data for token in node.tokens).decode()
        rows += [
            f"({text})" if node.cut else f"{text}{node.rank or ''}",
            *([drawn(node.children)] if node.children else []),
        ]
    return rows


def test_what_beams_share_stands_once_and_what_was_cut_is_marked() -> None:
    steps = [
        BeamStep((path("a", -1), path("b", -1)), ()),
        BeamStep((path("ac", -2), path("ad", -2)), ()),
        BeamStep((path("ace", -3),), (path("ad.", -3, ended=True),)),
    ]
    assert drawn(beam_tree(steps[:1])) == ["a", "b"]
    assert drawn(beam_tree(steps[:2])) == ["a", ["c", "d"], "(b)"]
    assert drawn(beam_tree(steps)) == ["a", ["ce", "d.1"], "(b)"]


def test_an_ended_text_has_its_rank_even_where_others_go_on() -> None:
    steps = [BeamStep((path("ab", -2),), (path("a", -1, ended=True), path("ab", -2, ended=True)))]
    assert drawn(beam_tree(steps)) == ["a1", ["b2"]]


def test_no_step_is_no_tree() -> None:
    assert beam_tree([]) == ()
