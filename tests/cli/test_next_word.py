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
    result = CliRunner().invoke(main, ["next", "Once", "--model", "openai/ft-own", "--json"])
    assert result.exit_code == 0, result.output
    body = json.loads(result.output)
    assert [(row["token"], round(row["low"], 3)) for row in body["tokens"]] == [(" a", 0.6), (" b", 0.3)]
    assert (body["sent_as"], round(body["not_told"]["low"], 3)) == ("completion", 0.1)
    result = CliRunner().invoke(main, ["next", "Once", "--model", "openai/ft-own", "--top", "1", "--top-p", "0.5"])
    assert result.output.split() == ["100.00", "%", "·a"]


def test_a_range_says_what_it_comes_from(scripted: Any) -> None:
    scripted(lambda request: reply(" a"))
    result = CliRunner().invoke(main, ["next", "Once", "--model", "openai/ft-own", "--temperature", "1.5"])
    assert " to " in result.stdout
    assert "2 tokens returned, which hold 90.0 % at temperature 1" in result.stderr


def test_a_text_that_is_not_utf_8_is_refused_with_the_place(scripted: Any) -> None:
    result = CliRunner().invoke(main, ["next", b"abc\xff".decode("utf-8", "surrogateescape")])
    assert result.exit_code == 2
    assert "The text is not UTF-8: byte 4 (line 1) is 0xFF" in result.output


def test_an_endpoint_without_probabilities_is_one_sentence(scripted: Any) -> None:
    scripted(lambda request: Reply("Hello"))
    result = CliRunner().invoke(main, ["next", "Once", "--model", "openai/ft-own"])
    assert result.exit_code == 2
    assert "returns no probabilities" in result.output
