"""`promptgrid next`."""

from __future__ import annotations

import json
from typing import Any

from click.testing import CliRunner

from promptgrid.cli import main
from promptgrid.endpoint import Reply
from tests.nextword.likely import reply


def test_next_lists_the_likeliest(scripted: Any) -> None:
    scripted(lambda request: reply(" a"))
    told = CliRunner().invoke(main, ["next", "Once", "--model", "openai/ft-own", "--json"])
    assert told.exit_code == 0, told.output
    found = json.loads(told.output)
    assert [(row["token"], round(row["low"], 3)) for row in found["tokens"]] == [(" a", 0.6), (" b", 0.3)]
    assert (found["sent_as"], round(found["not_told"]["low"], 3)) == ("completion", 0.1)
    told = CliRunner().invoke(main, ["next", "Once", "--model", "openai/ft-own", "--top", "1", "--top-p", "0.5"])
    assert told.output.split() == ["100.00", "%", "·a"]


def test_a_range_says_what_it_comes_from(scripted: Any) -> None:
    scripted(lambda request: reply(" a"))
    told = CliRunner().invoke(main, ["next", "Once", "--model", "openai/ft-own", "--temperature", "1.5"])
    assert " to " in told.stdout
    assert "2 tokens returned, which hold 90.0 % at temperature 1" in told.stderr


def test_a_text_that_is_not_utf_8_is_refused_with_the_place(scripted: Any) -> None:
    told = CliRunner().invoke(main, ["next", b"abc\xff".decode("utf-8", "surrogateescape")])
    assert told.exit_code == 2
    assert "The text is not UTF-8: byte 4 (line 1) is 0xFF" in told.output


def test_an_endpoint_without_probabilities_is_one_sentence(scripted: Any) -> None:
    scripted(lambda request: Reply("Hello"))
    told = CliRunner().invoke(main, ["next", "Once", "--model", "openai/ft-own"])
    assert told.exit_code == 2
    assert "returns no probabilities" in told.output
