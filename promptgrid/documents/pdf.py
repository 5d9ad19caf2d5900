"""Reads the text of a PDF in a child process: a damaged file that crashes the library ends only the child.

The child is this module itself, run as a program: PDF bytes on standard input, JSON on standard output.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from promptgrid.errors import DocumentsError

SECONDS = 300.0
MEMORY_BYTES = 4 * 2**30
MOST_PAGES = 20_000
_CHILD = "from promptgrid.documents.pdf import main; main()"
_HYPHEN = re.compile(r"[\ufffe\x02]\n?")  # PDFium's signs for a hyphen at the end of a line


def page_texts(data: bytes, name: str) -> list[str]:
    """Returns the text on each page of a PDF, without text beyond its edges; "" for a page without any, such as a scan.
    `name` stands for the file in errors. Raises DocumentsError if the PDF is encrypted, damaged, or takes too long or
    too much memory."""
    command = [sys.executable, "-c", _CHILD]
    here = str(Path(__file__).parents[2])
    try:
        done = subprocess.run(command, input=data, capture_output=True, timeout=SECONDS, check=False, cwd=here)
    except subprocess.TimeoutExpired as error:
        raise DocumentsError(f"{name} took more than {SECONDS:.0f} s to read.", hint="Split the PDF.") from error
    try:
        answer = json.loads(done.stdout)
    except ValueError as error:
        hint = "Open it in another program and save it anew."
        raise DocumentsError(f"{name} is a damaged PDF: reading it ended the reader.", hint=hint) from error
    if isinstance(answer, str):
        raise _refusal(name, answer)
    return [_HYPHEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", ""))
            for text in answer]  # fmt: skip


def _refusal(name: str, message: str) -> DocumentsError:
    if "password" in message.lower():
        return DocumentsError(f"{name} is encrypted.", hint="Save a copy without a password.")
    why = message.rstrip(".")
    return DocumentsError(f"{name} cannot be read as a PDF: {why}.", hint="Open it elsewhere and save it anew.")


def main() -> None:
    """Reads a PDF from standard input, and writes the texts of its pages to standard output as JSON: a list, or a
    string that says why it cannot be read."""
    import pypdfium2

    with suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    answer: list[str] | str
    try:
        with pypdfium2.PdfDocument(sys.stdin.buffer.read()) as document:
            if len(document) > MOST_PAGES:
                answer = f"it has {len(document):,} pages, more than {MOST_PAGES:,}."
            else:
                answer = [_page_text(document, number) for number in range(len(document))]
    except (pypdfium2.PdfiumError, MemoryError) as error:
        answer = f"{str(error) or 'it takes too much memory'}."
    sys.stdout.buffer.write(json.dumps(answer).encode())


def _page_text(document: Any, number: int) -> str:
    page = document[number]
    text: str = page.get_textpage().get_text_bounded()
    page.close()
    return text
