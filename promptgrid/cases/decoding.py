"""Which encoding a table of unknown origin is in."""

from __future__ import annotations

import codecs

from promptgrid.errors import CasesError, TextError

MAX_BYTES = 100 * 1024 * 1024

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
    b"PK\x03\x04": "an Excel workbook (or a zip file)",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"%PDF": "a PDF",
    b"PAR1": "a Parquet file",
}
_CHUNK = 1024 * 1024
_NAMES = {"utf-16": "UTF-16", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16", "utf-32": "UTF-32", "gb18030": "GB18030"}


def decoded(data: bytes, name: str) -> tuple[str, list[str]]:
    """(an encoding that decodes all of the data, notes of what was tolerated). Raises CasesError."""
    for magic, what in _NOT_TEXT.items():
        if data.startswith(magic):
            raise CasesError(f"{name} is {what}, not a text.", hint="Save the sheet as CSV (UTF-8) and take that.")
    encoding = next((encoding for bom, encoding in _BOMS if data.startswith(bom)), "") or _without_bom(data)
    wrong_at = _first_wrong(data, encoding)
    if wrong_at is not None:
        row = data[:wrong_at].count(b"\n") + 1
        raise CasesError(
            f"{name} is not {_NAMES.get(encoding, 'UTF-8, GB18030 or Windows-1252')} text: "
            f"line {row} holds the byte 0x{data[wrong_at]:02x}.",
            hint="Save the table again as CSV in UTF-8.",
        )
    if encoding in ("utf-8", "utf-8-sig"):
        return encoding, []
    return encoding, [f"read as {_NAMES.get(encoding, 'Windows-1252')}"]


def megabytes(size: int) -> str:
    """The size as people read it, e.g. "100 MB" (1 MB is 1024 × 1024 bytes)."""
    return f"{size / (1024 * 1024):,.0f} MB"


def _without_bom(data: bytes) -> str:
    head = data[:2000]
    for encoding, zeros in (("utf-16-le", head[1::2]), ("utf-16-be", head[::2])):
        if len(zeros) > 2 and zeros.count(0) > 0.7 * len(zeros) and head.count(0) < 0.7 * len(head):
            return encoding
    if _first_wrong(data, "utf-8") is None:
        return "utf-8"
    if _first_wrong(data, "gb18030") is None and (_reads_chinese(data) or _first_wrong(data, "cp1252") is not None):
        return "gb18030"
    return "cp1252"


def _first_wrong(data: bytes, encoding: str) -> int | None:
    """Where the data cannot be decoded; piece by piece, so that no second copy of it lies in memory."""
    decoder = codecs.getincrementaldecoder(encoding)()
    for start in range(0, len(data) or 1, _CHUNK):
        pending = len(decoder.getstate()[0])
        try:
            decoder.decode(data[start : start + _CHUNK], final=start + _CHUNK >= len(data))
        except UnicodeDecodeError as error:
            return min(max(start - pending + error.start, 0), len(data) - 1)
    return None


def _reads_chinese(data: bytes) -> bool:
    """Whether most of what is not ASCII are common Chinese characters and punctuation (GB 2312 rows 1–3, 16–55).

    "résumé" decodes as GB18030 too, but into rare characters.
    """
    foreign = [c for c in data[: 64 * 1024].decode("gb18030", "ignore") if not c.isascii()]
    pairs = [c.encode("gb2312", "ignore") for c in foreign]
    common = sum(1 for pair in pairs if pair and (0xA1 <= pair[0] <= 0xA3 or 0xB0 <= pair[0] <= 0xD7))
    return common >= 0.7 * len(foreign)


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
