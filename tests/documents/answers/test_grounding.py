"""How a reply uses the passages of its prompt."""

from __future__ import annotations

from promptgrid.documents.answers.causes import cause, held
from promptgrid.documents.answers.grounding import Shown, grounding
from promptgrid.documents.chunks import Passage

FERRY = "The ferry leaves at 9:30 and costs 1,200 crowns for a car, 12.50 for a person."
BAKERY = "The bakery opens at six."
SHOWN = [Shown(Passage("ferry.md", 0, 80), FERRY), Shown(Passage("bakery.md", 0, 24), BAKERY)]
GOLD = [Passage("ferry.md", 4, 24)]


def test_cited_passages_are_compared_with_gold() -> None:
    both = grounding("It leaves at 9:30 [1][2].", SHOWN, GOLD)
    assert (both.cited, both.unknown, both.cited_gold, both.uncited_gold) == ((1, 2), (), 0.5, ())
    other = grounding("It opens at six【2】, see [7].", SHOWN, GOLD)
    assert (other.cited, other.unknown, other.cited_gold, other.uncited_gold) == ((2,), (7,), 0.0, (1,))
    none = grounding("At 9:30.", SHOWN, GOLD)
    assert (none.cited, none.cited_gold, none.uncited_gold) == ((), None, (1,))
    assert grounding("Nothing says so [1].", SHOWN, []).cited_gold is None


def test_ranges_are_cited_and_what_is_not_understood_is_unread() -> None:
    read = grounding("At 9:30 [1]-[3], and [2-1], says [passage 44].", SHOWN, GOLD)
    assert (read.cited, read.unknown, read.unread) == ((1, 2), (3,), ("[2-1]", "[passage 44]"))
    assert read.missing_numbers == ()


def test_numbers_that_no_passage_has_are_named() -> None:
    assert grounding("1200 crowns, 12.5 each, at ９:30 [1].", SHOWN, GOLD).missing_numbers == ()
    assert grounding("It costs 1,300 crowns and 12.05 each.", SHOWN, GOLD).missing_numbers == ("1300", "12.05")
    assert grounding("For 4 people 50.", SHOWN, GOLD, "What do 4 people pay?").missing_numbers == ("50",)
    assert grounding("1. It leaves at 9:30.\n2. It costs 12.50.", SHOWN, GOLD).missing_numbers == ()


def test_quotations_that_no_passage_has_are_named() -> None:
    assert grounding('It says "the ferry  leaves at 9:30".', SHOWN, GOLD).missing_quotes == ()
    assert grounding("It says “The ferry leaves at ten.”", SHOWN, GOLD).missing_quotes == ("The ferry leaves at ten.",)
    assert grounding('The "ferry" is not a quotation.', SHOWN, GOLD).missing_quotes == ()
    chinese = [Shown(Passage("渡船.md", 0, 12), "渡船九点半开，票价十二元。")]
    assert grounding("文中说「渡船九点半开」。", chinese, []).missing_quotes == ()
    assert grounding("文中说「渡船十点整开船」。", chinese, []).missing_quotes == ("渡船十点整开船",)


def test_the_cause_follows_the_way_from_documents_to_answer() -> None:
    away, part = [Passage("bakery.md", 0, 24)], [Passage("ferry.md", 0, 10)]
    shown = [one.passage for one in SHOWN]
    assert cause([], shown, None) == "not in the documents"
    assert cause(GOLD, away, True) == "not retrieved"
    assert cause(GOLD, part, True) == "not retrieved"
    assert cause(GOLD, shown, True) == "retrieved, not used"
    assert cause(GOLD, shown, False) == "misread"
    assert cause(GOLD, shown, None) == "retrieved, still wrong"


def test_gold_that_crosses_a_border_is_held_by_both_chunks_together() -> None:
    halves = [Passage("ferry.md", 0, 14), Passage("ferry.md", 14, 80)]
    assert held(GOLD, halves[:1]) == 0.5
    assert held(GOLD, halves) == 1.0
    assert held(GOLD, [*halves, Passage("ferry.md", 0, 80)]) == 1.0
