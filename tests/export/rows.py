"""Rows of results with one variable and one check, written and read as CSV."""

from __future__ import annotations

import io
from typing import Any

from promptgrid.export import columns_for, read_csv, write_csv

HEADERS = columns_for(["text"], ["label"])


def exported(rows: list[dict[str, Any]], *, excel: bool = False) -> bytes:
    out = io.BytesIO()
    assert write_csv(rows, out, variables=["text"], checks=["label"], excel=excel) == len(rows)
    return out.getvalue()


def imported(data: bytes) -> list[dict[str, Any]]:
    return list(read_csv(io.BytesIO(data)))


def one(**cells: Any) -> dict[str, Any]:
    return dict.fromkeys(HEADERS) | cells
