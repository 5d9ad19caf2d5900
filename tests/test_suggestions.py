"""What a mistyped name was meant to be."""

import pytest

from promptgrid.suggestions import closest, did_you_mean


@pytest.mark.parametrize(("name", "near"), [("lable", "label"), ("LABEL", "label"), ("xyz", ""), ("", "")])
def test_the_closest_name_is_found_in_any_case(name: str, near: str) -> None:
    assert closest(name, ["exact", "label"]) == near


def test_a_name_is_suggested_as_it_is_spelled() -> None:
    assert did_you_mean("gpt-4O", ["GPT-4o", "o3"]) == "Did you mean GPT-4o?"


def test_without_a_close_name_the_hint_lists_the_names_or_says_what_else_to_do() -> None:
    assert did_you_mean("xyz", ("exact", "label")) == "There are: exact, label."
    assert did_you_mean("xyz", ("exact", "label"), "Check the path.") == "Check the path."
    assert did_you_mean("xyz", ()) == ""


def test_a_long_list_is_cut() -> None:
    hint = did_you_mean("zzz", (f"model-{number}" for number in range(500)))
    assert hint.endswith("model-19, …")
    assert len(hint) < 300
