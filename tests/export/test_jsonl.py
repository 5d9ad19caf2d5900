"""JSON Lines: they come back as they were, and broken ones are refused with their line."""

from __future__ import annotations

import io
import json

import pytest

from promptgrid.errors import ExportError
from promptgrid.export import read_jsonl, write_jsonl
from tests.export.rows import HEADERS, one


def test_json_lines_come_back_and_carry_what_utf_8_cannot() -> None:
    rows = [
        one(output="今天\u2028\ud800", answer="", latency_ms=1.5, reused=True, sample=10**30),
        one(latency_ms=float("inf")),
    ]
    out = io.BytesIO()
    assert write_jsonl(rows, out) == 2
    lines = out.getvalue().decode().splitlines()
    assert [list(json.loads(line)) for line in lines] == [list(HEADERS)] * 2
    assert list(read_jsonl(io.BytesIO(out.getvalue()))) == [rows[0], one()]
    nested = [{"prompt": [{"role": "user", "content": "\ud83d\ude00 '\\x"}], "metadata": {"a": None, "'\\": [1]}}]
    out = io.BytesIO()
    write_jsonl(nested, out)
    assert list(read_jsonl(io.BytesIO(out.getvalue()))) == nested
    plain = io.BytesIO()
    write_jsonl([{"output": "今天"}], plain)
    assert plain.getvalue().decode() == '{"output": "今天"}\n'


@pytest.mark.parametrize(
    ("data", "says"), [(b'{"a":1}\n{"a"', "line 2 is not JSON"), (b"[1]\n", "line 1 is no JSON object")]
)
def test_broken_json_lines_are_refused_with_their_line(data: bytes, says: str) -> None:
    with pytest.raises(ExportError, match=says):
        list(read_jsonl(io.BytesIO(data)))
