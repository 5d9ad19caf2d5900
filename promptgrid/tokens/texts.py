"""A text out of a file's bytes."""

from __future__ import annotations

from promptgrid.errors import TextError

_OTHERS = {
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
    b"\x1f\x8b": "a gzip file",
    b"PK": "a zip file",
    b"%PDF": "a PDF",
}


def read_text(data: bytes, name: str) -> str:
    """The text as it is, without the byte order mark that some editors put before it.

    Raises TextError, with the place, for what is not UTF-8: counted with replacements it would be another text.
    """
    try:
        return data.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        place = f"byte {error.start + 1:,} (line {line:,}) is 0x{data[error.start]:02X}"
        looks = next((kind for mark, kind in _OTHERS.items() if data.startswith(mark)), "")
        hint = f"It looks like {looks}. " if looks else ""
        raise TextError(f"{name} is not UTF-8: {place}.", hint=f"{hint}Save it as UTF-8 text and try again.") from None
