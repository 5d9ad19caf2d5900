"""Finds the encoding of a table: a byte order mark or valid UTF-8 proves it, otherwise the user must name it."""

from __future__ import annotations

import codecs
from collections.abc import Sequence

from promptgrid.errors import CasesError, EncodingError, TextError

MAX_BYTES = 100 * 1024 * 1024

ENCODINGS = {
    "utf-8": "UTF-8",
    "cp1252": "Windows-1252 (Western Europe)",
    "cp1250": "Windows-1250 (Central Europe)",
    "cp1251": "Windows-1251 (Cyrillic)",
    "cp1253": "Windows-1253 (Greek)",
    "cp1254": "Windows-1254 (Turkish)",
    "gb18030": "GB18030 (Simplified Chinese)",
    "big5": "Big5 (Traditional Chinese)",
    "shift_jis": "Shift-JIS (Japanese)",
    "euc_jp": "EUC-JP (Japanese)",
    "cp949": "CP949 (Korean)",
    "koi8_r": "KOI8-R (Cyrillic)",
    "mac_roman": "Mac Roman",
    "utf-16": "UTF-16",
}
"""The encodings that are offered where one has to be named, with what people call them."""

_CODECS = {"big5": "cp950", "shift_jis": "cp932"}  # Windows variants, with the characters that were added later
_BOMS = (  # UTF-32 first: its little-endian mark begins as UTF-16's does
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_OTHERS = {
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
    b"\x1f\x8b": "a gzip file",
    b"PK": "a zip file",
    b"%PDF": "a PDF",
}
_NOT_TEXT = {
    b"PK\x03\x04": "a zip file",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook (.xls)",
    b"%PDF": "a PDF",
    b"\x1f\x8b": "a gzip file",
    b"Rar!": "a rar file",
}


def decoded(data: bytes, name: str, encoding: str = "") -> tuple[str, list[str]]:
    """Returns (the text of the data, notes). The notes name the encoding unless it is UTF-8. `encoding` is the user's
    choice; it is ignored if the data begins with a byte order mark.

    Raises EncodingError if the encoding is uncertain, since bytes that are not UTF-8 are other characters in each
    encoding; CasesError for a file that is no text.
    """
    for magic, what in _NOT_TEXT.items():
        if data.startswith(magic):
            raise CasesError(f"{name} is {what}, not a text.", hint="Save the sheet as CSV (UTF-8) or .xlsx.")
    certain = next((one for bom, one in _BOMS if data.startswith(bom)), "")
    used = certain or (_known(encoding) if encoding else _wide(data) or "utf-8")
    try:
        text = data.decode(used)
    except UnicodeDecodeError as error:
        raise _refusal(data, name, error, named=bool(encoding or certain)) from error
    label = used[:6].upper() if used.startswith("utf") else encoding.strip()
    return text, [] if used in ("utf-8", "utf-8-sig") else [f"read as {ENCODINGS.get(label.lower(), label)}"]


def megabytes(size: int) -> str:
    """Returns the size in MB, e.g. "100 MB" (1 MB is 1024 × 1024 bytes)."""
    return f"{size / (1024 * 1024):,.0f} MB"


def _known(encoding: str) -> str:
    """Returns Python's name of the codec for an encoding named by the user. Raises CasesError for an unknown name."""
    name = encoding.strip().lower().replace("-", "_")
    codec = _CODECS.get(name, encoding.strip())
    try:
        "".encode(codec)
    except LookupError as error:
        hint = f"Such as {', '.join(ENCODINGS)}."
        raise CasesError(f"There is no encoding called {encoding!r}.", hint=hint) from error
    return codecs.lookup(codec).name


def _wide(data: bytes) -> str:
    """Returns "utf-16-le" or "utf-16-be" if the data looks like UTF-16 text: most of its bytes at odd or at even
    indices are 0. Otherwise returns ""."""
    head = data[:2000]
    for encoding, zeros in (("utf-16-le", head[1::2]), ("utf-16-be", head[::2])):
        if len(zeros) > 2 and zeros.count(0) > 0.7 * len(zeros) and head.count(0) < 0.7 * len(head):
            return encoding
    return ""


def _refusal(data: bytes, name: str, error: UnicodeDecodeError, *, named: bool) -> CasesError:
    row = data.count(b"\n", 0, error.start) + 1
    place = f"row {row:,} holds the byte 0x{data[error.start]:02x}"
    if named:
        message = f"{name} is not {ENCODINGS.get(error.encoding, error.encoding)}: {place}."
        return EncodingError(message, hint="Name another encoding, or save the table as UTF-8.")
    if _mostly_utf8(data):
        message = f"{name} is UTF-8 but for a stray byte: {place}."
        return EncodingError(message, hint="Correct that row and save the table as UTF-8.")
    row_bytes = data[data.rfind(b"\n", 0, error.start) + 1 :].split(b"\n", 1)[0][:400].strip()
    previews = possible_texts(data, row_bytes)
    examples = "; ".join(f"{encoding}: {text[:40]}" for encoding, text in previews[:6])
    hint = "Name its encoding (--encoding), or save it as UTF-8."
    hint += f" Row {row:,} would be {examples}." if previews else " No encoding that is tried makes a text of it."
    return EncodingError(f"{name} is not UTF-8: {place}.", hint=hint, texts=previews)


def _mostly_utf8(data: bytes) -> bool:
    """Tells whether the data is probably damaged UTF-8: it holds at least as many UTF-8 characters beyond ASCII as
    invalid bytes. Text in another encoding rarely does."""
    text = data.decode("utf-8", "replace")
    bad = text.count("\ufffd")
    return sum(not c.isascii() for c in text) >= 2 * bad


def possible_texts(data: bytes, row: bytes) -> Sequence[tuple[str, str]]:
    """Returns (encoding, the text of the bytes `row` in it) for each of ENCODINGS in which all of the `data` is valid
    and the row is printable, for the user to choose from. `row` is the part of the data that is shown as a sample."""
    texts = []
    for encoding in ENCODINGS:
        codec = _CODECS.get(encoding, encoding)
        try:
            data.decode(codec)
            texts.append((encoding, row.decode(codec)))
        except UnicodeDecodeError:
            continue
    return [(encoding, text) for encoding, text in texts if text.isprintable() or "\t" in text]


def read_text(data: bytes, name: str) -> str:
    """Returns the text of UTF-8 data, without a byte order mark. `name` stands for the data in errors.

    Raises TextError, with the place of the first wrong byte, if the data is not UTF-8: a text with replaced characters
    would be counted wrongly.
    """
    try:
        return data.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        place = f"byte {error.start + 1:,} (line {line:,}) is 0x{data[error.start]:02X}"
        looks = next((kind for mark, kind in _OTHERS.items() if data.startswith(mark)), "")
        hint = f"It looks like {looks}. " if looks else ""
        raise TextError(f"{name} is not UTF-8: {place}.", hint=f"{hint}Save it as UTF-8 text and try again.") from None
